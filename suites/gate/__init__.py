"""What may be served at all: the confidential gate and the refused families."""
