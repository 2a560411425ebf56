"""Servers nobody here wrote: installed, started, judged and stopped. It imports nothing of the rest of the tree."""
