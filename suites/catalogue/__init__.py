"""The model list, its rows, and what the gate makes of them."""
