"""The operations on collections."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.services.answers import deleted, json_answer, there
from mockserver.services.members import read_members, refuse, required
from mockserver.services.vector_store.store import Collection, Store

if TYPE_CHECKING:
    from mockserver.call import Call, Reply

LONGEST_NAME = 255  # characters
_NAME = re.compile(r"[^\x00-\x20\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*")


def store_of(call: Call) -> Store:
    store: Store = call.state.parts["vector_store"]
    return store


def check_name(call: Call, where: str, value: Any) -> None:
    """Something to read: no control characters, and no blank before it."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        refuse(call, where, f"a name of 1 to {LONGEST_NAME} characters, none of them a control character")


def find(call: Call, collection_id: str) -> Collection | None:
    """One of the caller's own: somebody else's does not exist for it."""
    return store_of(call).collection(call.gateway.vectors.owner_of(call), collection_id)


def known(call: Call) -> Collection:
    """The collection of the path, or the refusal."""
    return there(call, call.gateway.vectors.find_collection(call, call.params["id"]), "collection")


async def list_all(call: Call) -> Reply:
    vectors = call.gateway.vectors
    found = store_of(call).collections(vectors.owner_of(call))
    return json_answer(call, {"collections": [vectors.collection(call, each) for each in found]})


async def create(call: Call) -> Reply:
    vectors, store = call.gateway.vectors, store_of(call)
    name = (await read_members(call, {"name": required(vectors.check_name)}))["name"]
    owner, now = vectors.owner_of(call), call.state.clock.now()
    while True:  # another process may take an id between the look and the leap
        made = Collection(owner, vectors.collection_id(name, lambda id_: not store.collection(owner, id_)), name, now)
        if store.add_collection(made):
            return json_answer(call, {"collection": vectors.collection(call, made)}, vectors.created_status)


async def get(call: Call) -> Reply:
    return json_answer(call, {"collection": call.gateway.vectors.collection(call, known(call))})


async def update(call: Call) -> Reply:
    vectors, found = call.gateway.vectors, known(call)
    name = (await read_members(call, {"name": required(vectors.check_name)}))["name"]
    changed = vectors.renamed(found, name)
    store_of(call).change_collection(found, changed)
    return json_answer(call, {"collection": vectors.collection(call, changed)})


def renamed(found: Collection, name: str) -> Collection:
    """Another name; the id stays what it was."""
    return replace(found, name=name)


async def delete(call: Call) -> Reply:
    vectors, found = call.gateway.vectors, known(call)
    vectors.empty(call, found)
    store_of(call).delete_collection(found)
    return deleted(vectors.deleted_status)


def empty(call: Call, found: Collection) -> None:
    """Its files, and every item of it."""
    store = store_of(call)
    for file in store.files(found):
        store.delete_file(file)
    store.delete_items(store.items(found))
