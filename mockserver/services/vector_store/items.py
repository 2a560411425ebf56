"""The operations on items: a text, its description, and the vector that it is found by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockserver.services.answers import deleted, json_answer, there
from mockserver.services.members import optional, read_members, required, text
from mockserver.services.vector_store.collections import known, store_of
from mockserver.services.vector_store.files import up_to_date
from mockserver.services.vector_store.ids import new_id
from mockserver.services.vector_store.store import Collection, Item, NewItem

if TYPE_CHECKING:
    from mockserver.call import Call, Reply

LONGEST_CONTENT = 100_000  # characters
LONGEST_DESCRIPTION = 1_000
SHORT = 80  # characters of a description that nobody gave

check_content = text(1, LONGEST_CONTENT)
check_description = text(0, LONGEST_DESCRIPTION)


def shortened(content: str) -> str:
    """The beginning of the text, with an ellipsis where something is missing."""
    return content if len(content) <= SHORT else content[: SHORT - 1].rstrip() + "…"


def find(call: Call, of: Collection, item_id: str) -> Item | None:
    return store_of(call).item(of, item_id)


def _known(call: Call, of: Collection) -> Item:
    return there(call, call.gateway.vectors.find_item(call, of, call.params["itemid"]), "item")


async def list_all(call: Call) -> Reply:
    found = await up_to_date(call)
    rows = store_of(call).items(found)
    return json_answer(call, {"items": [call.gateway.vectors.item(call, each) for each in rows]})


async def add(call: Call) -> Reply:
    vectors, found = call.gateway.vectors, known(call)
    members = {"content": required(vectors.check_content), "description": optional(vectors.check_description)}
    given = await read_members(call, members)
    content, tokens = given["content"], vectors.count(given["content"])
    if tokens > (longest := vectors.longest(call)):
        raise call.gateway.refuse_parameter(call, "content", f"'content' is longer than {longest} tokens.")
    description = given["description"] if given["description"] is not None else vectors.describe(content)
    made = vectors.added(call, found, content, description)
    call.used["embedding"] = tokens
    told = {"item": vectors.item(call, made), "usage": vectors.usage(call, tokens)}
    return json_answer(call, told, vectors.created_status)


def added(call: Call, of: Collection, content: str, description: str) -> Item:
    new = NewItem(new_id(), description, content, call.gateway.vectors.embed(call, content))
    return store_of(call).add_item(of, new, call.state.clock.now())


async def get(call: Call) -> Reply:
    found = await up_to_date(call)
    return json_answer(call, {"item": call.gateway.vectors.item(call, _known(call, found))})


async def update(call: Call) -> Reply:
    """A new description; the content stays, and so does its vector."""
    vectors, item = call.gateway.vectors, _known(call, known(call))
    await read_members(call, {"description": optional(vectors.check_description)})
    vectors.redescribe(call, item, call.body)
    changed = vectors.find_item(call, known(call), item.id) or item
    return json_answer(call, {"item": vectors.item(call, changed)})


def redescribe(call: Call, item: Item, body: dict[str, Any]) -> None:
    if body.get("description") is not None:
        store_of(call).describe_item(item, body["description"])


async def delete(call: Call) -> Reply:
    item = _known(call, known(call))
    store_of(call).delete_items([item])
    return deleted(call.gateway.vectors.deleted_status)
