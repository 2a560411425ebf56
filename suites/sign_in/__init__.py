"""Checks of sign-in: the device flow and OpenID Connect."""
