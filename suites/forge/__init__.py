"""GPUs that are leased, and access to them."""
