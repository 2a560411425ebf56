"""Client of the control API of a deployment under test. Every bad answer is a TargetFault; nothing here is judged."""

from __future__ import annotations

import contextlib
import datetime
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from harness.asking.sources import amount
from harness.model import NotObserved
from harness.record.asides import Notes, NotOnTape
from harness.redact import MIN_LENGTH, Redactor
from harness.target import ControlPoint, Secret, Timeouts
from harness.wire.exchange import TargetFault

T = TypeVar("T")
MAX_BYTES = 16 * 1024 * 1024  # of an answer; a longer list of calls is none that a run has caused
MOST_PAGES = 1_000  # of the journal of money


@dataclass(frozen=True)
class Key:
    """A credential issued during the run."""

    value: Secret
    key_id: str
    account: str


@dataclass(frozen=True)
class Account:
    account: str
    balance_usd: Decimal
    reserved_usd: Decimal
    spent_usd: Decimal


class Control:
    """Arranges what a client cannot: keys, balances, models, faults of the provider, the clock."""

    def __init__(
        self,
        point: ControlPoint,
        redactor: Redactor,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        notes: Notes | None = None,
    ) -> None:
        """`tls` is the target's: its control API may stand behind the same certificate."""
        limits = timeouts or Timeouts()
        self._redactor, self._notes = redactor, notes
        self._url = point.url
        self._total_s = limits.total_s
        self._issued = 0
        self._seen = 0  # upstream calls at the last mark
        self.accounts: set[str] = set()  # of the keys that were issued
        self._http = httpx.Client(
            headers={"X-Control-Token": point.token.reveal(), "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(limits.first_byte_s, connect=limits.connect_s),
            trust_env=False,
            follow_redirects=False,
            verify=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # no roots, which take long to read: no HTTPS
        )

    def issue_key(
        self,
        account: str | None = None,
        *,
        balance_usd: Decimal | str | None = None,
        requests_per_minute: int | None = None,
    ) -> Key:
        """A new key, of a new account when none is named."""
        asked: dict[str, Any] = {"account": account}
        if balance_usd is not None:
            asked["balance_usd"] = str(balance_usd)
        if requests_per_minute is not None:
            asked["requests_per_minute"] = requests_per_minute
        content = self._call("POST", "/keys", asked, 201, keep=False)
        row = _document(content, "POST /keys")
        self._issued += 1
        value = _member(row, "key", str)
        name = self._name_of(value)
        if len(value) < MIN_LENGTH or not value.isascii() or not value.isprintable() or " " in value:
            raise TargetFault("control API: POST /keys issued a key that no header can carry or nobody could redact")
        self._redactor.add(name, value)
        self._keep("POST", "/keys", 201, content)  # not before the key is known
        key = Key(Secret(name, value), _member(row, "key_id", str), _member(row, "account", str))
        self.accounts.add(key.account)
        return key

    def revoke(self, key: Key) -> None:
        self._call("DELETE", f"/keys/{quote(key.key_id, safe='')}", None, 204)

    def account(self, account: str) -> Account:
        row = self._object("GET", f"/accounts/{quote(account, safe='')}")
        return Account(
            _member(row, "account", str), _usd(row, "balance_usd"), _usd(row, "reserved_usd"), _usd(row, "spent_usd")
        )

    def set_balance(self, account: str, usd: Decimal | str) -> None:
        self._call("PUT", f"/accounts/{quote(account, safe='')}/balance", {"balance_usd": str(usd)})

    def models(self) -> list[dict[str, Any]]:
        return _rows(self._object("GET", "/models"), "data")

    def set_model(
        self, model: str, *, confidential: bool | None = None, upstream_price: dict[str, str] | None = None
    ) -> None:
        """Change a model's flag or its upstream price (`prompt`, `completion`: USD per million, as strings)."""
        change = {"confidential_compute": confidential, "upstream_price": upstream_price}
        self._call(
            "PATCH", f"/models/{quote(model)}", {name: value for name, value in change.items() if value is not None}
        )

    def mark(self) -> int:
        """The number of upstream calls so far. What they were is not kept again: `calls_since` says it."""
        path = "/upstream/calls"
        content = self._call("GET", path, query=f"?since={self._seen}", keep=False)
        self._seen = _member(_document(content, f"GET {path}"), "mark", int)
        self._keep("GET", path, 200, json.dumps({"mark": self._seen}).encode())
        return self._seen

    def calls_since(self, mark: int) -> list[dict[str, Any]]:
        return _rows(self._object("GET", f"/upstream/calls?since={mark}"), "calls")

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """What happened to money after a mark, oldest first. Raises NotObserved where no journal is kept."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = self._object("GET", f"/ledger?since={since}", absent="keeps no journal of money")
            rows = _rows(page, "entries")
            if not rows:
                return found
            since, found = _member(page, "mark", int), found + rows
        raise TargetFault(f"control API: GET /ledger did not end after {MOST_PAGES} pages")

    def fault(
        self,
        kind: str,
        *,
        at: int | None = None,
        times: int = 1,
        model: str | None = None,
        status: int | None = None,
    ) -> None:
        """Make the provider behind the gateway fail; specs/schema/faults.schema.json has the kinds."""
        asked = {"fault": kind, "at": at, "times": times, "model": model, "status": status}
        self._call("POST", "/upstream/faults", {name: value for name, value in asked.items() if value is not None})

    def clear_faults(self) -> None:
        self._call("DELETE", "/upstream/faults")

    def set_clock(self, now: datetime.datetime | str | None) -> str:
        """Stop the deployment's clock at a time, or let it run with the wall clock (None)."""
        given = (
            now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(now, datetime.datetime) else now
        )
        return _member(self._object("PUT", "/clock", {"now": given}), "now", str)

    def advance(self, seconds: int) -> str:
        return _member(self._object("PUT", "/clock", {"advance_s": seconds}), "now", str)

    def reset(self) -> None:
        self._call("POST", "/reset")
        self._seen = 0

    @contextlib.contextmanager
    def flipped(self, model: str) -> Iterator[None]:
        """The model loses its confidential flag inside, and has again what it had after."""
        before = self._model(model)
        self.set_model(model, confidential=False)
        try:
            yield
        finally:
            self.set_model(model, confidential=bool(before.get("confidential_compute")))

    @contextlib.contextmanager
    def priced(self, model: str, *, prompt: Decimal | str, completion: Decimal | str) -> Iterator[None]:
        """The model costs this upstream (USD per million) inside, and what it did before after."""
        before = _member(self._model(model), "upstream_price", dict)
        self.set_model(model, upstream_price={"prompt": str(prompt), "completion": str(completion)})
        try:
            yield
        finally:
            self.set_model(model, upstream_price={name: str(value) for name, value in before.items()})

    def close(self) -> None:
        self._http.close()

    def _model(self, model: str) -> dict[str, Any]:
        found = next((row for row in self.models() if row.get("id") == model), None)
        if found is None:
            raise TargetFault(f"the control API does not know the model {model!r}")
        return found

    def _object(
        self, method: str, path: str, body: Any = None, status: int | None = None, absent: str | None = None
    ) -> dict[str, Any]:
        return _document(self._call(method, path, body, status, absent), f"{method} {path}")

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        status: int | None = None,
        absent: str | None = None,
        *,
        query: str = "",
        keep: bool = True,
    ) -> bytes:
        """The body of the answer. One that was a success says nothing here: it may hold a key nobody knows yet.

        With `absent` an operation that is not there raises NotObserved with these words. The `query` is no part of what
        was asked when a run is played.
        """
        came, content = self._played(method, path) or self._fetched(method, path + query, body)
        if not 200 <= came < 300:  # its body may hold what nobody has named as a secret yet
            self._keep(method, path, came, b"")
        if absent is not None and came in (404, 501):
            raise NotObserved(f"the target's control API {absent}")
        if not 200 <= came < 300:
            text = self._redactor.text(content.decode(errors="replace"))[:200]
            raise TargetFault(f"control API: {method} {path} answered {came}: {text}")
        if status is not None and came != status:
            raise TargetFault(f"control API: {method} {path} answered {came}, expected {status}")
        if keep:
            self._keep(method, path, came, content)
        return content

    def _played(self, method: str, path: str) -> tuple[int, bytes] | None:
        """What was answered in the run that is played; None in one that is not. Raises NotOnTape."""
        if self._notes is None or not self._notes.plays:
            return None
        if (known := self._notes.known(_operation(self._url, method, path))) is None:
            raise NotOnTape(f"the saved run has no answer of the control API to {method} {path}")
        return known["status"], known["body"].encode()

    def _keep(self, method: str, path: str, status: int, content: bytes) -> None:
        if self._notes is not None:
            learned = {"status": status, "body": content.decode(errors="replace")}
            self._notes.note(_operation(self._url, method, path), learned)

    def _name_of(self, value: str) -> str:
        """Of an issued key; one that was taken out of what is played keeps its name."""
        if self._notes is not None and self._notes.plays:
            return value.removeprefix("${").removesuffix("}")
        return f"ISSUED_KEY_{self._issued}"

    def _fetched(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        try:
            with self._http.stream(method, self._url + path, json=body) as answer:
                return answer.status_code, self._content(answer, f"{method} {path}")
        except httpx.HTTPError as error:
            raise TargetFault(f"control API: {method} {path}: {str(error) or type(error).__name__}") from error

    def _content(self, answer: httpx.Response, asked: str) -> bytes:
        """The body as it came, within the time and the size of an ordinary answer."""
        content, end = bytearray(), time.monotonic() + self._total_s
        for data in answer.iter_raw():
            content += data
            if len(content) > MAX_BYTES:
                raise TargetFault(f"control API: {asked} answered with more than {MAX_BYTES} bytes")
            if time.monotonic() > end:
                raise TargetFault(f"control API: {asked} was not answered within {self._total_s:g} s")
        return bytes(content)


def _member(row: dict[str, Any], name: str, kind: type[T]) -> T:
    value = row.get(name)
    if not isinstance(value, kind):
        raise TargetFault(f"control API: expected {name} as {kind.__name__}")
    return value


def _operation(url: str, method: str, path: str) -> str:
    return f"{method} {url}{path}"


def _document(content: bytes, asked: str) -> dict[str, Any]:
    try:
        found = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        found = None
    if not isinstance(found, dict):
        raise TargetFault(f"control API: {asked} did not answer with a JSON object")
    return found


def _usd(row: dict[str, Any], name: str) -> Decimal:
    if (found := amount(row.get(name))) is None:
        raise TargetFault(f"control API: expected {name} as a decimal number of USD")
    return found


def _rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [_Row(row) for row in _member(document, name, list) if isinstance(row, dict)]


class _Row(dict[str, Any]):
    """A row of an answer: a member that is not there is the control API's fault, and no breach of the contract."""

    def __missing__(self, name: str) -> Any:
        raise TargetFault(f"control API: a row has no member {name}")
