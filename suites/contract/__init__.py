"""Requests, answers and errors that are not streamed."""
