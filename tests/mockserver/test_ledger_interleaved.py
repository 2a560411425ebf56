"""Requests that overlap, at two workers of one ledger file: the books are audited after every single step."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import specs
from mockserver.app import App
from mockserver.behaviours.tokens import count_prompt
from mockserver.control import Control
from mockserver.defects import find_defect
from mockserver.gateway import Gateway
from mockserver.ledger import TakenError
from mockserver.state import State, build_state
from mockserver.upstream import OF_THE_ANSWER, Pace
from tests.mockserver.visits import Loop, Visit

MODELS = ("Qwen/Qwen3-32B-TEE", "openai/gpt-oss-120b-TEE")
REFUSED = "Qwen/Qwen3-32B"  # known, and not confidential
PROMPTS = ("Count from 1 to 30", "Repeat exactly: 1 π 語 𝄞 ñ", "Hello")
MARKUP = Decimal("1.85")
ITL = 0.01
WORKERS = 2
Price = tuple[Decimal, Decimal]


class Request(NamedTuple):
    worker: int
    payer: int  # 0 has money
    model: str
    prompt: str
    n: int
    bound: int


REQUESTS = st.builds(
    Request,
    worker=st.integers(0, WORKERS - 1),
    payer=st.sampled_from((0, 0, 1)),
    model=st.sampled_from(MODELS),
    prompt=st.sampled_from(PROMPTS),
    n=st.integers(1, 2),
    bound=st.integers(1, 12),
)


@dataclass
class Asked:
    """A request, the price when it was admitted, and what the journal must say of it in the end."""

    visit: Visit
    body: dict[str, Any]
    account: str
    price: Price
    worker: int
    request_id: str | None  # None: refused before the provider was asked
    charged: int | None = None
    refunded: int = 0

    def nano(self, prompt: int, completion: int) -> int:
        exact = 1000 * MARKUP * (prompt * self.price[0] + completion * self.price[1])
        return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))

    def due(self, logged: dict[str, int] | None) -> int | None:
        """Nano-USD by what went out on the wire; where a client left, by the provider's log. None: nothing."""
        if self.visit.status not in (0, 200):
            return None
        shown = [row for row in self._shown() if row]
        if any("error" in row for row in shown):
            return self._by_bytes(shown)
        usage = next((row["usage"] for row in reversed(shown) if row.get("usage")), logged)
        return self.nano(usage["prompt_tokens"], usage["completion_tokens"]) if usage else self._by_bytes(shown)

    def _shown(self) -> list[dict[str, Any]]:
        if self.body["stream"]:
            return self.visit.events
        return [self.visit.document] if self.visit.complete else []

    def _by_bytes(self, shown: list[dict[str, Any]]) -> int:
        deltas = [choice["delta"] for row in shown for choice in row.get("choices", ())]
        size = sum(len(delta.get("content", "").encode()) for delta in deltas)
        return self.nano(count_prompt(self.body), min(-(-size // 4), self.body["n"] * self.body["max_tokens"]))


class Books(RuleBasedStateMachine):
    """Every rule is one step of one party; between steps nothing moves."""

    defect: str | None = None

    @initialize(poor=st.integers(0, 60_000))
    def start(self, poor: int) -> None:
        self.loop = Loop()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "ledger.db"
        contract = specs.load("voltagegpu-confidential")
        gateway = find_defect(self.defect).apply(Gateway()) if self.defect else Gateway()
        self.states: list[State] = [
            build_state(contract, gateway, pace=Pace(ITL, ITL), state_file=path) for _ in range(WORKERS)
        ]
        self.apps = [App(gateway, state, Control(state, "T")) for state in self.states]
        self.audit = sqlite3.connect(path)
        self.prices = [
            {row.id: (row.upstream.prompt, row.upstream.completion) for row in state.catalogue.rows.values()}
            for state in self.states
        ]
        self.asked: list[Asked] = []
        self.deposits: dict[str, int] = {}
        self.keys: list[tuple[str, str]] = []
        for worker, balance in enumerate((10**9, poor)):
            self._issue(worker, balance)

    def _issue(self, worker: int, balance: int) -> None:
        made = self._control(worker, "POST", "keys", {"balance_usd": f"{Decimal(balance).scaleb(-9):f}"}).document
        assert made["account"] not in self.deposits
        self.deposits[made["account"]] = balance
        self.keys.append((made["key"], made["account"]))

    # what clients do

    @rule(request=REQUESTS, patience=st.integers(0, 30))
    def ask_for_a_stream(self, request: Request, patience: int) -> None:
        self._ask(request, stream=True).read(patience)
        self.loop.settle()

    @rule(request=REQUESTS)
    def ask_for_an_answer(self, request: Request) -> None:
        self._ask(request, stream=False)

    @rule(request=REQUESTS, stream=st.booleans())
    def ask_for_a_model_that_is_refused(self, request: Request, stream: bool) -> None:
        visit = self._ask(request._replace(model=REFUSED), stream=stream)
        assert visit.status == 400

    def _ask(self, request: Request, *, stream: bool) -> Visit:
        """Admitted exactly when the account can pay for the most that it may come to."""
        worker, (secret, account) = request.worker, self.keys[request.payer]
        body = {"model": request.model, "messages": [{"role": "user", "content": request.prompt}], "stream": stream}
        body |= {"n": request.n, "max_tokens": request.bound}
        upstream, free = self.states[worker].upstream, self._account(account)[0]
        before = upstream.started
        headers = {"authorization": f"Bearer {secret}"}
        visit = Visit(self.loop, self.apps[worker], "POST", "/v1/chat/completions", headers, body)
        reached = upstream.started > before
        request_id = upstream.calls[-1].request_id if reached else None
        asked = Asked(visit, body, account, self.prices[worker][request.model], worker, request_id)
        affordable = asked.nano(count_prompt(body), request.n * request.bound) <= free
        assert reached is (request.model != REFUSED and affordable)
        assert reached or visit.status == (400 if request.model == REFUSED else 402)
        self.asked.append(asked)
        return visit

    @precondition(lambda self: self.open())
    @rule(pick=st.integers(0, 99), frames=st.integers(1, 30))
    def read(self, pick: int, frames: int) -> None:
        self._some(self.open(), pick).visit.read(frames)
        self.loop.settle()

    @precondition(lambda self: self.open())
    @rule(pick=st.integers(0, 99))
    def leave(self, pick: int) -> None:
        self._some(self.open(), pick).visit.leave()
        self.loop.settle()

    @precondition(lambda self: self.open())
    @rule(pick=st.integers(0, 99))
    def read_to_the_end(self, pick: int) -> None:
        visit = self._some(self.open(), pick).visit
        visit.read(1000)
        self.loop.advance(20 * ITL, 20)

    @rule(steps=st.integers(1, 8))
    def wait(self, steps: int) -> None:
        self.loop.advance(steps * ITL, steps)

    # what the laboratory does

    @rule(request=REQUESTS, kind=st.sampled_from(sorted(OF_THE_ANSWER)), at=st.integers(0, 8), stream=st.booleans())
    def break_the_provider(self, request: Request, kind: str, at: int, stream: bool) -> None:
        """For the next request at this worker, which is this one where the account can pay for it."""
        self._control(request.worker, "POST", "upstream/faults", {"fault": kind, "at": at})
        self._ask(request, stream=stream).read(1000)
        self.loop.settle()

    @rule(worker=st.integers(0, WORKERS - 1), payer=st.integers(0, 1), balance=st.integers(0, 200_000))
    def set_balance(self, worker: int, payer: int, balance: int) -> None:
        account = self.keys[payer][1]
        self.deposits[account] += balance - self._account(account)[0]
        usd = f"{Decimal(balance).scaleb(-9):f}"
        self._control(worker, "PUT", f"accounts/{account}/balance", {"balance_usd": usd})

    @rule(
        worker=st.integers(0, WORKERS - 1),
        model=st.sampled_from(MODELS),
        price=st.tuples(st.integers(0, 9999), st.integers(0, 9999)),
    )
    def change_price(self, worker: int, model: str, price: tuple[int, int]) -> None:
        prompt, completion = (Decimal(part).scaleb(-4) for part in price)
        told = {"upstream_price": {"prompt": str(prompt), "completion": str(completion)}}
        self._control(worker, "PATCH", f"models/{model}", told)
        self.prices[worker][model] = (prompt, completion)

    @precondition(lambda self: self.charged())
    @rule(worker=st.integers(0, WORKERS - 1), pick=st.integers(0, 99), part=st.integers(0, 5))
    def refund(self, worker: int, pick: int, part: int) -> None:
        """From nothing to more than was charged, and again."""
        asked = self._some(self.charged(), pick)
        charged = asked.charged or 0
        amount = charged * part // 4
        due = not asked.refunded and 1 <= amount <= charged
        told = {"request_id": asked.request_id, "usd": f"{Decimal(amount).scaleb(-9):f}"}
        assert self._control(worker, "POST", "refunds", told, 201 if due else 409)
        asked.refunded = amount if due else asked.refunded

    @precondition(lambda self: self.charged())
    @rule(worker=st.integers(0, WORKERS - 1), pick=st.integers(0, 99))
    def repeat(self, worker: int, pick: int) -> None:
        """Whoever ends a request a second time, or takes its id again, finds that it is done."""
        request_id, ledger = self._some(self.charged(), pick).request_id, self.states[worker].ledger
        assert request_id is not None
        assert (ledger.settle(request_id, 1), ledger.void(request_id)) == (False, False)
        with pytest.raises(TakenError):
            ledger.reserve(request_id, self.keys[0][1], 0)

    # what must hold

    @invariant()
    def every_transfer_sums_to_zero(self) -> None:
        query = "SELECT transfer, kind FROM postings GROUP BY transfer, kind HAVING SUM(amount) != 0"
        assert self.audit.execute(query).fetchall() == []

    @invariant()
    def accounts_are_what_was_posted(self) -> None:
        for account, paid_in in self.deposits.items():
            available, reserved, spent = self._account(account)
            posted = self._sums("bucket, amount", "WHERE account = ?", account)
            rows = self._sums("kind, amount", "WHERE account = ? AND bucket = 'available'", account)
            assert (available, reserved) == (posted.get("available", 0), posted.get("reserved", 0))
            assert available >= 0
            assert reserved >= 0
            assert available + reserved == paid_in - spent
            assert rows.get("top-up", 0) == paid_in
            held = "SELECT COALESCE(SUM(amount), 0) FROM holds WHERE state = 'held' AND account = ?"
            assert self.audit.execute(held, (account,)).fetchone() == (reserved,)

    @invariant()
    def every_request_that_ended_is_in_the_journal_once(self) -> None:
        journal: dict[str | None, list[tuple[str, int, str]]] = {}
        for entry in self.states[0].ledger.entries():
            journal.setdefault(entry.request_id, []).append((entry.kind, entry.nano_usd, entry.account))
        told = sum(len(rows) for request_id, rows in journal.items() if request_id is not None)
        for asked in self.asked:
            rows = journal.get(asked.request_id, []) if asked.request_id else []
            told -= len(rows)
            if asked.request_id is not None:
                self._compare(asked, rows)
        assert told == 0

    def _compare(self, asked: Asked, rows: list[tuple[str, int, str]]) -> None:
        kinds, amounts = [row[0] for row in rows], [row[1] for row in rows]
        assert {row[2] for row in rows} == {asked.account}
        if not asked.visit.ended:
            assert kinds[0] == "hold"
            return
        record = next(call for call in self.states[asked.worker].upstream.calls if call.request_id == asked.request_id)
        due = asked.due(record.usage)
        asked.charged = due
        assert kinds[:2] == ["hold", "void" if due is None else "charge"]
        assert amounts[1] == (amounts[0] if due is None else due)
        assert amounts[1] <= amounts[0]
        after = [("refund", asked.refunded)] if asked.refunded else []
        assert list(zip(kinds[2:], amounts[2:], strict=True)) == after

    def teardown(self) -> None:
        """Some come to their end and the others go; nothing may stay held."""
        if not hasattr(self, "states"):
            return
        self.loop.advance(20 * ITL, 20)
        for asked in self.open():
            asked.visit.leave()
        self.loop.advance(40, 4)
        try:
            assert self.open() == []
            self.every_transfer_sums_to_zero()
            self.accounts_are_what_was_posted()
            self.every_request_that_ended_is_in_the_journal_once()
            assert self.states[0].ledger.held() == 0
        finally:
            self._close()

    def _close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()
        for state in self.states:
            state.ledger.close()
        self.audit.close()
        self.loop.close()
        self.folder.cleanup()

    # short ways

    def open(self) -> list[Asked]:
        return [asked for asked in self.asked if not asked.visit.ended]

    def charged(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.charged is not None]

    @staticmethod
    def _some(rows: list[Asked], pick: int) -> Asked:
        return rows[pick % len(rows)]

    def _account(self, name: str) -> tuple[int, int, int]:
        query = "SELECT available, reserved, spent FROM accounts WHERE name = ?"
        found: tuple[int, int, int] = self.audit.execute(query, (name,)).fetchone()
        return found

    def _sums(self, columns: str, where: str, account: str) -> dict[str, int]:
        name, amount = columns.split(", ")
        query = f"SELECT {name}, SUM({amount}) FROM postings {where} GROUP BY {name}"
        return dict(self.audit.execute(query, (account,)).fetchall())

    def _control(self, worker: int, method: str, path: str, body: dict[str, Any], status: int = 0) -> Visit:
        headers = {"x-control-token": "T"}
        visit = Visit(self.loop, self.apps[worker], method, f"/control/v1/{path}", headers, body)
        assert visit.status == status if status else visit.status in (200, 201, 204), visit.sent
        return visit


def explored(defect: str | None, examples: int) -> None:
    """Raises what the first wrong book raises."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=60,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    machine = type("BooksOfGateway", (Books,), {"defect": defect})
    run_state_machine_as_test(machine, settings=chosen)


def test_overlapping_requests_leave_the_books_right() -> None:
    explored(None, 50)


@pytest.mark.parametrize(
    "defect",
    [
        "keeps-the-estimate",
        "bills-streams-twice",
        "leaves-abandoned-streams-open",
        "bills-the-estimate-to-clients-that-leave",
        "gives-dropped-streams-away",
        "bills-failed-calls",
        "charges-the-price-of-the-end",
        "holds-money-for-one-token",
        "never-releases-a-hold",
        "bills-the-previous-caller",
        "serves-down-to-the-last-cent",
        "rounds-every-charge-up",
    ],
)
def test_they_notice_a_gateway_that_bills_wrongly(defect: str) -> None:
    with pytest.raises(AssertionError):
        explored(defect, 400)  # ends with the first wrong book
