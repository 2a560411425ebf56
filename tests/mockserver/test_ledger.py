"""The ledger: sums that stay zero, holds that end once, and money that neither a kill nor a sibling can change."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import specs
from mockserver.gateway import Gateway
from mockserver.ledger import FileLedger, Ledger, MemoryLedger, TakenError, Use, memory
from mockserver.state import State, build_state, secret_of
from mockserver.traits import read_traits
from tests.mockserver.conftest import COUNTING, MODEL, Lab

DRIVER = Path(__file__).with_name("kill_driver.py")
START = 1_000_000
MOVES = st.tuples(st.sampled_from(["reserve", "settle", "void", "refund"]), st.integers(0, 5), st.integers(0, 400))


Open = Callable[..., Ledger]
FOLDER = tempfile.TemporaryDirectory(prefix="assay-ledgers-")


def in_a_file(**options: Any) -> FileLedger:
    return FileLedger(Path(tempfile.mkdtemp(dir=FOLDER.name)) / "state.db", **options)


both = pytest.mark.parametrize("opened", [MemoryLedger, in_a_file])


@both
@given(moves=st.lists(MOVES, max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_ledger_sums_to_zero_and_never_lends(opened: Open, moves: list[tuple[str, int, int]]) -> None:
    """Against a model of three dictionaries."""
    ledger = opened()
    ledger.open_account("a", 1000)
    held: dict[str, int] = {}
    charged: dict[str, int] = {}
    back: dict[str, int] = {}
    done: set[str] = set()
    for kind, number, amount in moves:
        name = str(number)
        free = 1000 - sum(charged.values()) + sum(back.values()) - sum(held.values())
        if kind == "reserve" and name not in held and name not in done:
            assert ledger.reserve(name, "a", amount) is (amount <= free)
            held.update({name: amount} if amount <= free else {})
        elif kind == "settle":
            charge = min(amount, held.get(name, 0))
            assert ledger.settle(name, charge) is (name in held)
            if held.pop(name, None) is not None:
                charged[name] = charge
                done.add(name)
        elif kind == "void":
            assert ledger.void(name) is (name in held)
            if held.pop(name, None) is not None:
                done.add(name)
        elif kind == "refund":
            due = name in charged and name not in back and 1 <= amount <= charged[name]
            assert ledger.refund(name, amount) is due
            back.update({name: amount} if due else {})
    account = ledger.account("a")
    assert account is not None
    spent = sum(charged.values()) - sum(back.values())
    assert (account.available, account.reserved, account.spent) == (
        1000 - spent - sum(held.values()), sum(held.values()), spent,
    )  # fmt: skip
    assert (ledger.bucket("a", "available"), ledger.bucket("a", "reserved")) == (account.available, account.reserved)
    assert (ledger.bucket("provider", "revenue"), -ledger.bucket("provider", "refunds")) == (
        sum(charged.values()), sum(back.values()),
    )  # fmt: skip
    assert ledger.postings_total() == 0
    ledger.close()


@both
def test_a_request_id_is_taken_once(opened: Open) -> None:
    ledger = opened()
    ledger.open_account("a", 100)
    assert ledger.reserve("r", "a", 10)
    assert ledger.void("r")
    with pytest.raises(TakenError):
        ledger.reserve("r", "a", 10)
    account = ledger.account("a")
    assert account is not None
    assert account.available == 100


@both
def test_the_journal_tells_every_transfer_once(opened: Open) -> None:
    ledger = opened(now=lambda: 1_790_000_000.25)
    ledger.open_account("a", 100)
    ledger.reserve("r1", "a", 40)
    ledger.settle("r1", 30, Use("a/model", 7, 5))
    ledger.reserve("r2", "a", 20)
    ledger.void("r2")
    before = list(ledger.entries())
    ledger.refund("r1", 30)
    assert list(ledger.entries())[:-1] == before
    known = list(ledger.entries())
    rows = [entry.document() for entry in known]
    told = [(row["request_id"], row["kind"], row["nano_usd"]) for row in rows]
    assert told == [
        (None, "top-up", 100),
        ("r1", "hold", 40),
        ("r1", "charge", 30),
        ("r2", "hold", 20),
        ("r2", "void", 20),
        ("r1", "refund", 30),
    ]
    assert {row["account"] for row in rows} == {"a"}
    assert rows[2]["at"] == "2026-09-21T14:13:20.250000Z"
    assert (rows[2]["model"], rows[2]["prompt_tokens"], rows[2]["completion_tokens"]) == ("a/model", 7, 5)
    assert list(ledger.entries(known[2].n, 1)) == [known[3]]


def test_memory_keeps_the_latest_requests_and_every_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 3)
    monkeypatch.setattr(memory, "KEPT_ENTRIES", 6)
    ledger = MemoryLedger()
    ledger.open_account("a", 100)
    ledger.reserve("open", "a", 5)
    for n in range(10):
        ledger.reserve(f"r{n}", "a", 4)
        ledger.settle(f"r{n}", 3, Use("a/model", 1, 1))
    account = ledger.account("a")
    assert account is not None
    assert (account.available, account.reserved, account.spent, ledger.tokens_of("a")) == (65, 5, 30, 20)
    assert [entry.request_id for entry in ledger.entries()] == ["r7", "r7", "r8", "r8", "r9", "r9"]
    assert not ledger.refund("r6", 1)
    assert ledger.refund("r7", 1)
    assert ledger.void("open")  # what is held is never forgotten
    assert ledger.postings_total() == 0


def test_money_survives_a_restart(tmp_path: Path) -> None:
    first = FileLedger(tmp_path / "state.db")
    first.open_account("a", 100)
    first.reserve("r1", "a", 40)
    first.settle("r1", 30)
    first.reserve("r2", "a", 50)
    first.close()
    second = FileLedger(tmp_path / "state.db")
    second.open_account("a", 100)
    account = second.account("a")
    assert account is not None
    assert (account.available, account.reserved, account.spent) == (70, 0, 30)  # the open hold is released
    second.close()


def test_only_holds_of_those_who_are_gone_are_released(tmp_path: Path) -> None:
    first, second = FileLedger(tmp_path / "state.db"), FileLedger(tmp_path / "state.db")
    first.open_account("a", 100)
    first.reserve("r1", "a", 40)
    second.reserve("r2", "a", 30)
    killed = "import os, sys; from pathlib import Path; from mockserver.ledger import FileLedger\n"
    killed += "FileLedger(Path(sys.argv[1])).reserve('r3', 'a', 20); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path / "state.db")]).returncode == -signal.SIGKILL
    assert first.held() == 3
    third = FileLedger(tmp_path / "state.db")
    assert third.held() == 2
    second.close()
    assert first.held() == 1
    assert first.settle("r1", 10)
    first.close()
    third.close()
    assert [path.name for path in tmp_path.iterdir() if "lease" in path.name] == []


def test_a_key_made_or_ended_elsewhere_is_known_at_once(tmp_path: Path) -> None:
    here, there = FileLedger(tmp_path / "state.db"), FileLedger(tmp_path / "state.db")
    assert (here.keys.number(), there.keys.number(), here.keys.number()) == (1, 2, 3)
    here.keys.add("a secret", "key_1", "a", None)
    assert there.keys.find("a secret") is not None
    there.keys.revoke("key_1")
    assert here.keys.find("a secret") is None
    here.close()
    there.close()


def test_a_revoked_key_of_the_start_does_not_come_back_with_a_restart(tmp_path: Path) -> None:
    first = started_in_process(tmp_path)
    assert first.ledger.keys.find(first.secrets["main"]) is not None
    assert first.ledger.keys.find(first.secrets["revoked"]) is None
    first.ledger.keys.revoke("key_main")
    second = started_in_process(tmp_path)
    assert second.ledger.keys.find(first.secrets["main"]) is None
    second.reset()
    assert first.ledger.keys.find(first.secrets["main"]) is not None
    assert first.ledger.keys.find(first.secrets["revoked"]) is None
    other = started_in_process(tmp_path, seed=1)
    assert other.ledger.keys.find(other.secrets["main"]) is not None
    for state in (first, second, other):
        state.ledger.close()


def started_in_process(folder: Path, seed: int = 0) -> State:
    contract = specs.load("voltagegpu-confidential")
    return build_state(contract, Gateway(), seed=seed, state_file=folder / "state.db")


@pytest.mark.parametrize("content", [b"this is no database at all, whatever its name says", None])
def test_a_file_that_is_no_ledger_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE accounts (name TEXT)")
        db.close()
    else:
        path.write_bytes(content)
    with pytest.raises(OSError, match=r"state\.db: not a ledger of this mock.*--state"):
        FileLedger(path)


def driven(*arguments: str) -> dict[str, Any]:
    """What the driver reports; it works with processes of its own, so that killing them harms no test."""
    line = [sys.executable, str(DRIVER), *arguments]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    return dict(json.loads(ended.stdout))


def test_killing_a_writer_loses_and_invents_nothing(tmp_path: Path) -> None:
    """Three hundred times: whatever was acknowledged is there, and whatever is there was asked for."""
    told = driven("kill", str(tmp_path / "state.db"), "300")
    assert told["killed"] == 300
    assert told["acknowledged"] > 1000
    assert told["wrong"] == []


def test_several_writers_of_one_file_stay_exact(tmp_path: Path) -> None:
    told = driven("share", str(tmp_path / "state.db"), "3", "400")
    assert told["wrong"] == []
    assert told["refused"] > 0  # there was not money for all


@pytest.mark.parametrize("usd", ["1e999999", "1e99999999", "-10000000000", "NaN", "much", None, 1.5])
def test_an_amount_that_is_none_is_refused(usd: Any, lab: Lab) -> None:
    before = lab.account()
    answers = [
        lab.control.put("/accounts/acct_main/balance", json={"balance_usd": usd}),
        lab.control.post("/refunds", json={"request_id": "r", "usd": usd}),
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert lab.account() == before


@pytest.mark.parametrize("number", range(5))
def test_writers_may_open_a_new_file_together(number: int, tmp_path: Path) -> None:
    told = driven("start", str(tmp_path / "state.db"), "5")
    assert told["wrong"] == []


def test_the_export_is_a_line_of_json_for_each_transfer(tmp_path: Path) -> None:
    """Of a file that is in use, and without touching what is held."""
    ledger = FileLedger(tmp_path / "state.db", now=lambda: 1_790_000_000.25)
    ledger.open_account("a", 100)
    for name in ("r1", "r2"):
        ledger.reserve(name, "a", 40)
    ledger.settle("r1", 30, Use("a/model", 7, 5))
    ended = exported(tmp_path / "state.db")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert rows == [entry.document() for entry in ledger.entries()]
    assert rows[-1] == {
        "request_id": "r1",
        "at": "2026-09-21T14:13:20.250000Z",
        "account": "a",
        "kind": "charge",
        "nano_usd": 30,
        "model": "a/model",
        "prompt_tokens": 7,
        "completion_tokens": 5,
    }
    assert ledger.held() == 1
    ledger.close()


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_the_export_of_what_is_no_ledger_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "state.db").write_bytes(content)
    ended = exported(tmp_path / "state.db")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert str(tmp_path / "state.db") in ended.stderr


def exported(path: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "harness.cli", "ledger", str(path)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


def test_killing_the_mock_loses_and_invents_nothing(tmp_path: Path) -> None:
    """Two on one file, killed in turn while clients keep asking; what the account has lost is what was charged."""
    charges: dict[str, int] = {}
    for _ in range(6):
        answered: set[str] = set()
        ask_until_both_are_killed(tmp_path, answered)
        ledger = FileLedger(tmp_path / "state.db")
        found = {e.request_id: e.nano_usd for e in ledger.entries() if e.kind == "charge" and e.request_id}
        account = ledger.account("acct_main")
        assert account is not None
        assert charges.items() <= found.items()
        assert answered <= found.keys()
        assert (ledger.postings_total(), ledger.held(), account.reserved) == (0, 0, 0)
        assert account.available == 1000 * 10**9 - sum(found.values())
        assert account.spent == sum(found.values())
        charges = found
        ledger.close()
    assert len(charges) > 20


def ask_until_both_are_killed(folder: Path, answered: set[str]) -> None:
    mocks = [Mock(folder / "state.db") for _ in range(2)]
    for mock in mocks:
        mock.wait()
    asking = [threading.Thread(target=mock.ask_until_it_dies, args=(answered,), daemon=True) for mock in mocks * 2]
    for thread in asking:
        thread.start()
    for mock in mocks:
        asking[-1].join(0.15)
        mock.process.send_signal(signal.SIGKILL)
        mock.process.communicate()
    for thread in asking:
        thread.join(10)


class Mock:
    """A mock on this state file, and a client of its main account."""

    def __init__(self, state: Path) -> None:
        line = [sys.executable, "-m", "mockserver", "voltagegpu-confidential", "--json", "--ttft", "0", "--itl", "0.2"]
        self.process = subprocess.Popen([*line, "--state", str(state)], stdout=subprocess.PIPE, text=True)
        key = secret_of(read_traits(specs.load("voltagegpu-confidential")), 0, "main")
        self.headers = {"Authorization": f"Bearer {key}"}

    def wait(self) -> None:
        """Until it serves."""
        assert self.process.stdout is not None
        self.base = json.loads(self.process.stdout.readline())["ready"]

    def ask_until_it_dies(self, answered: set[str]) -> None:
        """Adds the requests whose answer has come whole."""
        body = {"model": MODEL, "messages": COUNTING, "max_tokens": 40}
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.Client(base_url=self.base, headers=self.headers, timeout=5) as api,
        ):
            for n in range(10_000):
                answer = api.post("/chat/completions", json={**body, "stream": n % 2 == 0})
                answered.add(answer.headers["x-request-id"])


def test_the_control_api_shows_the_journal_and_refunds_once(lab: Lab) -> None:
    mark = lab.control.get("/ledger").json()["mark"]
    answer = lab.chat("Hello", max_tokens=3)
    request_id = answer.headers["x-request-id"]
    told = lab.control.get("/ledger", params={"since": mark}).json()
    hold, charge = told["entries"]
    assert [(row["kind"], row["request_id"]) for row in (hold, charge)] == [
        ("hold", request_id),
        ("charge", request_id),
    ]
    assert charge["completion_tokens"] == answer.json()["usage"]["completion_tokens"]
    usd = f"{charge['nano_usd']}e-9"
    more = f"{charge['nano_usd'] + 1}e-9"
    refund = {"request_id": request_id, "usd": usd}
    assert lab.control.post("/refunds", json={**refund, "usd": more}).status_code == 409
    assert [lab.control.post("/refunds", json=refund).status_code for _ in range(2)] == [201, 409]
    after = lab.control.get("/ledger", params={"since": told["mark"]}).json()["entries"]
    assert [(row["kind"], row["nano_usd"]) for row in after] == [("refund", charge["nano_usd"])]
    assert lab.control.get("/ledger", params={"since": "x"}).status_code == 400
