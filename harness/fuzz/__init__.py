"""Requests that nobody wrote: generated ones, sequences, rewritten ones, hostile ones and races, and what they show.

It asks through our own client or a socket of its own, within the budget of the run; what it finds is told by cause.
"""
