"""The loaded models: choice of files, checks before a load, canaries, reloads."""
