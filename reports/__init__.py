"""Results in, text out. Nothing here imports the rest of the project."""
