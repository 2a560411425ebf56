"""Defects of items and of search: what is kept, told or found is not what was put in."""

from __future__ import annotations

from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.answers import deleted, json_answer
from mockserver.services.members import anything, text
from mockserver.services.vector_store import collections, items
from mockserver.services.vector_store.ids import new_id
from mockserver.services.vector_store.index import Match
from mockserver.services.vector_store.store import Collection, Item, NewItem, Store

Json = dict[str, Any]
Found = list[tuple[Item, Match]]


@defect(breaks="VU-094")
def only_says_that_it_adds_items(gateway: Gateway) -> Gateway:
    """Answers that an item was added, and keeps none."""

    def added(call: Call, of: Collection, content: str, description: str) -> Item:
        return Item(0, new_id(), None, description, content, call.state.clock.now())

    return within(gateway, "vectors", added=added)


@defect(breaks="VU-095")
def takes_an_empty_content(gateway: Gateway) -> Gateway:
    """Takes an item without a single character."""
    return within(gateway, "vectors", check_content=text(0))


@defect(breaks="VU-095")
def keeps_ascii_alone(gateway: Gateway) -> Gateway:
    """Keeps a question mark for every character that is not ASCII."""

    def added(call: Call, of: Collection, content: str, description: str) -> Item:
        return items.added(call, of, content.encode("ascii", "replace").decode(), description)

    return within(gateway, "vectors", added=added)


@defect(breaks="VU-166")
def keeps_markup_escaped(gateway: Gateway) -> Gateway:
    """Keeps the content with its angle brackets escaped for HTML."""

    def added(call: Call, of: Collection, content: str, description: str) -> Item:
        return items.added(call, of, content.replace("<", "&lt;"), description)

    return within(gateway, "vectors", added=added)


@defect(breaks="VU-096")
def leaves_descriptions_empty(gateway: Gateway) -> Gateway:
    """Gives an item without description an empty one."""
    return within(gateway, "vectors", describe=lambda content: "")


@defect(breaks="VU-096")
def describes_a_text_by_all_of_it(gateway: Gateway) -> Gateway:
    """Takes the whole text for the description, however long it is."""
    return within(gateway, "vectors", describe=lambda content: content)


@defect(breaks="VU-096")
def ignores_a_description(gateway: Gateway) -> Gateway:
    """Describes every item by its text, whatever description was given."""

    def added(call: Call, of: Collection, content: str, description: str) -> Item:
        return items.added(call, of, content, items.shortened(content))

    return within(gateway, "vectors", added=added)


@defect(breaks=("VU-096", "VU-099"))
def takes_anything_for_a_description(gateway: Gateway) -> Gateway:
    """Keeps what is no text as the words for it."""

    def added(call: Call, of: Collection, content: str, description: Any) -> Item:
        return items.added(call, of, content, str(description))

    def redescribe(call: Call, item: Item, body: Json) -> None:
        items.redescribe(call, item, {name: str(value) for name, value in body.items()})

    return within(gateway, "vectors", check_description=anything, added=added, redescribe=redescribe)


@defect(breaks=("VU-092", "VU-097"))
def counts_no_token_that_it_embeds(gateway: Gateway) -> Gateway:
    """Tells a usage of no tokens."""
    return within(gateway, "vectors", usage=lambda call, tokens: {"prompt_tokens": 0, "total_tokens": 0})


@defect(breaks="VU-097")
def tells_an_item_without_its_content(gateway: Gateway) -> Gateway:
    """Leaves the content out where it tells an item."""
    return within(gateway, "vectors", item=lambda call, told: {"id": told.id, "description": told.description})


@defect(breaks="VU-093")
def lists_the_first_item_alone(gateway: Gateway) -> Gateway:
    """Lists one item of a collection and no more."""

    async def serve(call: Call) -> Reply:
        rows = collections.store_of(call).items(collections.known(call))[:1]
        return json_answer(call, {"items": [call.gateway.vectors.item(call, row) for row in rows]})

    return within(gateway, "vectors", list_items=serve)


@defect(breaks="VU-098")
def reads_the_first_item_for_any(gateway: Gateway) -> Gateway:
    """Answers any item id with the first item of the collection."""

    def find(call: Call, of: Collection, item_id: str) -> Item | None:
        return next(iter(collections.store_of(call).items(of)), None)

    return within(gateway, "vectors", find_item=find)


@defect(breaks="VU-099")
def forgets_a_new_description(gateway: Gateway) -> Gateway:
    """Answers a new description with 200 and keeps the old one."""
    return within(gateway, "vectors", redescribe=lambda call, item, body: None)


@defect(breaks="VU-099")
def clears_a_description_that_is_not_given(gateway: Gateway) -> Gateway:
    """Takes a change without description for an empty description."""

    def redescribe(call: Call, item: Item, body: Json) -> None:
        collections.store_of(call).describe_item(item, body.get("description") or "")

    return within(gateway, "vectors", redescribe=redescribe)


@defect(breaks="VU-099")
def replaces_the_content_with_the_description(gateway: Gateway) -> Gateway:
    """Makes the item anew with the new description as its content."""

    def redescribe(call: Call, item: Item, body: Json) -> None:
        store, of = collections.store_of(call), collections.known(call)
        described = body.get("description") or item.description
        store.delete_items([item])
        vector = call.gateway.vectors.embed(call, described)
        store.add_item(of, NewItem(item.id, described, described, vector), item.created)

    return within(gateway, "vectors", redescribe=redescribe)


@defect(breaks="VU-100")
def only_says_that_it_deletes_items(gateway: Gateway) -> Gateway:
    """Answers that an item is gone, and keeps it."""

    async def serve(call: Call) -> Reply:
        return deleted()

    return within(gateway, "vectors", delete_item=serve)


@defect(breaks="VU-090")
def finds_in_the_order_of_adding(gateway: Gateway) -> Gateway:
    """Tells the items in the order in which they were added, whatever was asked."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> Found:
        return sorted(store.nearest(of, vector, most), key=lambda row: row[0].n)

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks=("VU-090", "VU-159"))
def finds_the_farthest_first(gateway: Gateway) -> Gateway:
    """Sorts by similarity the wrong way round."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> Found:
        return store.nearest(of, vector, most)[::-1]

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks="VU-159")
def finds_the_best_and_then_anything(gateway: Gateway) -> Gateway:
    """Tells the nearest item first and the others from the farthest on."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> Found:
        found = store.nearest(of, vector, most)
        return found[:1] + found[:0:-1]

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks="VU-090")
def finds_an_item_twice(gateway: Gateway) -> Gateway:
    """Tells the nearest item twice."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> Found:
        found = store.nearest(of, vector, most)
        return found[:1] + found

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks="VU-091")
def searches_for_nothing(gateway: Gateway) -> Gateway:
    """Takes an empty text as what to search for."""
    return within(gateway, "vectors", check_query=text(0))


@defect(breaks="VU-092")
def tells_the_same_usage_for_every_search(gateway: Gateway) -> Gateway:
    """Tells one token for every search."""
    return within(gateway, "vectors", usage=lambda call, tokens: {"prompt_tokens": 1, "total_tokens": 1})
