"""Collects evidence inside a guest: asks the machine itself, keeps raw bytes, judges nothing and caches nothing."""

from __future__ import annotations

from harness.collect.bundle import SOURCES, Bundle, collect
from harness.collect.faults import Absent, CollectError, Refused
from harness.collect.guest import Guest

__all__ = ["SOURCES", "Absent", "Bundle", "CollectError", "Guest", "Refused", "collect"]
