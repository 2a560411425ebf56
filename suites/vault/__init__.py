"""Racks of bare metal, access to their machines, and what is known of their boot."""
