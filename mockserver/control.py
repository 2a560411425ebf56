"""The control API of a laboratory: accounts, keys, flags, prices, the provider's log and faults, the clock.

Served only with a token; specs/control/openapi.yaml describes it. It never touches the gateway's decisions.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mockserver.behaviours.admission import read_body
from mockserver.call import Price, Reply
from mockserver.ledger import NANO
from mockserver.refusal import Refusal
from mockserver.upstream import CallRecord, FaultError, fault_of
from mockserver.wire import decode, encode

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row
    from mockserver.state import State

PREFIX = "/control/v1/"
MOST_USD = 10**9  # in one amount; the ledger's integers hold nine times as much
MOST_ENTRIES = 10_000  # of the ledger in one answer
Action = Callable[["Call", str, dict[str, Any]], Any]


class Control:
    """Routes below /control/v1; every action changes `State` and nothing else."""

    def __init__(self, state: State, token: str) -> None:
        self._state, self._token = state, token
        self._exact: dict[tuple[str, str], Action] = {
            ("POST", "keys"): self._add_key,
            ("GET", "models"): self._models,
            ("GET", "upstream/calls"): self._calls,
            ("POST", "upstream/faults"): self._add_fault,
            ("DELETE", "upstream/faults"): self._clear_faults,
            ("GET", "ledger"): self._ledger,
            ("POST", "refunds"): self._refund,
            ("PUT", "clock"): self._set_clock,
            ("POST", "reset"): self._reset,
        }

    async def __call__(self, call: Call) -> Reply:
        """A JSON answer, 204 for an action without one, or the refusal in a plain envelope."""
        try:
            if not hmac.compare_digest(call.headers.get("x-control-token", "").encode(), self._token.encode()):
                raise Refusal(401, "invalid_token", "X-Control-Token is missing or wrong.")
            await read_body(call)
            return _reply(self._act(call, call.path.removeprefix(PREFIX), _object(call.raw)))
        except Refusal as refusal:
            return _json({"error": {"message": refusal.message, "code": refusal.code}}, refusal.status)

    def _act(self, call: Call, path: str, body: dict[str, Any]) -> Any:
        action = self._exact.get((call.method, path)) or self._action_on_one(call.method, path)
        if action is None:
            raise Refusal(404, "not_found", "The control API has no such path or method.")
        return action(call, path, body)

    def _action_on_one(self, method: str, path: str) -> Action | None:
        if method == "GET" and path.startswith("accounts/"):
            return self._account
        if method == "PUT" and path.startswith("accounts/") and path.endswith("/balance"):
            return self._set_balance
        if method == "DELETE" and path.startswith("keys/"):
            return self._revoke
        if method == "PATCH" and path.startswith("models/"):
            return self._change_model
        return None

    def _account(self, _: Call, path: str, __: dict[str, Any]) -> Any:
        return self._shown(path.removeprefix("accounts/"))

    def _shown(self, name: str) -> dict[str, str]:
        account = self._state.ledger.account(name)
        if account is None:
            raise Refusal(404, "unknown_account", "There is no such account.")
        return {
            "account": name,
            "balance_usd": usd(account.available),
            "reserved_usd": usd(account.reserved),
            "spent_usd": usd(account.spent),
        }

    def _set_balance(self, _: Call, path: str, body: dict[str, Any]) -> Any:
        name = path.removeprefix("accounts/").removesuffix("/balance")
        self._shown(name)
        self._state.ledger.set_balance(name, _nano(body, "balance_usd"))
        return self._shown(name)

    def _add_key(self, call: Call, _: str, body: dict[str, Any]) -> Any:
        number = self._state.ledger.keys.number()
        key_id = f"key_{number:06d}"
        account = body.get("account") or f"acct_{number:06d}"
        if not isinstance(account, str):
            raise Refusal(400, "invalid", "account: expected a string or null.")
        if body.get("account") is None:
            self._state.ledger.open_account(account, 0)
        self._shown(account)
        if body.get("balance_usd") is not None:
            self._state.ledger.set_balance(account, _nano(body, "balance_usd"))
        limit = _integer(body, "requests_per_minute", None, 1)
        secret = call.gateway.new_secret(self._state.traits, self._state.seed, key_id)
        key = self._state.ledger.keys.add(secret, key_id, account, limit)
        return Created({"key": secret, "key_id": key.key_id, "account": account})

    def _revoke(self, _: Call, path: str, __: dict[str, Any]) -> Any:
        if not self._state.ledger.keys.revoke(path.removeprefix("keys/")):
            raise Refusal(404, "unknown_key", "There is no such live key.")
        return None

    def _models(self, _: Call, __: str, ___: dict[str, Any]) -> Any:
        return {"data": [self._model(row) for row in self._state.catalogue.rows.values()]}

    def _model(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id,
            "confidential_compute": row.confidential,
            "upstream_price": {"prompt": str(row.upstream.prompt), "completion": str(row.upstream.completion)},
            "markup": str(self._state.traits.markup),
            "sibling": row.sibling,
        }

    def _change_model(self, _: Call, path: str, body: dict[str, Any]) -> Any:
        row = self._state.catalogue.get(path.removeprefix("models/"))
        if row is None:
            raise Refusal(404, "unknown_model", "There is no such model.")
        flag = body.get("confidential_compute")
        if flag is not None and not isinstance(flag, bool):
            raise Refusal(400, "invalid", "confidential_compute: expected true or false.")
        prices = body.get("upstream_price")
        price = None
        if prices is not None:
            price = Price(*(_decimal(prices.get(part, str(getattr(row.upstream, part)))) for part in Price._fields))
        return self._model(self._state.catalogue.change(row.id, flag, price))

    def _calls(self, call: Call, _: str, __: dict[str, Any]) -> Any:
        since, upstream = _mark(call), self._state.upstream
        return {"mark": upstream.started, "calls": [_logged(record) for record in upstream.since(since)]}

    def _ledger(self, call: Call, _: str, __: dict[str, Any]) -> Any:
        since = _mark(call)
        entries = [{"n": entry.n, **entry.document()} for entry in self._state.ledger.entries(since, MOST_ENTRIES)]
        return {"mark": entries[-1]["n"] if entries else since, "entries": entries}

    def _refund(self, _: Call, __: str, body: dict[str, Any]) -> Any:
        request_id = body.get("request_id")
        if not isinstance(request_id, str):
            raise Refusal(400, "invalid", "request_id: expected a string.")
        if not self._state.ledger.refund(request_id, _nano(body, "usd")):
            raise Refusal(409, "not_refundable", "No charge of that request, or less was charged, or it is given back.")
        return Created({"request_id": request_id, "usd": body["usd"]})

    def _add_fault(self, _: Call, __: str, body: dict[str, Any]) -> Any:
        upstream = self._state.upstream
        try:
            fault = fault_of({name: value for name, value in body.items() if value is not None}, upstream.kinds)
        except FaultError as error:
            raise Refusal(400, "invalid", f"{error}.") from None
        upstream.script.faults.append(fault)
        return Created({"fault": fault.kind, "at": fault.at, "times": fault.times, "model": fault.model})

    def _clear_faults(self, *_: Any) -> Any:
        self._state.upstream.script.faults.clear()

    def _set_clock(self, _: Call, __: str, body: dict[str, Any]) -> Any:
        clock = self._state.clock
        if "now" in body and body["now"] is None:
            clock.reset()
        elif "now" in body:
            clock.stop(_instant(body["now"]))
        clock.advance(_integer(body, "advance_s", 0, None) or 0)
        return {"now": _iso(clock.now())}

    def _reset(self, *_: Any) -> Any:
        self._state.reset()


class Created(dict[str, Any]):
    """An answer with status 201."""


def usd(nano: int) -> str:
    """Nano-USD as a decimal string with nine places."""
    return f"{(Decimal(nano) / NANO):.9f}"


def _reply(value: Any) -> Reply:
    if value is None:
        return Reply(204, b"", [])
    return _json(value, 201 if isinstance(value, Created) else 200)


def _json(value: Any, status: int) -> Reply:
    return Reply(status, encode(value), [("Content-Type", "application/json")])


def _mark(call: Call) -> int:
    since = parse_qs(call.query).get("since", ["0"])[-1]
    if not since.isdecimal() or len(since) > 15:
        raise Refusal(400, "invalid", "since: expected a mark from an earlier answer.")
    return int(since)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = decode(raw) if raw else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_json", "The body is not a JSON object.")
    return value


def _decimal(value: Any) -> Decimal:
    try:
        amount = Decimal(value) if isinstance(value, (str, int)) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise Refusal(400, "invalid", "Amounts are decimal strings.")
    return amount


def _nano(body: dict[str, Any], name: str) -> int:
    amount = _decimal(body.get(name))
    if not -MOST_USD <= amount <= MOST_USD:
        raise Refusal(400, "invalid", f"{name}: more than {MOST_USD} USD are not kept.")
    return int(amount * NANO)


def _integer(body: dict[str, Any], name: str, default: int | None, low: int | None) -> int | None:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or (low is not None and value < low):
        raise Refusal(400, "invalid", f"{name}: expected an integer.")
    return value


def _instant(text: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refusal(400, "invalid", "now: expected an ISO 8601 instant or null.") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _logged(record: CallRecord) -> dict[str, Any]:
    return {
        "n": record.n,
        "request_id": record.request_id,
        "account": record.account,
        "model": record.model,
        "body": record.body,
        "usage": record.usage,
        "chunks": record.chunks,
        "outcome": record.outcome,
        "fault": record.fault,
        "started": _iso(record.started),
        "ended": _iso(record.ended) if record.ended is not None else None,
    }
