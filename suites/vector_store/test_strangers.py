"""Two accounts: neither sees, changes or finds anything of the other's, by whatever id it asks."""

from __future__ import annotations

import pytest

from suites.reading import accepted, said

pytestmark = pytest.mark.cost(calls=20, prompt_tokens=200, completion_tokens=64)
SECRET = "The vault of the harbour opens with the word heliotrope."
QUESTION = "Which word opens the vault of the harbour?"


@pytest.fixture
def theirs(strangers):
    """A collection of another account, with an item in it."""
    return strangers.collection(SECRET)


def doors(collection: str, item: str, file: str) -> dict[str, tuple[str, str, object]]:
    """Every operation on a collection and on what is in it."""
    one, of_item, of_file = f"/{collection}", f"/{collection}/items/{item}", f"/{collection}/files/{file}"
    return {
        "reading it": ("GET", one, None),
        "renaming it": ("PATCH", one, {"name": "Renamed by a stranger"}),
        "searching it": ("POST", f"{one}/search", {"input": QUESTION}),
        "listing its items": ("GET", f"{one}/items", None),
        "adding to it": ("POST", f"{one}/items", {"content": "Planted."}),
        "reading its item": ("GET", of_item, None),
        "changing its item": ("PATCH", of_item, {"description": "Planted."}),
        "deleting its item": ("DELETE", of_item, None),
        "listing its files": ("GET", f"{one}/files", None),
        "reading its file": ("GET", of_file, None),
        "deleting its file": ("DELETE", of_file, None),
        "deleting it": ("DELETE", one, None),
    }


@pytest.mark.requirement("VU-152")
def test_every_door_is_shut_to_strangers(shelf, strangers, theirs):
    item = strangers.items(theirs)[0]
    file = strangers.uploaded(theirs, "vault.txt", SECRET.encode())
    strangers.processed(theirs, file)
    for what, (method, path, body) in doors(theirs, item["id"], file).items():
        answer = shelf.send(method, path, **({} if body is None else {"json": body}))
        assert answer.status == 404, f"a stranger's collection: {what} was answered with {answer.status}"
        assert "heliotrope" not in answer.text, f"a stranger's collection: {what} tells what is in it"
    upload = shelf.upload(theirs, "planted.txt", b"Planted.").status
    assert upload == 404, f"a stranger's collection: uploading to it was answered with {upload}"
    kept = [row["description"] for row in strangers.items(theirs) if row["id"] == item["id"]]
    assert kept == [item["description"]], "a stranger has changed an item, or taken it away"
    assert "Planted." not in " ".join(strangers.found(theirs, "Planted.")), "a stranger has planted a text"
    assert strangers.send("GET", f"/{theirs}/files/{file}").status == 200, "a stranger has taken a file away"


@pytest.mark.requirement("VU-153")
def test_lists_hold_ones_own(shelf, strangers, theirs):
    ours = shelf.collection()
    for who, owner, foreign in (("one account", shelf, theirs), ("the other", strangers, ours)):
        listed = [row["id"] for row in accepted(owner.send("GET", ""), "a list").json["collections"]]
        own = ours if owner is shelf else theirs
        assert own in listed, f"the list of {who} lacks its own collection"
        assert foreign == own or foreign not in listed, f"the list of {who} holds a stranger's collection"


@pytest.mark.requirement("VU-154")
def test_collections_of_one_name_do_not_meet(shelf, strangers):
    name = shelf.fresh_name()
    theirs, ours = strangers.collection(SECRET, name=name), shelf.collection("Bread is baked at four.", name=name)
    assert shelf.found(ours, QUESTION) == ["Bread is baked at four."], "a search finds what another account put in"
    assert strangers.found(theirs, QUESTION) == [SECRET], "an account's own text is gone, or joined by a stranger's"
    shelf.send("DELETE", f"/{ours}")
    assert strangers.found(theirs, QUESTION) == [SECRET], "deleting one's collection has emptied a stranger's"


@pytest.mark.requirement("VU-160")
@pytest.mark.parametrize("stream", [False, True])
def test_nobody_chats_over_a_strangers_collection(ask, strangers, theirs, stream):
    body = {"model": ask.default_model, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 48}
    request = {**body, "collection": theirs, "stream": stream}
    answer = ask.send("POST", "/chat/completions/RAG", json=request)
    assert answer.status == 404, f"chatting over a stranger's collection was answered with {answer.status}"
    assert "heliotrope" not in answer.text, "chatting over a stranger's collection tells what is in it"
    own = ask.send("POST", "/chat/completions/RAG", json={**request, "stream": False}, key="second_tenant")
    said(own)
