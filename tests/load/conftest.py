"""The load is driven through the same Ask as everything else."""

from __future__ import annotations

from tests.harness.conftest import connect

__all__ = ["connect"]
