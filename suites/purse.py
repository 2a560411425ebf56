"""An account to spend from and to watch: what a call took from it, and what it caused upstream."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from harness.asking.ask import Ask
from harness.asking.control import Key
from harness.asking.credentials import Credential
from harness.judge.billing import NANO, Price, cost_of, price_of
from harness.judge.catalogue import row_of
from harness.model import NotObserved
from harness.wire.exchange import Exchange

PURSE_USD: Final = "5"
READS: Final = 16  # of a balance while it drains


@dataclass(frozen=True)
class Bill:
    """One call with the balance before and after it, and the price that was listed for it."""

    exchange: Exchange
    price: Price
    before: Decimal
    after: Decimal

    @property
    def charged(self) -> Decimal:
        return self.before - self.after

    @property
    def due(self) -> Decimal:
        """What the reported usage comes to. Raises NotObserved when none is reported."""
        found = cost_of(self.exchange, self.price)
        if found is None:
            raise NotObserved("the answer reports no usage")
        return found

    @property
    def is_right(self) -> bool:
        return abs(self.charged - self.due) <= NANO

    def __str__(self) -> str:
        return f"charged {self.charged:f} USD, where the listed price and the reported usage make {self.due:f}"


class Purse:
    """One account. With control it is one that nobody else uses; without, it is the main one."""

    def __init__(
        self, ask: Ask, key: Credential, read: Callable[[], Decimal], drain_s: float, paid_in: Decimal | None = None
    ) -> None:
        """`paid_in` is what a new account was opened with."""
        self._ask, self.key, self.read, self._drain_s, self.paid_in = ask, key, read, drain_s, paid_in
        self._mark = ask.provider.mark() if ask.has_provider else None

    @property
    def account(self) -> str | None:
        """The account's name where control tells it."""
        return self.key.account if isinstance(self.key, Key) else None

    def spend(self, prompt: str | None = None, **members: Any) -> Bill:
        """One chat call, charged; `members` as for Ask.chat."""
        model = members.get("model") or self._ask.default_model
        price = self.listed(model)
        before = self.read()
        answer = self._ask.chat(prompt, **{"key": self.key, **members})
        due = cost_of(answer, price)
        after = self.settled() if due is None else self._drained_to(before - due)
        return Bill(answer, price, before, after)

    def listed(self, model: str) -> Price:
        """The price as it is listed now. Raises NotObserved when the model is not listed with one."""
        found = price_of(row_of(self._ask.models(), model), self._ask.contract)
        if found is None:
            raise NotObserved(f"{model} is not listed with a price")
        return found

    def settled(self) -> Decimal:
        """The balance once two reads agree and nothing is held, or what it is when the time to drain is over."""
        last, end = self.read(), time.monotonic() + self._drain_s
        while time.monotonic() < end:
            time.sleep(self._drain_s / READS)
            now = self.read()
            if now == last and self.held() == 0:
                return now
            last = now
        return last

    def charges(self) -> Decimal:
        """What a new account has been charged in all. Raises NotObserved for one that others use as well."""
        if self.paid_in is None:
            raise NotObserved("the account was not opened by this run")
        return self.paid_in - self.settled()

    def held(self) -> Decimal:
        """What is held back for calls in flight; zero where that cannot be seen."""
        return self._ask.control.account(self.key.account).reserved_usd if isinstance(self.key, Key) else Decimal(0)

    def upstream_calls(self) -> list[dict[str, Any]]:
        """What the provider was asked on this account so far. Raises NotObserved where its log cannot be read.

        A provider of its own knows no accounts: then it is what it was asked at all, by this run alone.
        """
        if self._mark is None:
            raise NotObserved("the target offers no control API, and no provider of ours stands behind it")
        calls = self._ask.provider.calls_since(self._mark)
        return [call for call in calls if call.get("account") in ("", self.account)]

    def journal(self) -> list[dict[str, Any]]:
        """What happened to this account's money. Raises NotObserved without a journal."""
        if not isinstance(self.key, Key):
            raise NotObserved("the target offers no control API")
        entries = self._ask.control.journal()
        return [entry for entry in entries if entry["account"] == self.key.account]

    @contextlib.contextmanager
    def failing(
        self, kind: str, model: str, *, at: int | None = None, times: int = 1, status: int | None = None
    ) -> Iterator[None]:
        """The provider of a model fails inside; a fault that no call of ours met is taken back."""
        known = len(self.upstream_calls())
        self._ask.provider.fault(kind, at=at, times=times, model=model, status=status)
        try:
            yield
        finally:
            if len(self.upstream_calls()) == known:
                self._ask.provider.clear_faults()

    def _drained_to(self, expected: Decimal) -> Decimal:
        """The balance as soon as it is what is expected, or what it is when the time to drain is over."""
        end = time.monotonic() + self._drain_s
        while abs((now := self.read()) - expected) > NANO and time.monotonic() < end:
            time.sleep(self._drain_s / READS)
        return now


def open_account(ask: Ask, usd: Decimal | str = PURSE_USD) -> Purse:
    """A new account with so much money and a key of it. Raises NotObserved without control."""
    key = ask.control.issue_key(balance_usd=usd)
    return Purse(ask, key, lambda: ask.control.account(key.account).balance_usd, drain_s(ask), Decimal(usd))


def main_purse(ask: Ask) -> Purse:
    """The main account, as the target's own balance source shows it. Raises NotObserved without one.

    Also while other processes of the run spend from it: what they hold and release is no breach.
    """
    if not ask.alone:
        raise NotObserved("other workers of this run spend from the main account; run this suite without -n")
    return Purse(ask, "main", ask.balance.read, drain_s(ask))


def open_purse(ask: Ask) -> Purse:
    """A new account; the main one where there is no control. Raises NotObserved without either."""
    return open_account(ask) if "control" in ask.target.capabilities() else main_purse(ask)


def drain_s(ask: Ask) -> float:
    """How long money may take to settle."""
    return ask.target.balance.drain_s if ask.target.balance is not None else 2.0
