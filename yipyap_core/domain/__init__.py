"""Pure frozen values and the rules between them; no input, no output, no clock."""
