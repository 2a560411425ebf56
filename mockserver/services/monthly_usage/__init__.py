"""What an account has used this month and the month before: tokens and characters, by kind.

Each call is counted once, before its answer is whole, so that whoever has the answer finds it in the sums.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mockserver.services.answers import json_answer
from mockserver.services.observing import when_whole
from mockserver.services.service import Route, Service

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State

KINDS = ("chat", "embedding", "tts", "tts_sm", "image", "image_sm")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS used (
  account TEXT NOT NULL, month TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
  PRIMARY KEY (account, month, kind));
"""


class Sums:
    """Amounts by account, month (`2026-11`) and kind."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, account: str, month: str, used: Mapping[str, int]) -> None:
        self._db.executemany(
            "INSERT INTO used VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            [(account, month, kind, amount) for kind, amount in used.items()],
        )

    def of(self, account: str, month: str) -> dict[str, int]:
        rows = self._db.execute("SELECT kind, amount FROM used WHERE account = ? AND month = ?", (account, month))
        return dict.fromkeys(KINDS, 0) | dict(map(tuple, rows))

    def reset(self) -> None:
        self._db.execute("DELETE FROM used")


def sums_of(call: Call) -> Sums:
    sums: Sums = call.state.parts["monthly_usage"]
    return sums


def month_of(now: datetime) -> str:
    return now.strftime("%Y-%m")


def month_before(now: datetime) -> str:
    return month_of(now.replace(day=1) - timedelta(days=1))


async def serve(call: Call) -> Reply:
    usage, now = call.gateway.monthly_usage, call.state.clock.instant()
    account = usage.account_of(call)
    months = {"current_month": usage.current(now), "previous_month": usage.previous(now)}
    return json_answer(
        call, {name: usage.shown(call, sums_of(call).of(account, month)) for name, month in months.items()}
    )


def account_of(call: Call) -> str:
    return call.gateway.account_of(call)


def shown(call: Call, amounts: dict[str, int]) -> Any:
    return amounts


def observe(call: Call, reply: Reply) -> Reply:
    """Count what the call has used, once its answer is whole or broken off."""
    if call.key is None:
        return reply
    return when_whole(call, reply, lambda body, whole: call.gateway.monthly_usage.count(call))


def count(call: Call) -> None:
    if used := call.gateway.monthly_usage.used(call):
        month = month_of(call.state.clock.instant())
        sums_of(call).add(call.gateway.account_of(call), month, used)


def used(call: Call) -> Mapping[str, int]:
    return call.used


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `monthly_usage`."""

    serve: Callable[[Call], Awaitable[Reply]] = serve
    account_of: Callable[[Call], str] = account_of  # whose usage is told
    current: Callable[[datetime], str] = month_of
    previous: Callable[[datetime], str] = month_before
    shown: Callable[[Call, dict[str, int]], Any] = shown
    count: Callable[[Call], None] = count
    used: Callable[[Call], Mapping[str, int]] = used  # what a call adds


def _open(storage: Storage, state: State) -> Sums:
    return Sums(storage.connect(_SCHEMA))


SERVICE = Service("monthly_usage", routes=(Route("GET", "/usage", "monthly_usage.serve"),), open=_open, observe=observe)
