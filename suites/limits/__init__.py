"""Requests a minute: what is stated, and what is enforced."""
