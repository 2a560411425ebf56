"""One run: which checks are made, what they cost, how they end."""
