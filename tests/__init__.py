"""Unit tests of harness, mockserver, specs and reports."""
