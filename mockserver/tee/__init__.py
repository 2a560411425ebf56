"""A trusted execution environment under a test root: quotes, event logs, collateral. Never the judge's code."""

from __future__ import annotations

from mockserver.tee.decisions import Decisions
from mockserver.tee.platform import Platform

__all__ = ["Decisions", "Platform"]
