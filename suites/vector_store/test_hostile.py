"""Input that means harm: names, ids, texts and documents. It is refused or does nothing, and never fells the server."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from suites.vector_store.documents import bomb, pdf
from suites.vector_store.shelf import GONE, MADE, Shelf, form

pytestmark = pytest.mark.cost(calls=12)
ODD = {
    "quotes": 'O\'Brien "x" `y`',
    "sql": "x'; DROP TABLE collections; --",
    "wildcards": "100%_[a-z]*?",
    "script": "<script>alert(1)</script>",
    "template": "{{7*7}} ${7*7} %s %n",
    "nul": "before\0after",
    "control": "line\r\nX-Injected: yes",
    "direction": "abc\u202edef\ufeff",
    "emoji": "🧪👩\u200d🚀",
    "long": "n" * 20_000,
}
PATHS = {
    "up": "../../../../tmp/assay-was-here.txt",
    "absolute": "/tmp/assay-was-here.txt",
    "windows": "..\\..\\assay-was-here.txt",
    "nul": "assay.txt\0.png",
    "line": "assay\r\nX-Injected: yes.txt",
    "hidden": "..",
}
IDS = {
    "up": "..%2f..%2fetc%2fpasswd",
    "dots": "%2e%2e",
    "nul": "assay%00",
    "sql": "%27%20OR%20%271%27%3D%271",
    "wildcard": "%25",
    "long": "a" * 3000,
    "not utf-8": "%ff%fe",
}
HARM = {
    "bomb.pdf": bomb,
    "cut.pdf": lambda: pdf(["The lamp is lit."])[:300],
    "garbage.pdf": lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40,
    "loop.pdf": lambda: pdf(["x"]).replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),
    "binary.txt": lambda: bytes(range(256)) * 40,
    "nothing.md": lambda: b" \n\t\n",
}
FORMS = {
    "no boundary": ("multipart/form-data", form("a.txt", b"text")),
    "another boundary": ("multipart/form-data; boundary=another", form("a.txt", b"text")),
    "cut off": ("multipart/form-data; boundary=assay-boundary-7c1f", form("a.txt", b"text")[:-30]),
    "not a form": ("application/json", b'{"file": "text"}'),
    "empty": ("multipart/form-data; boundary=assay-boundary-7c1f", b""),
    "endless header": (
        "multipart/form-data; boundary=assay-boundary-7c1f",
        form("a.txt", b"text").replace(b"text/plain", b"text/plain; x=" + b"y" * 100_000),
    ),
}
TOO_LARGE = 33 * 1024 * 1024  # bytes: more than a document has that anybody reads


def still_there(shelf: Shelf, collection: str) -> None:
    """The service answers, and the collection is as it was."""
    assert shelf.found(collection, "Who keeps the lamp?") == ["The lamp is kept by Orla."], "the collection has changed"


@pytest.fixture
def kept(shelf):
    return shelf.collection("The lamp is kept by Orla.")


@pytest.mark.requirement("VU-166")
@pytest.mark.parametrize("odd", ODD)
def test_odd_names_come_back_or_are_refused(shelf, kept, odd):
    answer = shelf.create(ODD[odd])
    assert answer.status < 500, f"a name with {odd} was answered with {answer.status}"
    assert answer.header("x-injected") is None, "a name has made a header"
    if answer.status in MADE:
        made = answer.json["collection"]["id"]
        told = shelf.send("GET", f"/{made}").json["collection"]["name"]
        assert told == ODD[odd], f"a name with {odd} came back as {told[:80]!r}"
        assert shelf.send("DELETE", f"/{made}").status in GONE, f"a collection named with {odd} cannot be deleted"
    still_there(shelf, kept)


@pytest.mark.requirement("VU-166")
@pytest.mark.parametrize("odd", ODD)
def test_odd_texts_come_back_or_are_refused(shelf, kept, odd):
    made = shelf.collection()
    answer = shelf.send("POST", f"/{made}/items", {"content": ODD[odd], "description": ODD[odd][:200]})
    assert answer.status < 500, f"an item with {odd} was answered with {answer.status}"
    if answer.status in MADE:
        (told,) = shelf.items(made)
        assert told["content"] == ODD[odd], f"an item with {odd} came back as {told['content'][:80]!r}"
    found = shelf.search(made, ODD[odd])
    assert found.status < 500, f"a search for {odd} was answered with {found.status}"
    still_there(shelf, kept)


@pytest.mark.requirement("VU-167")
@pytest.mark.parametrize("odd", IDS)
def test_odd_ids_are_refused(shelf, kept, odd):
    places = ("/{}", "/{}/items", f"/{kept}/items/{{}}", f"/{kept}/files/{{}}")
    for method, place in [*(("GET", place) for place in places), *(("DELETE", place) for place in places[::2])]:
        answer = shelf.send(method, place.format(IDS[odd]))
        assert 400 <= answer.status < 500, f"{method} of an id with {odd} was answered with {answer.status}"
        assert "root:" not in answer.text, f"{method} of an id with {odd} reads a file of the server"
    still_there(shelf, kept)


@pytest.mark.requirement("VU-163")
@pytest.mark.parametrize("odd", PATHS)
def test_a_file_name_is_no_path(shelf, odd):
    answer = shelf.upload(shelf.collection(), PATHS[odd], b"The lamp is kept by Orla.")
    assert answer.status < 500, f"a file name with {odd} was answered with {answer.status}"
    assert answer.header("x-injected") is None, "a file name has made a header"
    if answer.status in MADE:
        told = answer.json["file"]["filename"]
        left = [mark for mark in ("/", "\\", "\0", "\r", "\n") if mark in told]
        assert not left, f"a file name with {odd} is kept as {told[:80]!r}"
        assert told not in {".", ".."}, f"a file name with {odd} is kept as {told[:80]!r}"


@pytest.mark.requirement("VU-164")
@pytest.mark.parametrize("name", HARM)
def test_a_hostile_document_does_no_harm(ask: Ask, shelf, kept, name):
    made = shelf.collection()
    answer = shelf.upload(made, name, HARM[name]())
    assert answer.status < 500, f"{name} was answered with {answer.status}"
    if answer.status in MADE:
        told = shelf.processed(made, answer.json["file"]["id"])
        assert told["status"] == "failed", f"{name} holds no text, and is {told['status']}"
        assert shelf.items(made) == [], f"{name} holds no text, and has become items"
    still_there(shelf, kept)


@pytest.mark.requirement("VU-165")
@pytest.mark.parametrize("wrong", FORMS)
def test_a_broken_form_is_refused(shelf, kept, wrong):
    content_type, body = FORMS[wrong]
    made = shelf.collection()
    answer = shelf.post_form(made, body, content_type)
    assert 400 <= answer.status < 500, f"a form ({wrong}) was answered with {answer.status}"
    assert shelf.send("GET", f"/{made}/files").json["files"] == [], f"a form ({wrong}) was refused, and left a file"
    still_there(shelf, kept)


@pytest.mark.requirement("VU-174")
def test_an_upload_beyond_reason_is_refused(shelf, kept):
    answer = shelf.upload(shelf.collection(), "huge.txt", b" " * TOO_LARGE)
    assert 400 <= answer.status < 500, f"an upload of {TOO_LARGE} bytes was answered with {answer.status}"
    still_there(shelf, kept)
