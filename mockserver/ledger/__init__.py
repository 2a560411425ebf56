"""Accounts, keys and money: double entry in SQLite, integer nano-USD, exact under kill -9 and several processes."""

from mockserver.ledger.book import NANO, Account, Charge, Ledger, Use
from mockserver.ledger.journal import Entry
from mockserver.ledger.keys import Key

__all__ = ["NANO", "Account", "Charge", "Entry", "Key", "Ledger", "Use"]
