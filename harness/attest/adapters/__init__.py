"""One module for each evidence format met in the field: bytes in, Evidence out. They judge nothing."""
