"""The bill: what is listed, held, charged and released."""
