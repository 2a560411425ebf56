"""A refusal: what the gateway answers instead of a result. It carries no prompt text and no internals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """Raised anywhere on the way to an answer; `status` 200 is possible only where a defect asks for it."""

    status: int
    code: str
    message: str
    kind: str = "invalid_request_error"
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
