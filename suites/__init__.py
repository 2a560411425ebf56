"""The checks: plain pytest, one folder a theme."""
