"""Many streams at once: what no test with one request ever shows."""
