"""What every ledger can be asked, and in which words it answers. Two keep the same promises: a file's and memory's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from mockserver.ledger.journal import Entry
    from mockserver.ledger.keys import Keys

NANO = 1_000_000_000
MICROSECONDS = 1_000_000


class Use(NamedTuple):
    """What a charge is for."""

    model: str
    prompt_tokens: int
    completion_tokens: int


class Charge(NamedTuple):
    """What a settled request cost."""

    request_id: str
    nano_usd: int
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """Amounts in nano-USD; `available` already excludes what is reserved."""

    name: str
    available: int
    reserved: int
    spent: int


class TakenError(ValueError):
    """This request id was held before."""


class Ledger(Protocol):
    """Used from one thread; each method happens as a whole or not at all."""

    keys: Keys

    def close(self) -> None:
        """Whatever this ledger still holds is released: nobody will settle it."""

    def account(self, name: str) -> Account | None: ...

    def tokens_of(self, name: str) -> int:
        """Tokens that the account was charged for."""

    def open_account(self, name: str, balance: int) -> None:
        """Create the account with a balance; one that already exists keeps what it has."""

    def set_balance(self, name: str, balance: int) -> None:
        """Top up or take away until `available` is exactly `balance`."""

    def adjust(self, name: str, amount: int) -> None:
        """Add to what is available without a word in the journal: only a ledger that is wrong does so."""

    def forget_spending(self) -> None:
        """Set what each account has spent back to nothing; the postings stay as they are."""

    def reserve(self, request_id: str, account: str, amount: int) -> bool:
        """Hold `amount` if the account has it. Raises TakenError for a request id seen before."""

    def settle(self, request_id: str, charge: int, use: Use | None = None) -> bool:
        """Charge a hold and release the rest; the account may go below zero if `charge` exceeds the hold."""

    def void(self, request_id: str) -> bool:
        """Release a hold without charging."""

    def refund(self, request_id: str, amount: int) -> bool:
        """Give back at most what was charged, once; False when there is nothing to give back or it was done."""

    def postings_total(self) -> int:
        """Zero, always: money moves, it does not appear."""

    def bucket(self, account: str, bucket: str) -> int:
        """Sum of everything that was ever posted to it."""

    def charge_of(self, request_id: str, account: str) -> Charge | None:
        """What a request of this account was charged; None while it is held, and for those of others."""

    def entries(self, since: int = 0, most: int = 100_000) -> Iterator[Entry]:
        """What happened after entry number `since`."""

    def held(self) -> int:
        """Number of holds that are neither settled nor voided."""
