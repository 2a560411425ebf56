"""Every call of the control API, and every bad answer as a fault of the target."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from harness.asking.control import Control
from harness.record.asides import Asides, Notes, PlayedAsides, read
from harness.redact import Redactor
from harness.target import ControlPoint, Secret
from harness.wire.exchange import TargetFault

URL = "http://lab.test/control/v1"
KEY = {"key": "vgpu_sk_issued_0123", "key_id": "key_1", "account": "acct_1"}
MODEL = {"id": "a/b", "confidential_compute": True, "upstream_price": {"prompt": "1", "completion": "2"}}


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def control(redactor: Redactor) -> Iterator[Control]:
    made = Control(ControlPoint(URL, Secret("TOKEN", "control-token")), redactor)
    yield made
    made.close()


@pytest.fixture
def lab() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        yield router


def body(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


CALLS: dict[str, tuple[str, str, Any, Any, Callable[[Control], Any], Any]] = {
    # what is called: method, path, answer, the body that is sent, the call, what it returns
    "account": (
        "GET",
        "/accounts/acct_1",
        {"account": "acct_1", "balance_usd": "1.5", "reserved_usd": "0", "spent_usd": 2},
        None,
        lambda c: c.account("acct_1").balance_usd,
        Decimal("1.5"),
    ),
    "set_balance": (
        "PUT",
        "/accounts/acct_1/balance",
        {},
        {"balance_usd": "0.01"},
        lambda c: c.set_balance("acct_1", Decimal("0.01")),
        None,
    ),
    "models": ("GET", "/models", {"data": [MODEL]}, None, lambda c: c.models(), [MODEL]),
    "set_model": (
        "PATCH",
        "/models/a/b",
        {},
        {"confidential_compute": False},
        lambda c: c.set_model("a/b", confidential=False),
        None,
    ),
    "mark": ("GET", "/upstream/calls", {"mark": 7, "calls": []}, None, lambda c: c.mark(), 7),
    "calls_since": (
        "GET",
        "/upstream/calls?since=7",
        {"mark": 8, "calls": [{"n": 8}]},
        None,
        lambda c: c.calls_since(7),
        [{"n": 8}],
    ),
    "fault": (
        "POST",
        "/upstream/faults",
        {},
        {"fault": "hang", "times": 1, "at": 3},
        lambda c: c.fault("hang", at=3),
        None,
    ),
    "clear_faults": ("DELETE", "/upstream/faults", None, None, lambda c: c.clear_faults(), None),
    "set_clock": (
        "PUT",
        "/clock",
        {"now": "2026-11-20T12:00:00Z"},
        {"now": "2026-11-20T12:00:00Z"},
        lambda c: c.set_clock(datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)),
        "2026-11-20T12:00:00Z",
    ),
    "advance": ("PUT", "/clock", {"now": "x"}, {"advance_s": 60}, lambda c: c.advance(60), "x"),
    "reset": ("POST", "/reset", None, None, lambda c: c.reset(), None),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_sent_and_its_answer_read(name: str, control: Control, lab: respx.MockRouter) -> None:
    method, path, answer, sent, call, result = CALLS[name]
    route = lab.request(method, path).mock(httpx.Response(204) if answer is None else httpx.Response(200, json=answer))
    assert call(control) == result
    assert route.calls.last.request.headers["X-Control-Token"] == "control-token"
    assert sent is None or body(route) == sent


@pytest.mark.parametrize("name", CALLS)
def test_a_refusal_is_a_fault_of_the_target(name: str, control: Control, lab: respx.MockRouter) -> None:
    method, path, _, _, call, _ = CALLS[name]
    lab.request(method, path).mock(httpx.Response(500, text="broken"))
    with pytest.raises(TargetFault, match="answered 500: broken"):
        call(control)


def test_an_issued_key_is_a_secret_from_the_start(control: Control, redactor: Redactor, lab: respx.MockRouter) -> None:
    route = lab.post("/keys").mock(httpx.Response(201, json=KEY))
    key = control.issue_key(balance_usd="0.01", requests_per_minute=3)
    assert body(route) == {"account": None, "balance_usd": "0.01", "requests_per_minute": 3}
    assert (key.value.reveal(), key.key_id, key.account) == (KEY["key"], "key_1", "acct_1")
    assert KEY["key"] not in redactor.text(f"{key!r} {KEY['key']}")
    gone = lab.delete("/keys/key_1").mock(httpx.Response(204))
    control.revoke(key)
    assert gone.called


@pytest.mark.parametrize("key", ["short", "with a space in it", "with\r\nX-Line: ends", "schl\u00fcssel-123"])
def test_a_key_that_no_header_can_carry_is_a_fault(key: str, control: Control, lab: respx.MockRouter) -> None:
    lab.post("/keys").mock(httpx.Response(201, json={**KEY, "key": key}))
    with pytest.raises(TargetFault, match="no header can carry") as told:
        control.issue_key()
    assert key not in str(told.value)


def test_a_key_in_an_unexpected_answer_is_not_told(control: Control, lab: respx.MockRouter) -> None:
    lab.post("/keys").mock(httpx.Response(200, json=KEY))
    with pytest.raises(TargetFault, match="answered 200, expected 201") as told:
        control.issue_key()
    assert KEY["key"] not in str(told.value)


def test_a_secret_on_the_border_of_what_is_told_is_not_told_in_part(
    redactor: Redactor, control: Control, lab: respx.MockRouter
) -> None:
    redactor.add("TOKEN", "control-token")
    lab.get("/models").mock(httpx.Response(500, text="x" * 193 + "control-token"))
    with pytest.raises(TargetFault) as told:
        control.models()
    assert "control-t" not in str(told.value)


def test_an_answer_without_end_is_a_fault(control: Control, lab: respx.MockRouter) -> None:
    lab.get("/models").mock(httpx.Response(200, content=(b"x" * 65536 for _ in iter(int, 1))))
    with pytest.raises(TargetFault, match="more than 16777216 bytes"):
        control.models()


@pytest.mark.parametrize("raises", [False, True])
def test_a_flip_is_undone_whatever_happens(raises: bool, control: Control, lab: respx.MockRouter) -> None:
    lab.get("/models").mock(httpx.Response(200, json={"data": [MODEL]}))
    route = lab.patch("/models/a/b").mock(httpx.Response(200, json={}))
    with pytest.raises(AssertionError) if raises else control.flipped("a/b"):
        if raises:
            with control.flipped("a/b"):
                raise AssertionError
    assert [json.loads(call.request.content)["confidential_compute"] for call in route.calls] == [False, True]


def test_a_price_is_put_back(control: Control, lab: respx.MockRouter) -> None:
    lab.get("/models").mock(httpx.Response(200, json={"data": [MODEL]}))
    route = lab.patch("/models/a/b").mock(httpx.Response(200, json={}))
    with control.priced("a/b", prompt="9", completion=Decimal("9.5")):
        assert body(route) == {"upstream_price": {"prompt": "9", "completion": "9.5"}}
    assert body(route) == {"upstream_price": {"prompt": "1", "completion": "2"}}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="not JSON"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"mark": "7"}),
        httpx.Response(200, content=b"[" * 50_000),
        httpx.Response(307, headers={"Location": "http://elsewhere.test/"}),
    ],
)
def test_an_answer_of_another_shape_is_a_fault(answer: httpx.Response, control: Control, lab: respx.MockRouter) -> None:
    lab.get("/upstream/calls").mock(answer)
    with pytest.raises(TargetFault, match="control API"):
        control.mark()


def test_a_mark_neither_fetches_nor_keeps_again_what_was_before(lab: respx.MockRouter, tmp_path: Path) -> None:
    """Every call once, not at every mark: else what a run keeps would grow with the square of its calls."""
    redactor = Redactor()
    point = ControlPoint(URL, Secret("TOKEN", "control-token"))
    kept = Asides(tmp_path / "asides.jsonl", redactor)
    control = Control(point, redactor, notes=Notes(kept, lambda: "somebody"))
    calls = lab.get("/upstream/calls").mock(
        side_effect=[httpx.Response(200, json={"mark": n, "calls": [{"n": n}]}) for n in (7, 9)]
    )
    with contextlib.closing(kept), contextlib.closing(control):
        assert [control.mark(), control.mark()] == [7, 9]
    assert [call.request.url.params["since"] for call in calls.calls] == ["0", "7"]
    assert [row["learned"]["body"] for row in read(tmp_path / "asides.jsonl")] == ['{"mark": 7}', '{"mark": 9}']
    played = Control(point, redactor, notes=Notes(PlayedAsides(read(tmp_path / "asides.jsonl")), lambda: "another"))
    with contextlib.closing(played):
        assert [played.mark(), played.mark()] == [7, 9]


def test_no_connection_is_a_fault(control: Control, lab: respx.MockRouter) -> None:
    lab.post("/reset").mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(TargetFault, match="refused"):
        control.reset()


def test_an_unknown_model_cannot_be_flipped(control: Control, lab: respx.MockRouter) -> None:
    lab.get("/models").mock(httpx.Response(200, json={"data": []}))
    with pytest.raises(TargetFault, match="does not know"), control.flipped("x"):
        pass


def test_a_row_without_a_member_is_a_fault_of_the_control_api(control: Control, lab: respx.MockRouter) -> None:
    lab.get("/models").mock(httpx.Response(200, json={"data": [{"id": "a"}]}))
    with pytest.raises(TargetFault, match="no member sibling"):
        control.models()[0]["sibling"]
