"""Evidence: what a fresh quote proves of a listed model."""
