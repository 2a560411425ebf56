"""The target file and the environment turned into a Target: the one door by which secrets come in.

Refuses credentials in URLs, unknown keys, and a named secret that the environment does not hold.
"""

from harness.target.file import KEY_VARIABLE, load
from harness.target.parts import (
    BalancePoint,
    ControlPoint,
    CostPoint,
    EvidencePoint,
    Limits,
    Spend,
    Target,
    Timeouts,
)
from harness.target.secret import Secret, TargetError, secret_in

__all__ = [
    "KEY_VARIABLE",
    "BalancePoint",
    "ControlPoint",
    "CostPoint",
    "EvidencePoint",
    "Limits",
    "Secret",
    "Spend",
    "Target",
    "TargetError",
    "Timeouts",
    "load",
    "secret_in",
]
