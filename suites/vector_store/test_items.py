"""Items: added, told, read, described anew, deleted."""

from __future__ import annotations

import pytest

from harness.judge.chat import is_filled
from suites.denials import invalid
from suites.vector_store.shelf import GONE, MADE, embedded_tokens

pytestmark = pytest.mark.cost(calls=6)
NOWHERE = "assay-no-such-item-7f3a"
ORLA = "The lamp of the harbour is kept by Orla."
LONG = "The harbour opens at six. " * 40
SCRIPTS = "Zażółć gęślą jaźń — 灯塔看守人 — मंदिर — 🧪👩‍🚀\n\ttwo  spaces"
NO_CONTENTS = {"none": {}, "an empty one": {"content": ""}, "a number": {"content": 7}}


@pytest.mark.requirement("VU-094", "VU-097")
def test_an_item_is_added_and_told(shelf):
    answer = shelf.send("POST", f"/{shelf.collection()}/items", {"content": ORLA})
    assert answer.status in MADE, f"adding an item was answered with {answer.status}"
    told = answer.json["item"]
    assert is_filled(told["id"]), f"the item is told with the id {told['id']!r}"
    assert told["content"] == ORLA, f"the item is told with the content {told['content']!r}"
    counted = embedded_tokens(answer.json["usage"])
    assert 0 < counted <= len(ORLA), f"embedding {len(ORLA)} characters is said to take {counted} tokens"


@pytest.mark.requirement("VU-094")
def test_an_added_item_can_be_read_and_found(shelf):
    made = shelf.collection()
    item = shelf.add(made, ORLA).json["item"]["id"]
    assert shelf.send("GET", f"/{made}/items/{item}").status == 200, "an item that was added cannot be read"
    assert shelf.found(made, "Who keeps the lamp?") == [ORLA], "an item that was added is not found"


@pytest.mark.requirement("VU-095")
@pytest.mark.parametrize("wrong", NO_CONTENTS)
def test_an_item_needs_content(shelf, contract, wrong):
    invalid(
        shelf.send("POST", f"/{shelf.collection()}/items", NO_CONTENTS[wrong]),
        contract,
        f"an item whose content is {wrong}",
    )


@pytest.mark.requirement("VU-095")
def test_content_comes_back_as_it_was(shelf):
    made = shelf.collection(SCRIPTS)
    kept = shelf.items(made)[0]["content"]
    assert kept == SCRIPTS, f"the content came back as {kept[:120]!r}"
    assert shelf.found(made, "灯塔看守人") == [SCRIPTS], "the result of a search has another content"


@pytest.mark.requirement("VU-096")
def test_a_description_is_kept(shelf):
    made = shelf.collection()
    told = shelf.add(made, ORLA, description="Keepers").json["item"]
    kept = shelf.send("GET", f"/{made}/items/{told['id']}").json["item"]["description"]
    assert (told["description"], kept) == ("Keepers", "Keepers"), f"the description is {kept!r}, not 'Keepers'"


@pytest.mark.requirement("VU-096")
@pytest.mark.parametrize("content", [ORLA, LONG], ids=["short", "long"])
def test_a_description_is_the_beginning_of_the_text(shelf, content):
    described = shelf.add(shelf.collection(), content).json["item"]["description"]
    beginning = described.strip().removesuffix("...").removesuffix("…").rstrip()
    assert beginning, "the description is empty"
    assert content.startswith(beginning), f"the description {described[:120]!r} is no part of the text"
    if content == LONG:
        assert len(described) < len(content), f"the description has all {len(content)} characters of the text"


@pytest.mark.requirement("VU-093")
def test_items_are_listed_once_each(shelf):
    made = shelf.collection(ORLA, "Bread is baked at four.")
    listed = sorted(row["content"] for row in shelf.items(made))
    assert listed == sorted([ORLA, "Bread is baked at four."]), f"the list of two items holds {len(listed)}"


@pytest.mark.requirement("VU-098")
def test_an_item_is_read_by_its_id(shelf):
    made = shelf.collection("Bread is baked at four.", ORLA)
    for row in shelf.items(made):
        answer = shelf.send("GET", f"/{made}/items/{row['id']}")
        assert answer.status == 200, f"reading a listed item was answered with {answer.status}"
        told = answer.json["item"]
        assert told["content"] == row["content"], "an item that is read is another than the one that is listed"


