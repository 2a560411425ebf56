"""The ledger of a mock without a state file: balances for ever, the journal and the holds of the latest requests.

The same double entry as in the file, in dictionaries: it serves one process, and ends with it. What is older than
`KEPT` requests is in the balances and nowhere else, so that memory does not grow with the number of requests.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import dropwhile, islice
from typing import NamedTuple

from mockserver.ledger import store
from mockserver.ledger.journal import Entry, moment
from mockserver.ledger.keys import Keys
from mockserver.ledger.terms import MICROSECONDS, Account, Charge, TakenError, Use

KEPT = 100_000  # requests that can still be asked about or refunded
KEPT_ENTRIES = 2 * KEPT  # a request has two entries, if all goes well
_NO_USE = (None, None, None)


class _Hold(NamedTuple):
    account: str
    amount: int
    state: str = "held"  # or settled, voided, refunded
    charge: int = 0
    use: Use | None = None


class MemoryLedger:
    """As `Ledger` promises."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._db = store.connect(None)
        self.keys = Keys(self._db, shared=False)
        self._spent: dict[str, int] = {}
        self._tokens: defaultdict[str, int] = defaultdict(int)
        self._buckets: defaultdict[tuple[str, str], int] = defaultdict(int)
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
        if name not in self._spent:
            return None
        buckets = self._buckets
        return Account(name, buckets[name, "available"], buckets[name, "reserved"], self._spent[name])

    def tokens_of(self, name: str) -> int:
        return self._tokens[name]

    def open_account(self, name: str, balance: int) -> None:
        if name not in self._spent:
            self._spent[name] = 0
            self._top_up(name, balance)

    def set_balance(self, name: str, balance: int) -> None:
        self.open_account(name, 0)
        self._top_up(name, balance - self._buckets[name, "available"])

    def adjust(self, name: str, amount: int) -> None:
        self._buckets[name, "available"] += amount

    def forget_spending(self) -> None:
        self._spent = dict.fromkeys(self._spent, 0)

    def _top_up(self, name: str, amount: int) -> None:
        self._buckets["deposit", "outside"] -= amount
        self._buckets[name, "available"] += amount
        self._write(2, None, name, "top-up", amount, None)

    # holds

    def reserve(self, request_id: str, account: str, amount: int) -> bool:
        if account not in self._spent or self._buckets[account, "available"] < amount:
            return False
        if request_id in self._holds:
            raise TakenError(request_id)
        self._holds[request_id] = _Hold(account, amount)
        self._buckets[account, "available"] -= amount
        self._buckets[account, "reserved"] += amount
        self._write(2, request_id, account, "hold", amount, None)
        return True

    def settle(self, request_id: str, charge: int, use: Use | None = None) -> bool:
        hold = self._holds.get(request_id)
        if hold is None or hold.state != "held":
            return False
        account, amount = hold.account, hold.amount
        self._end(request_id, _Hold(account, amount, "settled", charge, use))
        self._buckets[account, "reserved"] -= amount
        self._buckets[account, "available"] += amount - charge
        self._buckets["provider", "revenue"] += charge
        self._spent[account] += charge
        self._tokens[account] += use.prompt_tokens + use.completion_tokens if use else 0
        self._write(3, request_id, account, "charge", charge, use)
        return True

    def void(self, request_id: str) -> bool:
        hold = self._holds.get(request_id)
        if hold is None or hold.state != "held":
            return False
        account, amount = hold.account, hold.amount
        self._end(request_id, _Hold(account, amount, "voided"))
        self._buckets[account, "reserved"] -= amount
        self._buckets[account, "available"] += amount
        self._write(2, request_id, account, "void", amount, None)
        return True

    def refund(self, request_id: str, amount: int) -> bool:
        hold = self._holds.get(request_id)
        if hold is None or hold.state != "settled" or not 1 <= amount <= hold.charge:
            return False
        self._holds[request_id] = hold._replace(state="refunded")
        self._buckets["provider", "refunds"] -= amount
        self._buckets[hold.account, "available"] += amount
        self._spent[hold.account] -= amount
        use = hold.use
        self._tokens[hold.account] -= use.prompt_tokens + use.completion_tokens if use else 0
        self._write(2, request_id, hold.account, "refund", amount, use)
        return True

    def _end(self, request_id: str, hold: _Hold) -> None:
        self._holds[request_id] = hold
        self._ended.append(request_id)
        if len(self._ended) > KEPT:
            del self._holds[self._ended.popleft()]

    # inspection

    def postings_total(self) -> int:
        return sum(self._buckets.values())

    def bucket(self, account: str, bucket: str) -> int:
        return self._buckets[account, bucket]

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
