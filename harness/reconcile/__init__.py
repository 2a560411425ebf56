"""Holds what was seen on the wire against what a ledger says it charged, request by request, to the nano-dollar.

It reads files and asks no network. It does not guess: a difference is "consistent with" a cause, or unexplained.
"""

from __future__ import annotations

from harness.reconcile.engine import Settings
from harness.reconcile.fault import BadInput
from harness.reconcile.reconciler import Inputs, reconcile, reconcile_run

__all__ = ["BadInput", "Inputs", "Settings", "reconcile", "reconcile_run"]
