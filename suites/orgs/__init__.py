"""Checks of organisations: keys, the audit trail, and that tenants see nothing of each other."""
