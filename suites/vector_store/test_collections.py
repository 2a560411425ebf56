"""Collections: made, told, listed, renamed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from harness.asking.ask import OMIT
from harness.judge.chat import is_filled
from suites.denials import invalid
from suites.vector_store.shelf import GONE, MADE

pytestmark = pytest.mark.cost(calls=6)
NOWHERE = "assay-no-such-collection-7f3a"
NO_NAMES: dict[str, dict[str, Any]] = {
    "no name": {},
    "an empty name": {"name": ""},
    "a number": {"name": 7},
    "an array": {"name": ["a"]},
}


@pytest.mark.requirement("VU-081", "VU-083")
def test_a_collection_is_created_and_told(shelf):
    name = shelf.fresh_name()
    answer = shelf.create(name)
    assert answer.status in MADE, f"creating a collection was answered with {answer.status}"
    told = answer.json["collection"]
    assert is_filled(told["id"]), f"the collection is told with the id {told['id']!r}"
    assert told["name"] == name, f"the collection is told with the name {told['name']!r}, not {name!r}"


@pytest.mark.requirement("VU-082")
@pytest.mark.parametrize("wrong", NO_NAMES)
def test_a_collection_needs_a_name(shelf, contract, wrong):
    invalid(shelf.create(NO_NAMES[wrong].get("name", OMIT)), contract, f"a collection with {wrong}")


@pytest.mark.requirement("VU-082", "VU-084")
def test_a_collection_is_read_by_its_id(shelf):
    name = shelf.fresh_name()
    made = shelf.collection(name=name)
    answer = shelf.send("GET", f"/{made}")
    assert answer.status == 200, f"reading a collection was answered with {answer.status}"
    told = answer.json["collection"]
    assert (told["id"], told["name"]) == (made, name), f"the collection is told as {told['id']!r}, {told['name']!r}"


@pytest.mark.requirement("VU-084")
def test_no_collection_is_404(shelf):
    answer = shelf.send("GET", f"/{NOWHERE}")
    assert answer.status == 404, f"a collection that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-080")
def test_a_new_collection_is_listed(shelf):
    made = shelf.collection()
    listed = [row["id"] for row in shelf.send("GET", "").json["collections"]]
    assert listed.count(made) == 1, f"the new collection is listed {listed.count(made)} times"


@pytest.mark.requirement("VU-080")
def test_a_deleted_collection_is_not_listed(shelf):
    made = shelf.collection()
    shelf.send("DELETE", f"/{made}")
    listed = [row["id"] for row in shelf.send("GET", "").json["collections"]]
    assert made not in listed, "a deleted collection is still listed"


@pytest.mark.requirement("VU-085", "VU-088")
def test_renaming_is_told_and_kept(shelf):
    made, name = shelf.collection(), shelf.fresh_name()
    answer = shelf.send("PATCH", f"/{made}", {"name": name})
    assert answer.status == 200, f"renaming was answered with {answer.status}"
    told = answer.json["collection"]
    assert (told["id"], told["name"]) == (made, name), f"renaming tells {told['id']!r}, {told['name']!r}"
    kept = shelf.send("GET", f"/{made}").json["collection"]["name"]
    assert kept == name, f"after renaming the name is {kept!r}, not {name!r}"


@pytest.mark.requirement("VU-087")
def test_the_id_and_the_items_outlive_the_name(shelf):
    made = shelf.collection("The lamp is kept by Orla.")
    shelf.send("PATCH", f"/{made}", {"name": shelf.fresh_name()})
    after = shelf.send("GET", f"/{made}")
    assert after.status == 200, f"after renaming, the old id is answered with {after.status}"
    assert after.json["collection"]["id"] == made, "renaming has changed the id"
    assert shelf.found(made, "Who keeps the lamp?") == ["The lamp is kept by Orla."], "renaming has lost the items"


@pytest.mark.requirement("VU-087")
@pytest.mark.parametrize("wrong", NO_NAMES)
def test_renaming_needs_a_name(shelf, contract, wrong):
    invalid(shelf.send("PATCH", f"/{shelf.collection()}", NO_NAMES[wrong]), contract, f"renaming with {wrong}")


@pytest.mark.requirement("VU-086")
def test_renaming_needs_a_collection(shelf):
    answer = shelf.send("PATCH", f"/{NOWHERE}", {"name": shelf.fresh_name()})
    assert answer.status == 404, f"renaming a collection that there is not was answered with {answer.status}"
    after = shelf.send("GET", f"/{NOWHERE}").status
    assert after == 404, f"renaming has made a collection: reading it was answered with {after}"


@pytest.mark.requirement("VU-089")
def test_deleting_takes_the_items_along(shelf):
    name = shelf.fresh_name()
    made = shelf.collection("The lamp is kept by Orla.", name=name)
    item = shelf.items(made)[0]["id"]
    answer = shelf.send("DELETE", f"/{made}")
    assert answer.status in GONE, f"deleting a collection was answered with {answer.status}"
    for path in (f"/{made}", f"/{made}/items", f"/{made}/items/{item}"):
        status = shelf.send("GET", path).status
        assert status == 404, f"after deleting, a part of the collection was answered with {status}"
    again = shelf.collection(name=name)
    assert shelf.items(again) == [], "a new collection holds the items of a deleted one of its name"
    assert shelf.found(again, "Who keeps the lamp?") == [], "a new collection finds what was deleted with an old one"


@pytest.mark.requirement("VU-089")
def test_deleting_needs_a_collection(shelf):
    answer = shelf.send("DELETE", f"/{NOWHERE}")
    assert answer.status == 404, f"deleting a collection that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-151")
def test_collections_of_one_name_are_two(shelf):
    name = shelf.fresh_name()
    first, second = shelf.collection("The lamp is kept by Orla.", name=name), shelf.create(name)
    if second.status in MADE:
        other = second.json["collection"]["id"]
        assert other != first, "two collections of one name have one id"
        assert shelf.items(other) == [], "the second collection of a name holds the items of the first"
    else:
        assert 400 <= second.status < 500, f"a second collection of a name was answered with {second.status}"
    assert len(shelf.items(first)) == 1, "a second collection of its name has emptied the first"
