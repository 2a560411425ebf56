"""Codes that are out: device codes, and authorization codes with the logins they came from. Kept as digests."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS sign_in_devices (
  code TEXT PRIMARY KEY, user_code TEXT UNIQUE NOT NULL, client TEXT NOT NULL, scope TEXT NOT NULL,
  expires REAL NOT NULL, interval REAL NOT NULL, polled REAL, decision TEXT, account TEXT, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sign_in_logins (
  id TEXT PRIMARY KEY, client TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL, state TEXT,
  nonce TEXT, challenge TEXT NOT NULL, expires REAL NOT NULL, account TEXT, code TEXT UNIQUE, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sign_in_keys (pem TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Device:
    """`code` is a digest; `decision` is approve, deny or None; times in unix seconds, `interval` in seconds."""

    code: str
    user_code: str
    client: str
    scope: str
    expires: float
    interval: float
    polled: float | None = None
    decision: str | None = None
    account: str | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """A login that began; `code` is the digest of the authorization code once the person has signed in."""

    id: str
    client: str
    redirect_uri: str
    scope: str
    state: str | None
    nonce: str | None
    challenge: str
    expires: float
    account: str | None = None
    code: str | None = None
    used: bool = False


class Grants:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add_device(self, made: Device) -> None:
        row = (made.code, made.user_code, made.client, made.scope, made.expires, made.interval)
        self._db.execute("INSERT INTO sign_in_devices VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL, 0)", row)

    def device(self, code: str) -> Device | None:
        row = self._db.execute("SELECT * FROM sign_in_devices WHERE code = ?", (digest(code),)).fetchone()
        return Device(*row) if row else None

    def device_of(self, user_code: str) -> Device | None:
        row = self._db.execute("SELECT * FROM sign_in_devices WHERE user_code = ?", (user_code,)).fetchone()
        return Device(*row) if row else None

    def poll(self, device: Device, at: float, interval: float) -> None:
        query = "UPDATE sign_in_devices SET polled = ?, interval = ? WHERE code = ?"
        self._db.execute(query, (at, interval, device.code))

    def decide(self, device: Device, decision: str, account: str) -> None:
        query = "UPDATE sign_in_devices SET decision = ?, account = ? WHERE code = ? AND decision IS NULL"
        self._db.execute(query, (decision, account, device.code))

    def use_device(self, device: Device) -> bool:
        """True for the first to ask."""
        query = "UPDATE sign_in_devices SET used = 1 WHERE code = ? AND NOT used"
        return bool(self._db.execute(query, (device.code,)).rowcount)

    def add_login(self, made: Login) -> None:
        row = (made.id, made.client, made.redirect_uri, made.scope, made.state, made.nonce, made.challenge)
        query = "INSERT INTO sign_in_logins VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0)"
        self._db.execute(query, (*row, made.expires))

    def login(self, login_id: str) -> Login | None:
        row = self._db.execute("SELECT * FROM sign_in_logins WHERE id = ?", (digest(login_id),)).fetchone()
        return Login(*row) if row else None

    def login_of(self, code: str) -> Login | None:
        row = self._db.execute("SELECT * FROM sign_in_logins WHERE code = ?", (digest(code),)).fetchone()
        return Login(*row) if row else None

    def signed_in(self, login: Login, account: str, code: str) -> bool:
        """True for the first person to sign in by this login."""
        query = "UPDATE sign_in_logins SET account = ?, code = ? WHERE id = ? AND code IS NULL"
        return bool(self._db.execute(query, (account, digest(code), login.id)).rowcount)

    def use_login(self, login: Login) -> bool:
        query = "UPDATE sign_in_logins SET used = 1 WHERE id = ? AND NOT used"
        return bool(self._db.execute(query, (login.id,)).rowcount)

    def clear(self) -> None:
        self._db.execute("DELETE FROM sign_in_devices")
        self._db.execute("DELETE FROM sign_in_logins")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
