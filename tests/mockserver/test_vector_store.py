"""The vector store from inside: the index against arithmetic, documents, forms, ids, and a process that is killed."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mockserver.services.storage import Storage
from mockserver.services.vector_store import documents
from mockserver.services.vector_store.documents import Unreadable, pieces_of, read_document
from mockserver.services.vector_store.ids import collection_id, slug
from mockserver.services.vector_store.index import Index, packed
from mockserver.services.vector_store.store import Collection, NewItem, Store
from mockserver.services.vector_store.upload import BadForm, read_form
from suites.vector_store.documents import bomb, pdf
from suites.vector_store.shelf import form
from tests.mockserver.conftest import Lab

FORM = "multipart/form-data; boundary=assay-boundary-7c1f"


def test_the_index_agrees_with_arithmetic() -> None:
    draw = random.Random(7)
    vectors = [[draw.gauss(0, 1) * draw.choice([0.1, 1, 30]) for _ in range(16)] for _ in range(200)]
    index = Index(16)
    for n, vector in enumerate(vectors):
        index.add(n, "even" if n % 2 == 0 else "odd", packed(vector))
    query = [draw.gauss(0, 1) for _ in range(16)]
    due = sorted(range(0, 200, 2), key=lambda n: -cosine(query, vectors[n]))[:10]
    found = index.nearest("even", packed(query), 10)
    assert [match.n for match in found] == due
    assert all(abs(match.similarity - cosine(query, vectors[match.n])) < 1e-5 for match in found)
    index.remove(due[0])
    assert [match.n for match in index.nearest("even", packed(query), 9)] == due[1:]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def test_processes_that_share_a_file_find_each_others_items(tmp_path: Path) -> None:
    first, second = (Store(Storage(tmp_path / "state.db"), 4) for _ in range(2))
    home = Collection("acct", "home", "Home", 1.0)
    assert first.add_collection(home)
    assert not second.add_collection(home)
    for n, store in enumerate((first, second, first)):
        store.add_item(home, NewItem(f"item-{n}", "", f"text {n}", packed([1.0, n, 0, 0])), 2.0)
    found = [[item.id for item, _ in store.nearest(home, packed([1.0, 0, 0, 0]), 9)] for store in (first, second)]
    assert found == [["item-0", "item-1", "item-2"]] * 2
    second.delete_items(second.items(home)[:1])
    assert [item.id for item, _ in first.nearest(home, packed([1.0, 0, 0, 0]), 9)] == ["item-1", "item-2"]


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("Handbook of Vik", "handbook-of-vik"),
        ("Zażółć", "zazoc"),
        ("灯塔", "collection"),
        ("../etc/passwd", "etc-passwd"),
    ],
)
def test_an_id_is_made_of_the_name(name: str, due: str) -> None:
    assert slug(name) == due


def test_an_id_that_is_taken_gets_a_number() -> None:
    taken = {"vik", "vik-2"}
    assert collection_id("Vik", lambda candidate: candidate not in taken) == "vik-3"


def test_a_pdf_is_read() -> None:
    assert read_document("a.pdf", pdf(["The lamp (is) lit.", "Bread."])).split("\n") == ["The lamp (is) lit.", "Bread."]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bomb.pdf", bomb()),
        ("cut.pdf", pdf(["The lamp."])[:200]),
        ("loop.pdf", pdf(["x"]).replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]")),
        ("not.pdf", b"The lamp is lit."),
        ("binary.txt", bytes(range(256))),
        ("nul.md", b"a\0b"),
        ("blank.txt", b" \n"),
        ("long.txt", b"a" * (documents.MOST_CHARACTERS + 1)),
    ],
)
def test_what_cannot_be_read_is_said_to_be(name: str, data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_document(name, data)


def test_pieces_are_short_and_lose_no_word() -> None:
    text = "\n\n".join(["Short.", "A sentence of some words. " * 80, "x" * 2000, "The end."])
    pieces = pieces_of(text)
    assert max(map(len, pieces)) <= documents.PIECE
    assert "".join(" ".join(pieces).split()) == "".join(text.split())


def test_a_form_is_read() -> None:
    (field,) = read_form(FORM, form("läs mig.txt", b"--a\r\n\r\nb"))
    assert (field.name, field.filename, field.data) == ("file", "läs mig.txt", b"--a\r\n\r\nb")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form("a.txt", b"a")),
        ("application/json", b"{}"),
        (FORM, form("a.txt", b"a")[:-10]),
        (FORM, form("a.txt", b"a").replace(b"form-data; name", b"attachment; title")),
        (FORM, b"--assay-boundary-7c1f\r\n" + b"X: y\r\n" * 2000),
        (FORM, (form("a.txt", b"a").replace(b"--\r\n", b"\r\n") * 20) + b"--assay-boundary-7c1f--\r\n"),
    ],
)
def test_a_form_that_is_none_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(BadForm):
        read_form(content_type, body)


@pytest.fixture(scope="module")
def vultr(start: Callable[..., Lab]) -> Lab:
    return start("vultr-inference")


def test_a_file_goes_through_its_states_by_the_clock(vultr: Lab) -> None:
    vultr.control.put("/clock", json={"now": "2031-01-01T00:00:00Z"})
    try:
        made = vultr.api.post("/vector_store", json={"name": "States"}).json()["collection"]["id"]
        upload = {"file": ("a.txt", b"The lamp is lit.", "text/plain")}
        file = vultr.api.post(f"/vector_store/{made}/files", files=upload).json()["file"]
        path = f"/vector_store/{made}/files/{file['id']}"
        seen = [file["status"], vultr.api.get(path).json()["file"]["status"]]
        vultr.control.put("/clock", json={"advance_s": 1})
        seen.append(vultr.api.get(path).json()["file"]["status"])
    finally:
        vultr.control.put("/clock", json={"now": None})
    assert seen == ["enqueued", "enqueued", "completed"]


def test_a_reset_forgets_everything(vultr: Lab) -> None:
    vultr.api.post("/vector_store", json={"name": "Gone"})
    vultr.control.post("/reset")
    assert vultr.api.get("/vector_store").json() == {"collections": []}
    assert vultr.api.get("/usage").json()["current_month"]["chat"] == 0


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A mock of its own process, on a state file, with the main key."""
    target = folder / "target.toml"
    target.unlink(missing_ok=True)
    line = [sys.executable, "-m", "mockserver", "vultr-inference", "--port", "0", "--state", str(folder / "state.db")]
    process = subprocess.Popen([*line, "--write-target", str(target)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not target.exists() and time.monotonic() < end:
            time.sleep(0.02)
        told = dict(row.split(" = ", 1) for row in target.read_text().splitlines() if " = " in row)
        keys = dict(row.split("=", 1) for row in target.with_suffix(".env").read_text().splitlines())
        headers = {"Authorization": f"Bearer {keys['ASSAY_MAIN_KEY']}"}
        with httpx.Client(base_url=json.loads(told["base_url"]), headers=headers) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as (process, api):
        made = api.post("/vector_store", json={"name": "Kept"}).json()["collection"]
        item = api.post("/vector_store/kept/items", json={"content": "The lamp is lit by Orla."}).json()["item"]
        upload = {"file": ("a.md", b"# Bread\n\nBread is baked at four.", "text/markdown")}
        file = api.post("/vector_store/kept/files", files=upload).json()["file"]
        model = api.get("/chat/models").json()["models"][0]["id"]
        chat = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
        answer = api.post("/chat/completions", json=chat).json()
        usage = api.get("/usage").json()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(tmp_path) as (_, api):
        assert api.get("/usage").json() == usage
        assert api.get("/vector_store").json() == {"collections": [made]}
        assert api.get(f"/vector_store/kept/items/{item['id']}").json() == {"item": item}
        time.sleep(0.4)
        assert api.get(f"/vector_store/kept/files/{file['id']}").json()["file"]["status"] == "completed"
        found = api.post("/vector_store/kept/search", json={"input": "When is bread baked?"}).json()["results"]
        assert "baked at four" in found[0]["content"]
        assert api.get(f"/chat/completions/{answer['id']}").json() == answer
        logged = api.post("/requests", json={"period": 15, "endpoint": "chat/completions"}).json()["requests"]
        assert [row["response_code"] for row in logged] == [200]
