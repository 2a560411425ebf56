"""Speech and its voices."""
