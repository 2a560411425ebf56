"""The line to a target: one exchange at a time, what it may cost, and the record of all of them."""
