"""The key that id tokens are signed with. A state file keeps it, so that tokens outlive a restart."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"


class Signer:
    def __init__(self, key: RSAKey) -> None:
        self._key = key

    @property
    def kid(self) -> str:
        return self._key.thumbprint()

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": self.kid}, dict(claims), self._key)

    def public(self) -> dict[str, Any]:
        """The key as a member of a key set."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "alg": ALGORITHM, "use": "sig"}


def open_signer(db: sqlite3.Connection, *, lasting: bool) -> Signer:
    """The file's key, made when there is none yet; one for the whole process where nothing is kept."""
    if not lasting:
        return _of_this_process()
    row = db.execute("SELECT pem FROM sign_in_keys").fetchone()
    if row is not None:
        return Signer(RSAKey.import_key(row[0]))
    made = new_key()
    db.execute("INSERT INTO sign_in_keys VALUES (?)", (made.as_pem(private=True).decode(),))
    return Signer(made)


@functools.cache
def _of_this_process() -> Signer:
    return Signer(new_key())


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048)
