"""Who may come in: users, passwords, tokens, the throttle of failed sign-ins."""
