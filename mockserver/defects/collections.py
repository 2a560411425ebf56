"""Defects of collections: what is made, told, renamed and deleted is not what was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.answers import json_answer
from mockserver.services.members import anything, read_members, required
from mockserver.services.vector_store import collections
from mockserver.services.vector_store.ids import slug
from mockserver.services.vector_store.store import Collection

Json = dict[str, Any]


@defect(breaks="VU-081")
def answers_creation_with_202(gateway: Gateway) -> Gateway:
    """Answers the creation of a collection as though it would only happen later."""
    return within(gateway, "vectors", created_status=202)


@defect(breaks=("VU-082", "VU-087"))
def takes_any_name_for_a_collection(gateway: Gateway) -> Gateway:
    """Takes an empty name and a number as the name of a collection."""

    def check(call: Call, where: str, value: Any) -> None:
        """Whatever it is."""

    return within(gateway, "vectors", check_name=check, renamed=lambda found, name: replace(found, name=str(name)))


@defect(breaks=("VU-083", "VU-088"))
def tells_a_collection_by_its_id_alone(gateway: Gateway) -> Gateway:
    """Leaves the name out where it tells a collection."""
    return within(gateway, "vectors", collection=lambda call, told: {"id": told.id})


@defect(breaks="VU-083")
def tells_the_collection_unwrapped(gateway: Gateway) -> Gateway:
    """Answers a creation with the collection itself, not in the member collection."""
    return within(gateway, "vectors", collection=lambda call, told: told.id)


@defect(breaks=("VU-084", "VU-086", "VU-089"))
def finds_collections_that_there_are_not(gateway: Gateway) -> Gateway:
    """Answers any id as though there were an empty collection."""

    def find(call: Call, collection_id: str) -> Collection:
        owner = call.gateway.vectors.owner_of(call)
        return collections.find(call, collection_id) or Collection(owner, collection_id, "Untitled", 0)

    return within(gateway, "vectors", find_collection=find)


@defect(breaks=("VU-082", "VU-084"))
def tells_an_id_that_leads_nowhere(gateway: Gateway) -> Gateway:
    """Tells the name of a collection in the place of its id."""

    def told(call: Call, known: Collection) -> Json:
        return {"id": known.name, "name": known.name}

    return within(gateway, "vectors", collection=told)


@defect(breaks="VU-080")
def lists_no_collections(gateway: Gateway) -> Gateway:
    """Answers with an empty list of collections, whatever there is."""

    async def serve(call: Call) -> Reply:
        return json_answer(call, {"collections": []})

    return within(gateway, "vectors", list_collections=serve)


@defect(breaks=("VU-085", "VU-088"))
def forgets_a_new_name(gateway: Gateway) -> Gateway:
    """Answers renaming with 200 and keeps the old name."""
    return within(gateway, "vectors", renamed=lambda found, name: found)


@defect(breaks="VU-088")
def tells_the_old_name_after_renaming(gateway: Gateway) -> Gateway:
    """Renames the collection, and answers with what it was called before."""

    async def serve(call: Call) -> Reply:
        found = collections.known(call)
        name = (await read_members(call, {"name": required(collections.check_name)}))["name"]
        collections.store_of(call).change_collection(found, collections.renamed(found, name))
        return json_answer(call, {"collection": call.gateway.vectors.collection(call, found)})

    return within(gateway, "vectors", update_collection=serve)


@defect(breaks="VU-086")
def makes_a_collection_by_renaming(gateway: Gateway) -> Gateway:
    """Creates the collection that is to be renamed where there is none."""

    async def serve(call: Call) -> Reply:
        owner, named = call.gateway.vectors.owner_of(call), call.params["id"]
        collections.store_of(call).add_collection(Collection(owner, named, "Untitled", call.state.clock.now()))
        return await collections.update(call)

    return within(gateway, "vectors", update_collection=serve)


@defect(breaks="VU-087")
def gives_a_new_id_with_a_new_name(gateway: Gateway) -> Gateway:
    """Makes the id anew from the new name, as it was made from the first."""
    return within(gateway, "vectors", renamed=lambda found, name: replace(found, name=name, id=slug(name)))


@defect(breaks="VU-089")
def leaves_the_items_of_a_deleted_collection(gateway: Gateway) -> Gateway:
    """Deletes the record of a collection and leaves its items, which the next of that name inherits."""
    return within(gateway, "vectors", empty=lambda call, found: None)


@defect(breaks="VU-151")
def gives_the_old_collection_to_a_new_one(gateway: Gateway) -> Gateway:
    """Answers a second creation of a name with the collection that has it already."""

    async def serve(call: Call) -> Reply:
        name = (await read_members(call, {"name": required(collections.check_name)}))["name"]
        owner, store = call.gateway.vectors.owner_of(call), collections.store_of(call)
        made = Collection(owner, slug(name), name, call.state.clock.now())
        store.add_collection(made)
        return json_answer(call, {"collection": call.gateway.vectors.collection(call, made)}, 201)

    return within(gateway, "vectors", create_collection=serve)


@defect(breaks="VU-166")
def trips_over_a_quote(gateway: Gateway) -> Gateway:
    """Puts names into its SQL as they are, and fails on a quote."""

    def check(call: Call, where: str, value: Any) -> None:
        if isinstance(value, str) and "'" in value:
            raise RuntimeError('near "s": syntax error')
        collections.check_name(call, where, value)

    return within(gateway, "vectors", check_name=check)


@defect(breaks="VU-166")
def keeps_names_without_their_odd_characters(gateway: Gateway) -> Gateway:
    """Takes any name and drops control characters from it without a word."""

    def told(call: Call, known: Collection) -> Json:
        return {"id": known.id, "name": "".join(letter for letter in known.name if letter.isprintable())}

    return within(gateway, "vectors", check_name=anything, collection=told)


@defect(breaks="VU-167")
def reads_an_id_as_a_pattern(gateway: Gateway) -> Gateway:
    """Looks ids up with LIKE, so that a per cent sign finds any collection."""

    def find(call: Call, collection_id: str) -> Collection | None:
        owner = call.gateway.vectors.owner_of(call)
        known = collections.store_of(call).collections(owner)
        return known[-1] if "%" in collection_id and known else collections.find(call, collection_id)

    return within(gateway, "vectors", find_collection=find)


@defect(breaks="VU-167")
def trips_over_an_odd_id(gateway: Gateway) -> Gateway:
    """Fails on an id that is longer than its column."""

    def find(call: Call, collection_id: str) -> Collection | None:
        if len(collection_id) > 255:
            raise RuntimeError("value too long for type character varying(255)")
        return collections.find(call, collection_id)

    return within(gateway, "vectors", find_collection=find)
