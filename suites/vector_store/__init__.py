"""Collections, items, files and search, and chat that reads in them."""
