"""Unit tests of what the suites share."""
