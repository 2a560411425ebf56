"""The live view by its answers: only who knows the token gets one, names are never paths, a stream goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from click.testing import CliRunner

from harness import cli
from harness.model import Exit
from harness.running import chronicle
from harness.show.app import app
from harness.show.archive import Archive
from harness.show.starter import Refused, Starter, Wish
from harness.show.ui import beside
from tests.reports import sample, sample_parts

TOKEN = "a-token-of-the-test"
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class Visitor:
    """Asks the app as a browser on this machine would."""

    def __init__(self, folder: Path) -> None:
        self.starter = Starter(folder)
        self.app = app(Archive(folder), self.starter, TOKEN)

    def ask(self, path: str, token: str = TOKEN, method: str = "GET", **how: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, f"/{token}/{path}", **how)

        return run(asked())


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    for name in ("first", "nested/second"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps(sample.results()))
    return Visitor(tmp_path)


def loaded(folder: Path, **more: Any) -> None:
    """What `assay load` leaves."""
    folder.mkdir(parents=True)
    found = sample_parts.load() | {"target": "staging", "contract": "openai-core 1.1.0", "exit_code": 1}
    (folder / "load.json").write_text(json.dumps(found | {"started": "2026-11-20T12:00:00Z"} | more))


def test_loads_are_listed_and_shown_with_their_plots(visitor: Visitor, tmp_path: Path) -> None:
    loaded(tmp_path / "load one")
    loaded(tmp_path / "sweep" / "step-01", exit_code=0)
    steps = [{"rate": rate, "done_per_s": rate, "met": rate < 40} for rate in (10, 20, 40)]
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps({"steps": steps, "exit_code": 1}))
    home = visitor.ask("").text
    for shown in ("load one", "sweep/step-01", "3180 requests, 64 users", "260.8 ms", "1 of 2", "All held"):
        assert shown in home
    assert "3 rates, 10 to 40 a second" in home
    page = visitor.ask("load", params={"run": "load one"})
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert page.text.count("data-chart") >= 4
    assert "staging by openai-core 1.1.0" in page.text
    assert "A sweep of rates" in visitor.ask("load", params={"run": "sweep"}).text


def test_a_load_of_a_run_is_in_its_report_and_not_listed(visitor: Visitor, tmp_path: Path) -> None:
    loaded(tmp_path / "first" / "load")
    assert 'id="loads"' not in visitor.ask("").text
    assert visitor.ask("load", params={"run": "first/load"}).status_code == 404


NOT_LOADS = (
    *("[", "[]", "{}", "[" * 100_000, '{"steps": 5}', '{"steps": [1]}', '{"steps": [{}]}', '{"requests": "1"}'),
    *(f'{{"requests": 1, {more}}}' for more in ('"slos": 5', '"slos": [1]', '"ttft_ms": 5', '"exit_code": []')),
    *(f'{{"requests": 1, {more}}}' for more in ('"trends": [1]', '"generator": 5', '"target": "x"', '"series": [1]')),
    '{"requests": 1, "cdf": {"ttft": [1]}}',
)


@pytest.mark.parametrize("text", NOT_LOADS, ids=range(len(NOT_LOADS)))
def test_a_file_that_is_no_load_does_not_take_the_page_down(visitor: Visitor, tmp_path: Path, text: str) -> None:
    loaded(tmp_path / "odd")
    (tmp_path / "odd" / "load.json").write_text(text)
    home = visitor.ask("")
    assert (home.status_code, "not readable" in home.text) == (200, True)
    assert visitor.ask("load", params={"run": "odd"}).status_code == 422


PAGES = (
    "",
    "overview",
    "report?run=first",
    "report?run=nested%2Fsecond",
    "diff?a=first&b=nested%2Fsecond",
    "live?run=first",
)


@pytest.mark.parametrize("page", PAGES)
def test_pages_answer_who_knows_the_token(visitor: Visitor, page: str) -> None:
    found = visitor.ask(page)
    assert found.status_code == 200
    assert found.headers["referrer-policy"] == "no-referrer"
    assert found.headers["cache-control"] == "no-store"
    assert "TEST ROOTS" in found.text


@pytest.mark.parametrize("page", [*PAGES, "events?run=first", "load?run=first"])
@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], TOKEN + "x", "ü"])
def test_nobody_else_is_told_that_there_is_a_page(visitor: Visitor, page: str, token: str) -> None:
    assert visitor.ask(page, token).status_code == 404


def test_another_host_is_refused(visitor: Visitor) -> None:
    assert visitor.ask("", headers={"Host": "attacker.example"}).status_code == 400


@pytest.mark.parametrize(
    "name", ["", "..", "../first", "/etc", "first/../first", "first/results.json", "nested", "%2e%2e"]
)
@pytest.mark.parametrize("page", ["report", "live", "events", "load"])
def test_a_name_is_never_a_path(visitor: Visitor, page: str, name: str) -> None:
    assert visitor.ask(page, params={"run": name}).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contract", "no-such-contract"),
        ("contract", "--help"),
        ("target", "--defect=x"),
        ("target", "/no/such/target.toml"),
        ("target", "file:///etc/passwd"),
        ("target", "http://["),
        ("target", "http://gateway.example/\0"),
        ("target", "http://gateway.example\n--cap=9"),
        ("target", "a" * 5000),
        ("target", "\0"),
        ("target", ""),
        ("profile", "endless"),
        ("only", "OC-001 --cap=9"),
        ("only", "XX-999"),
    ],
)
def test_what_cannot_be_started_is_refused_in_words(visitor: Visitor, field: str, value: str) -> None:
    asked = {"contract": "openai-core", "target": "mock", "profile": "quick", "only": ""} | {field: value}
    found = visitor.ask("runs", method="POST", data=asked)
    assert found.status_code == 422
    assert 'role="alert"' in found.text
    assert not visitor.starter.started


def test_the_words_of_a_run_hold_no_option_of_the_form() -> None:
    words = Wish("openai-core", "https://gateway.example/v1", only="OC-001, OC-082").words()
    assert words == [
        "openai-core",
        "--target=https://gateway.example/v1",
        "--profile=standard",
        "--only=OC-001",
        "--only=OC-082",
    ]


def test_a_run_in_too_many_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starter, monkey = Starter(tmp_path), [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(monkey) as busy:
        starter.started = dict.fromkeys("abcd", busy)
        with pytest.raises(Refused, match="4 runs are going"):
            starter.start(Wish("openai-core", "mock"))
        busy.kill()


def going(folder: Path, pid: int, *outcomes: str) -> None:
    """A run that is not over: what it has told so far."""
    folder.mkdir()
    rows = [{"kind": "started", "at_s": 0.0, "pid": pid, "contract": "openai-core 1.0.0", "checks": 9}]
    rows += [{"kind": "check", "at_s": 1.0, "outcome": outcome} for outcome in outcomes]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"kind": "check", "outc'
    (folder / chronicle.NAME).write_text(text)


def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as done:
        done.wait()
    return done.pid


def test_a_stream_holds_complete_lines_and_goes_on_after_the_last(visitor: Visitor, tmp_path: Path) -> None:
    going(tmp_path / "cut", gone(), "pass", "fail")
    whole = visitor.ask("events?run=cut").text
    assert whole.count("id: ") == 3
    assert "event: ended" in whole
    assert "broken off without results" in whole
    rest = visitor.ask("events?run=cut", headers={"Last-Event-ID": "2"}).text
    assert rest.count("id: ") == 1
    assert '"fail"' in rest


def test_a_run_that_was_killed_is_not_shown_as_running(visitor: Visitor, tmp_path: Path) -> None:
    going(tmp_path / "cut", gone())
    going(tmp_path / "alive", os.getpid())
    shown = visitor.ask("").text
    assert "broken off" in shown
    assert "running" in shown


@pytest.mark.parametrize("text", ["[", "[" * 100_000, "{}", "9" * 5000], ids=range(4))
def test_a_file_that_is_no_result_does_not_take_the_page_down(visitor: Visitor, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "results.json").write_text(text)
    assert "not readable" in visitor.ask("").text
    assert visitor.ask("report?run=odd").status_code == 422
    assert "not readable" in visitor.ask("events?run=odd").text
    assert visitor.ask("overview").status_code == 200  # of the others


@pytest.mark.parametrize(
    "line",
    [
        *("not JSON", "5", "[]", "{}", "[" * 100_000, "\udcff", '{"kind": 5}', '{"kind": "started"}'),
        *(f'{{"kind": "started", "pid": {pid}}}' for pid in ('"x"', "1e9", "0", "-1", "9" * 20, "null")),
    ],
    ids=range(14),
)
def test_a_chronicle_that_no_run_wrote_does_not_take_the_page_down(visitor: Visitor, tmp_path: Path, line: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / chronicle.NAME).write_text(line + "\n", errors="surrogateescape")
    assert "broken off" in visitor.ask("").text
    assert "event: ended" in visitor.ask("events?run=odd").text


def test_a_folder_whose_name_is_no_text_is_left_out(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "first").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    assert "nested/second" in visitor.ask("").text
    assert visitor.ask("overview").status_code == 200


@pytest.mark.parametrize("number", ["\xb2", "9" * 6000, "-1", "1.5"], ids=range(4))
def test_a_line_number_that_is_none_begins_at_the_first(visitor: Visitor, tmp_path: Path, number: str) -> None:
    going(tmp_path / "cut", gone(), "pass")
    told = visitor.ask("events?run=cut", headers={"Last-Event-ID": number.encode("latin-1")})
    assert told.text.count("id: ") == 2


def test_it_listens_on_the_loopback_only_and_ends_when_told(tmp_path: Path) -> None:
    with beside(tmp_path) as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(url).status_code == 200
        assert httpx.get(url.rsplit("/", 2)[0] + "/x/").status_code == 404
    with pytest.raises(httpx.TransportError):
        httpx.get(url)


def test_a_port_that_is_taken_is_refused_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(cli.main, ["ui", str(tmp_path), "--port", str(port := taken.getsockname()[1])])
    assert done.exit_code == Exit.BAD_INVOCATION
    assert f"port {port} of 127.0.0.1" in done.stderr
    assert "choose another by --port" in done.stderr.replace("\n", " ")


def test_a_run_shows_itself_while_it_goes(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "harness.cli", "run", "openai-core", "--target", "mock", "--only", "OC-001", "--ui"]
    line += ["--out", str(tmp_path / "run"), "--json"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if line.startswith("live: "))
        url, end = told.removeprefix("live: ").strip(), time.monotonic() + 40
        while not (tmp_path / "run" / "results.json").is_file() and time.monotonic() < end:
            time.sleep(0.1)
        assert '"OC-001"' in httpx.get(f"{url}events?run=run", timeout=20).text
        for said in process.stderr:
            if "until Ctrl-C" in said:
                break
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()  # a server that does not end must end the test, not hold it up
    assert process.returncode == 0
