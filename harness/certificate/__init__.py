"""A certificate: a signed statement about one run, and all that it takes to check it without its author."""
