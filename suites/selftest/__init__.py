"""Proves the rest: the clean mock is green, every defect is killed by name. The only checks that import the mock."""
