"""Defects between accounts: one sees, finds or changes what is another's."""

from __future__ import annotations

from mockserver.behaviours import auth
from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services import monthly_usage
from mockserver.services.answers import json_answer
from mockserver.services.stored_completions import completions_of
from mockserver.services.vector_store import collections
from mockserver.services.vector_store.index import Match
from mockserver.services.vector_store.store import Collection, Item, Store
from mockserver.state import STARTING_KEYS

ACCOUNTS = sorted({account for account, _, _ in STARTING_KEYS.values()})


@defect(breaks=("VU-152", "VU-160"))
def opens_any_collection_by_its_id(gateway: Gateway) -> Gateway:
    """Looks a collection up by its id and not by whose it is."""

    def find(call: Call, collection_id: str) -> Collection | None:
        store = collections.store_of(call)
        found = (store.collection(account, collection_id) for account in [auth.account_of(call), *ACCOUNTS])
        return next(filter(None, found), None)

    return within(gateway, "vectors", find_collection=find)


@defect(breaks=("VU-152", "VU-153", "VU-160"))
def keeps_one_shelf_for_all(gateway: Gateway) -> Gateway:
    """Keeps the collections of all accounts together."""
    return within(gateway, "vectors", owner_of=lambda call: "everybody")


@defect(breaks="VU-153")
def lists_everybodys_collections(gateway: Gateway) -> Gateway:
    """Lists the collections of all accounts."""

    async def serve(call: Call) -> Reply:
        store = collections.store_of(call)
        found = [each for account in ACCOUNTS for each in store.collections(account)]
        return json_answer(call, {"collections": [call.gateway.vectors.collection(call, each) for each in found]})

    return within(gateway, "vectors", list_collections=serve)


@defect(breaks="VU-154")
def searches_collections_by_name_alone(gateway: Gateway) -> Gateway:
    """Searches what all accounts have put into collections of that id."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> list[tuple[Item, Match]]:
        known = (store.collection(account, of.id) for account in {of.account, *ACCOUNTS})
        found = [row for each in known if each for row in store.nearest(each, vector, most)]
        return sorted(found, key=lambda row: -row[1].similarity)[:most]

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks="VU-155")
def finds_an_item_in_any_collection(gateway: Gateway) -> Gateway:
    """Looks an item up by its id and not by the collection that it is in."""

    def find(call: Call, of: Collection, item_id: str) -> Item | None:
        store = collections.store_of(call)
        found = (store.item(each, item_id) for each in store.collections(of.account))
        return next(filter(None, found), None)

    return within(gateway, "vectors", find_item=find)


@defect(breaks="VU-155")
def searches_all_collections_of_an_account(gateway: Gateway) -> Gateway:
    """Finds items of the account's other collections as well."""

    def nearest(call: Call, store: Store, of: Collection, vector: bytes, most: int) -> list[tuple[Item, Match]]:
        found = [row for each in store.collections(of.account) for row in store.nearest(each, vector, most)]
        return sorted(found, key=lambda row: -row[1].similarity)[:most]

    return within(gateway, "vectors", nearest=nearest)


@defect(breaks="VU-156")
def tells_a_completion_to_whoever_knows_its_id(gateway: Gateway) -> Gateway:
    """Looks a completion up by its id and not by whose it is."""

    def find(call: Call, completion_id: str) -> bytes | None:
        kept = completions_of(call)
        found = (kept.find(completion_id, account, 0) for account in [auth.account_of(call), *ACCOUNTS])
        return next(filter(None, found), None)

    return within(gateway, "stored", find=find)


@defect(breaks="VU-157")
def shows_one_log_to_all(gateway: Gateway) -> Gateway:
    """Shows the log of the first account to all."""
    return within(gateway, "request_logs", owner_of=lambda call: STARTING_KEYS["main"][0])


@defect(breaks="VU-158")
def counts_all_accounts_together(gateway: Gateway) -> Gateway:
    """Adds the usage of all accounts up in one sum."""

    def count(call: Call) -> None:
        month = monthly_usage.month_of(call.state.clock.instant())
        monthly_usage.sums_of(call).add("everybody", month, call.used)

    return within(gateway, "monthly_usage", account_of=lambda call: "everybody", count=count)
