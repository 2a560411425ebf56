"""Files: uploaded, processed in their own time, found, deleted."""

from __future__ import annotations

import pytest

from harness.judge.chat import is_filled
from suites.denials import invalid
from suites.vector_store.documents import pdf
from suites.vector_store.shelf import GONE, MADE, form

pytestmark = pytest.mark.cost(calls=14)
NOWHERE = "assay-no-such-file-7f3a"
ORLA = "The lamp of the harbour is kept by Orla."
TEXT = f"{ORLA}\n\nBread is baked at four.\n".encode()
KINDS = {
    "text": ("harbour.txt", "text/plain", TEXT),
    "markdown": ("harbour.md", "text/markdown", f"# Harbour\n\n* {ORLA}\n* Bread is baked at four.\n".encode()),
    "pdf": ("harbour.pdf", "application/pdf", pdf([ORLA, "Bread is baked at four."])),
}
STATUSES = {"enqueued", "processing", "completed", "failed"}


@pytest.mark.requirement("VU-104")
def test_a_file_is_taken_and_told(shelf):
    answer = shelf.upload(shelf.collection(), "harbour.txt", TEXT)
    assert answer.status in MADE, f"uploading a file was answered with {answer.status}"
    told = answer.json["file"]
    assert is_filled(told["id"]), f"the file is told with the id {told['id']!r}"
    assert told["filename"] == "harbour.txt", f"the file is told with the name {told['filename']!r}"


@pytest.mark.requirement("VU-102")
def test_a_file_is_found_once_it_is_processed(shelf):
    made = shelf.collection()
    file = shelf.uploaded(made, "harbour.txt", TEXT)
    status = shelf.processed(made, file)["status"]
    assert status == "completed", f"a plain text file is {status}"
    found = shelf.found(made, "Who keeps the lamp of the harbour?")
    assert ORLA in "".join(found[:1]), f"what stands in the file is not found: {found[:1]}"


@pytest.mark.requirement("VU-161")
def test_a_status_comes_to_its_end(shelf):
    made = shelf.collection()
    answer = shelf.upload(made, "harbour.txt", TEXT)
    first = answer.json["file"]["status"]
    assert first in STATUSES, f"a file that was just uploaded is {first!r}"
    last = shelf.processed(made, answer.json["file"]["id"])["status"]
    again = shelf.send("GET", f"/{made}/files/{answer.json['file']['id']}").json["file"]["status"]
    assert (last, again) == ("completed", "completed"), f"a file that was {last} is {again}"


@pytest.mark.requirement("VU-162")
@pytest.mark.parametrize("kind", KINDS)
def test_common_formats_are_read(shelf, kind):
    made = shelf.collection()
    name, media, data = KINDS[kind]
    told = shelf.processed(made, shelf.uploaded(made, name, data, media))
    assert told["status"] == "completed", f"the {kind} file is {told['status']}: {told.get('error')}"
    found = " ".join(shelf.found(made, "Who keeps the lamp of the harbour?"))
    assert "Orla" in found, f"the words of the {kind} file are not found"


@pytest.mark.requirement("VU-103")
@pytest.mark.parametrize("wrong", ["another field", "no field", "nothing in it"])
def test_a_form_needs_a_file(shelf, contract, wrong):
    bodies = {
        "another field": form("harbour.txt", TEXT, field="document"),
        "no field": b"--assay-boundary-7c1f--\r\n",
        "nothing in it": form("harbour.txt", b""),
    }
    made = shelf.collection()
    invalid(
        shelf.post_form(made, bodies[wrong], "multipart/form-data; boundary=assay-boundary-7c1f"),
        contract,
        f"a form with {wrong}",
    )


@pytest.mark.requirement("VU-101")
def test_files_are_listed_once_each(shelf):
    made = shelf.collection()
    ids = {shelf.uploaded(made, f"{name}.txt", TEXT) for name in ("one", "two")}
    listed = [row["id"] for row in shelf.send("GET", f"/{made}/files").json["files"]]
    assert sorted(listed) == sorted(ids), f"the list of two files holds {len(listed)}"


@pytest.mark.requirement("VU-105")
def test_a_file_is_read_by_its_id(shelf):
    made = shelf.collection()
    file = shelf.uploaded(made, "harbour.txt", TEXT)
    answer = shelf.send("GET", f"/{made}/files/{file}")
    assert answer.status == 200, f"reading a file was answered with {answer.status}"
    told = answer.json["file"]
    assert (told["id"], told["filename"]) == (file, "harbour.txt"), f"the file is told as {told['filename']!r}"


@pytest.mark.requirement("VU-105")
def test_no_file_is_404(shelf):
    answer = shelf.send("GET", f"/{shelf.collection()}/files/{NOWHERE}")
    assert answer.status == 404, f"a file that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-106")
def test_a_deleted_file_is_gone_with_its_text(shelf):
    made = shelf.collection("Bread is baked at four.")
    file = shelf.uploaded(made, "harbour.txt", ORLA.encode())
    shelf.processed(made, file)
    answer = shelf.send("DELETE", f"/{made}/files/{file}")
    assert answer.status in GONE, f"deleting a file was answered with {answer.status}"
    after = shelf.send("GET", f"/{made}/files/{file}").status
    assert after == 404, f"reading a deleted file was answered with {after}"
    assert shelf.send("GET", f"/{made}/files").json["files"] == [], "a deleted file is listed"
    assert "Orla" not in " ".join(shelf.found(made, "Who keeps the lamp?")), "the text of a deleted file is found"


@pytest.mark.requirement("VU-106")
def test_deleting_needs_a_file(shelf):
    answer = shelf.send("DELETE", f"/{shelf.collection()}/files/{NOWHERE}")
    assert answer.status == 404, f"deleting a file that there is not was answered with {answer.status}"
