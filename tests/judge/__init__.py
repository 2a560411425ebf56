"""Unit tests of the pure rules: hand-made exchanges, good ones and bad ones."""
