"""Any order of requests, aborts, faults, deposits, refunds and price changes leaves the books right."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mockserver.defects import find_defect
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server

MODEL = "Qwen/Qwen3-32B-TEE"
TOKEN = "a token of the laboratory"
MARKUP = Decimal("1.85")
NANO = Decimal("1e-9")
FAULTS = (
    "drop_after_chunks",
    "error_in_stream",
    "fail_before_first_byte",
    "refuse",
    "omit_usage",
    "zero_usage",
    "cumulative_usage",
    "duplicate_chunk",
)
prices = st.decimals("0.01", "20", places=2)


class Money(RuleBasedStateMachine):
    """A client with an account of its own, and a laboratory that changes the world between its requests."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.control = httpx.Client(base_url=server.origin + "/control/v1", headers={"X-Control-Token": TOKEN})
        made = self._post("/keys", {"balance_usd": "0.001"})
        self.account = made["account"]
        self.api = httpx.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {made['key']}"})
        self.mark = self.control.get("/ledger").json()["mark"]
        self.deposits = Decimal("0.001")
        self.due: dict[str, Decimal] = {}  # where the answer says what it comes to
        self.free: set[str] = set()  # requests that must not be charged
        self.charged: dict[str, Decimal] = {}
        self.refunded: set[str] = set()
        self.price = {"prompt": "0.08", "completion": "0.24"}
        self._patch(self.price)

    @rule(content=st.sampled_from(["Hi", "Count from 1 to 40"]), bound=st.integers(1, 60), n=st.integers(1, 3))
    def ask(self, content: str, bound: int, n: int) -> None:
        self._note(self.api.post("/chat/completions", json=self._body(content, max_tokens=bound, n=n)))

    @rule(bound=st.integers(1, 60))
    def stream(self, bound: int) -> None:
        body = self._body("Count from 1 to 40", max_tokens=bound, stream=True)
        self._note(self.api.post("/chat/completions", json=body))

    @rule(chunks=st.integers(0, 6))
    def leave(self, chunks: int) -> None:
        """After so many lines of a stream."""
        body = self._body("Count from 1 to 400", max_tokens=400, stream=True)
        with self.api.stream("POST", "/chat/completions", json=body) as answer:
            for _, _ in zip(range(chunks), answer.iter_lines(), strict=False):
                pass

    @rule(body=st.sampled_from([{"model": "no/such-model"}, {"temperature": 9}, {"messages": []}]))
    def ask_wrongly(self, body: dict[str, Any]) -> None:
        answer = self.api.post("/chat/completions", json={**self._body("Hi"), **body})
        assert answer.status_code in (400, 404)
        self.free.add(answer.headers["x-request-id"])

    @rule(fault=st.sampled_from(FAULTS), at=st.integers(0, 5), stream=st.booleans())
    def fail(self, fault: str, at: int, stream: bool) -> None:
        """The provider does something wrong to the next request."""
        self._post("/upstream/faults", {"fault": fault, "at": at})
        answer = self.api.post("/chat/completions", json=self._body("Count from 1 to 9", stream=stream))
        self.control.delete("/upstream/faults")
        if answer.status_code == 502:
            self.free.add(answer.headers["x-request-id"])

    @rule(usd=st.decimals("0", "0.01", places=9))
    def set_balance(self, usd: Decimal) -> None:
        before = Decimal(self._account()["balance_usd"])
        self.control.put(f"/accounts/{self.account}/balance", json={"balance_usd": str(usd)})
        self.deposits += usd - before

    @rule(prompt=prices, completion=prices)
    def change_price(self, prompt: Decimal, completion: Decimal) -> None:
        self._patch({"prompt": str(prompt), "completion": str(completion)})

    @precondition(lambda self: self.charged.keys() - self.refunded)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.charged.keys() - self.refunded)))
        refund = {"request_id": request_id, "usd": f"{self.charged[request_id]:f}"}
        due = 201 if self.charged[request_id] > 0 else 409
        assert [self.control.post("/refunds", json=refund).status_code for _ in range(2)] == [due, 409]
        self.refunded.add(request_id)

    @invariant()
    def books_are_right(self) -> None:
        account, entries = self._account(), self._entries()
        kinds = {kind: [row for row in entries if row["kind"] == kind] for kind in ("hold", "charge", "void", "refund")}
        self.charged = {row["request_id"]: row["nano_usd"] * NANO for row in kinds["charge"]}
        back = sum(row["nano_usd"] * NANO for row in kinds["refund"])
        spent = sum(self.charged.values()) - back
        assert account["reserved_usd"] == "0.000000000"
        assert Decimal(account["spent_usd"]) == spent
        assert Decimal(account["balance_usd"]) == self.deposits - spent
        ended = [row["request_id"] for kind in ("charge", "void") for row in kinds[kind]]
        assert sorted(ended) == sorted(row["request_id"] for row in kinds["hold"])
        assert not self.free & self.charged.keys()
        assert {name: self.charged.get(name) for name in self.due} == self.due

    def teardown(self) -> None:
        self._patch({"prompt": "0.08", "completion": "0.24"})
        self.control.close()
        self.api.close()

    def _note(self, answer: httpx.Response) -> None:
        """What the answer's own usage comes to at the price of the moment."""
        request_id = answer.headers["x-request-id"]
        if answer.status_code != 200:
            assert answer.status_code == 402
            self.free.add(request_id)
            return
        usage = _usage(answer)
        prompt, completion = (Decimal(self.price[part]) * MARKUP for part in ("prompt", "completion"))
        usd = (prompt * usage["prompt_tokens"] + completion * usage["completion_tokens"]) / 1_000_000
        self.due[request_id] = usd.quantize(NANO, ROUND_HALF_EVEN)

    def _body(self, content: str, **members: Any) -> dict[str, Any]:
        return {"model": MODEL, "messages": [{"role": "user", "content": content}], **members}

    def _account(self) -> dict[str, str]:
        """Once nothing is held: a client that left is settled a moment later."""
        for _ in range(500):
            found: dict[str, str] = self.control.get(f"/accounts/{self.account}").json()
            if found["reserved_usd"] == "0.000000000":
                break
        return found

    def _entries(self) -> list[dict[str, Any]]:
        told = self.control.get("/ledger", params={"since": self.mark}).json()["entries"]
        return [row for row in told if row["account"] == self.account]

    def _patch(self, price: dict[str, str]) -> None:
        self.price = price
        assert self.control.patch(f"/models/{MODEL}", json={"upstream_price": price}).status_code == 200

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.control.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def _usage(answer: httpx.Response) -> dict[str, int]:
    if answer.headers["content-type"].startswith("application/json"):
        return dict(answer.json()["usage"])
    events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line.startswith("data: {")]
    return dict(json.loads(events[-1])["usage"])


def explored(gateway: Gateway, examples: int) -> None:
    """Raises what the first wrong book raises."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with Server("voltagegpu-confidential", gateway, Options(control_token=TOKEN, ttft=0, itl=0)) as server:

        class OfServer(Money):
            def __init__(self) -> None:
                super().__init__(server)

        run_state_machine_as_test(OfServer, settings=chosen)


def test_any_order_of_things_leaves_the_books_right() -> None:
    explored(Gateway(), 25)


@pytest.mark.parametrize(
    "defect",
    ["keeps-the-estimate", "bills-failed-calls", "never-releases-a-hold", "charges-the-first-price-it-saw"],
)
def test_it_notices_books_that_are_wrong(defect: str) -> None:
    with pytest.raises(AssertionError):
        explored(find_defect(defect).apply(Gateway()), 25)
