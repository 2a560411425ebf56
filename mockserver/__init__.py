"""The reference mock: serves a contract honestly, and lets a named defect override one decision of it."""
