"""The ledger of a mock without a state file: balances for ever, the journal and the holds of the latest requests.

The same double entry as in the file, in dictionaries: it serves one process, and ends with it. What is older than
`KEPT` requests is in the balances and nowhere else, so that memory does not grow with the number of requests.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import dropwhile, islice

from mockserver.ledger import store
from mockserver.ledger.journal import Entry, moment
from mockserver.ledger.keys import Keys
from mockserver.ledger.terms import MICROSECONDS, Account, Charge, TakenError, Use

KEPT = 100_000  # requests that can still be asked about or refunded
KEPT_ENTRIES = 2 * KEPT  # a request has two entries, if all goes well
_NO_USE = (None, None, None)
_OTHERS = (("deposit", "outside"), ("provider", "revenue"), ("provider", "refunds"))


class _Purse:
    """What belongs to one account."""

    __slots__ = ("available", "reserved", "spent", "tokens")

    def __init__(self) -> None:
        self.available = self.reserved = self.spent = self.tokens = 0


class _Hold:
    __slots__ = ("account", "amount", "charge", "state", "use")

    def __init__(self, account: str, amount: int) -> None:
        self.account, self.amount = account, amount
        self.state = "held"  # or settled, voided, refunded
        self.charge = 0
        self.use: Use | None = None


class MemoryLedger:
    """As `Ledger` promises."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._db = store.connect(None)
        self.keys = Keys(self._db, shared=False)
        self._purses: dict[str, _Purse] = {}  # by account
        self._others = {"outside": 0, "revenue": 0, "refunds": 0}  # buckets of the two that are no accounts
        self._holds: dict[str, _Hold] = {}  # by request id
        self._ended: deque[str] = deque()  # those that are settled or voided, oldest first
        self._journal: deque[tuple[int, int, str | None, str, str, int, Use | None]] = deque(maxlen=KEPT_ENTRIES)
        self._number = 0  # of the last posting

    def close(self) -> None:
        for request_id in [name for name, hold in self._holds.items() if hold.state == "held"]:
            self.void(request_id)
        self._db.close()

    # accounts

    def account(self, name: str) -> Account | None:
        purse = self._purses.get(name)
        return Account(name, purse.available, purse.reserved, purse.spent) if purse is not None else None

    def tokens_of(self, name: str) -> int:
        return self._purses[name].tokens if name in self._purses else 0

    def open_account(self, name: str, balance: int) -> None:
        if name not in self._purses:
            self._purses[name] = _Purse()
            self._top_up(name, balance)

    def set_balance(self, name: str, balance: int) -> None:
        self.open_account(name, 0)
        self._top_up(name, balance - self._purses[name].available)

    def adjust(self, name: str, amount: int) -> None:
        if name in self._purses:
            self._purses[name].available += amount

    def forget_spending(self) -> None:
        for purse in self._purses.values():
            purse.spent = 0

    def _top_up(self, name: str, amount: int) -> None:
        self._others["outside"] -= amount
        self._purses[name].available += amount
        self._write(2, None, name, "top-up", amount, None)

    # holds

    def reserve(self, request_id: str, account: str, amount: int) -> bool:
        purse = self._purses.get(account)
        if purse is None or purse.available < amount:
            return False
        if request_id in self._holds:
            raise TakenError(request_id)
        self._holds[request_id] = _Hold(account, amount)
        purse.available -= amount
        purse.reserved += amount
        self._write(2, request_id, account, "hold", amount, None)
        return True

    def settle(self, request_id: str, charge: int, use: Use | None = None) -> bool:
        hold = self._end(request_id, "settled")
        if hold is None:
            return False
        purse, amount = self._purses[hold.account], hold.amount
        hold.charge, hold.use = charge, use
        purse.reserved -= amount
        purse.available += amount - charge
        self._others["revenue"] += charge
        purse.spent += charge
        if use is not None:
            purse.tokens += use.prompt_tokens + use.completion_tokens
        self._write(3, request_id, hold.account, "charge", charge, use)
        return True

    def void(self, request_id: str) -> bool:
        hold = self._end(request_id, "voided")
        if hold is None:
            return False
        purse = self._purses[hold.account]
        purse.reserved -= hold.amount
        purse.available += hold.amount
        self._write(2, request_id, hold.account, "void", hold.amount, None)
        return True

    def refund(self, request_id: str, amount: int) -> bool:
        hold = self._holds.get(request_id)
        if hold is None or hold.state != "settled" or not 1 <= amount <= hold.charge:
            return False
        hold.state, purse, use = "refunded", self._purses[hold.account], hold.use
        self._others["refunds"] -= amount
        purse.available += amount
        purse.spent -= amount
        purse.tokens -= use.prompt_tokens + use.completion_tokens if use else 0
        self._write(2, request_id, hold.account, "refund", amount, use)
        return True

    def _end(self, request_id: str, state: str) -> _Hold | None:
        """The hold, if it was still one."""
        hold = self._holds.get(request_id)
        if hold is None or hold.state != "held":
            return None
        hold.state = state
        self._ended.append(request_id)
        if len(self._ended) > KEPT:
            del self._holds[self._ended.popleft()]
        return hold

    # inspection

    def postings_total(self) -> int:
        return sum(purse.available + purse.reserved for purse in self._purses.values()) + sum(self._others.values())

    def bucket(self, account: str, bucket: str) -> int:
        if (account, bucket) in _OTHERS:
            return self._others[bucket]
        purse = self._purses.get(account)
        return getattr(purse, bucket) if purse is not None and bucket in ("available", "reserved") else 0

    def charge_of(self, request_id: str, account: str) -> Charge | None:
        hold = self._holds.get(request_id)
        if hold is None or hold.account != account or hold.state not in ("settled", "refunded"):
            return None
        return Charge(request_id, hold.charge, *(hold.use or _NO_USE))

    def entries(self, since: int = 0, most: int = 100_000) -> Iterator[Entry]:
        later = dropwhile(lambda row: row[0] <= since, self._journal)
        for n, at, request_id, account, kind, amount, use in list(islice(later, most)):
            model, prompt, completion = use or _NO_USE
            if kind == "refund":  # it tells the model and no tokens, which the charge has told
                prompt = completion = None
            yield Entry(n, moment(at), request_id, account, kind, amount, model, prompt, completion)

    def held(self) -> int:
        return sum(hold.state == "held" for hold in self._holds.values())

    def _write(
        self, postings: int, request_id: str | None, account: str, kind: str, amount: int, use: Use | None
    ) -> None:
        """Numbers go up by the postings that a transfer has, as in the file."""
        self._number += postings
        at = int(self._now() * MICROSECONDS)
        self._journal.append((self._number, at, request_id, account, kind, amount, use))
