"""What is kept of a run beside its exchanges, and a saved run played again."""
