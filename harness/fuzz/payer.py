"""Which key pays for what the fuzz suite asks: one of its own where there is a laboratory."""

from __future__ import annotations

from harness.asking.ask import Ask
from harness.asking.credentials import Credential

ALLOWANCE_USD = "5"  # of the account that pays for generated requests, where one can be opened


def key_for_fuzzing(ask: Ask, *, left_unread: bool = False) -> Credential:
    """Hundreds of requests would use up the limit of the main key, which all other checks share.

    What answers cost that nobody reads (`left_unread`) is nowhere to be seen: no bill of the run can hold it.
    """
    if ask.target.control is None:
        return "main"
    key = ask.control.issue_key(balance_usd=ALLOWANCE_USD)
    if left_unread:
        ask.control.accounts.discard(key.account)
    return key
