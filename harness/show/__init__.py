"""Runs that have been made, shown: again in any format, one against another, many beside each other, and live."""
