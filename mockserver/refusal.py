"""A refusal: what the gateway answers instead of a result. It carries no prompt text and no internals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refusal(Exception):
    """Raised anywhere on the way to an answer; `status` 200 is possible only where a defect asks for it."""

    status: int
    code: str
    message: str
    kind: str = "invalid_request_error"
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the envelope may tell besides
