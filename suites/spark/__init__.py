"""Checks of Spark: where a request is served, and what its answer says of that."""
