"""Requests that nobody wrote: generated from the contract's OpenAPI document."""