@pytest.mark.requirement("VU-098")
def test_no_item_is_404(shelf):
    answer = shelf.send("GET", f"/{shelf.collection(ORLA)}/items/{NOWHERE}")
    assert answer.status == 404, f"an item that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-099")
def test_a_description_can_change(shelf):
    made = shelf.collection()
    item = shelf.add(made, ORLA, description="Keepers").json["item"]["id"]
    answer = shelf.send("PATCH", f"/{made}/items/{item}", {"description": "Lamps"})
    assert answer.status == 200, f"describing an item anew was answered with {answer.status}"
    assert answer.json["item"]["description"] == "Lamps", "the answer tells the old description"
    kept = shelf.send("GET", f"/{made}/items/{item}").json["item"]
    assert kept["description"] == "Lamps", f"the description that is kept is {kept['description']!r}"
    assert kept["content"] == ORLA, "a new description has changed the content"


@pytest.mark.requirement("VU-099")
@pytest.mark.parametrize("members", [{}, {"content": "Nobody keeps it."}], ids=["nothing", "content"])
def test_only_a_description_can_change(shelf, members):
    made = shelf.collection()
    item = shelf.add(made, ORLA, description="Keepers").json["item"]["id"]
    answer = shelf.send("PATCH", f"/{made}/items/{item}", members)
    assert answer.status < 500, f"a change without description was answered with {answer.status}"
    kept = shelf.send("GET", f"/{made}/items/{item}").json["item"]
    assert (kept["description"], kept["content"]) == ("Keepers", ORLA), f"the item has become {str(kept)[:160]}"


@pytest.mark.requirement("VU-096", "VU-099")
@pytest.mark.parametrize("wrong", [7, ["Keepers"], True])
def test_a_description_is_a_text(shelf, contract, wrong):
    made, due = shelf.collection(), contract.trait("errors.invalid_status")
    added = shelf.send("POST", f"/{made}/items", {"content": ORLA, "description": wrong}).status
    assert added in due, f"an item with the description {wrong} was answered with {added}"
    item = shelf.add(made, ORLA).json["item"]["id"]
    changed = shelf.send("PATCH", f"/{made}/items/{item}", {"description": wrong}).status
    assert changed in due, f"a change to the description {wrong} was answered with {changed}"


@pytest.mark.requirement("VU-100")
def test_a_deleted_item_is_gone(shelf):
    made = shelf.collection("Bread is baked at four.")
    item = shelf.add(made, ORLA).json["item"]["id"]
    answer = shelf.send("DELETE", f"/{made}/items/{item}")
    assert answer.status in GONE, f"deleting an item was answered with {answer.status}"
    after = shelf.send("GET", f"/{made}/items/{item}").status
    assert after == 404, f"reading a deleted item was answered with {after}"
    assert [row["content"] for row in shelf.items(made)] == ["Bread is baked at four."], "a deleted item is listed"
    assert ORLA not in shelf.found(made, "Who keeps the lamp?"), "a deleted item is found"


@pytest.mark.requirement("VU-100")
def test_deleting_needs_an_item(shelf):
    answer = shelf.send("DELETE", f"/{shelf.collection(ORLA)}/items/{NOWHERE}")
    assert answer.status == 404, f"deleting an item that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-155")
def test_items_stay_in_their_collection(shelf):
    home, other = shelf.collection(), shelf.collection("Bread is baked at four.")
    item = shelf.add(home, ORLA).json["item"]["id"]
    for method, body in (("GET", {}), ("PATCH", {"description": "Stolen"}), ("DELETE", {})):
        kwargs = {"json": body} if body else {}
        status = shelf.send(method, f"/{other}/items/{item}", **kwargs).status
        assert status == 404, f"{method} of an item by way of another collection was answered with {status}"
    kept = shelf.send("GET", f"/{home}/items/{item}")
    assert kept.status == 200, "an item was deleted by way of another collection"
    assert kept.json["item"]["description"] != "Stolen", "an item was changed by way of another collection"
    assert ORLA not in shelf.found(other, "Who keeps the lamp?"), "an item is found in another collection"
