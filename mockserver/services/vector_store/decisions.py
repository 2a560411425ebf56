"""Every observable decision of the vector store, one field each; the defaults are the honest ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import auth
from mockserver.services.members import Check
from mockserver.services.vector_store import collections, documents, files, ids, items, search, shown
from mockserver.services.vector_store.store import Collection, File, Item, Store
from mockserver.services.vector_store.upload import Field, read_form

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.vector_store.index import Match

Handler = Callable[["Call"], Awaitable["Reply"]]
Json = dict[str, Any]
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `vectors`."""

    # -- the operations
    list_collections: Handler = collections.list_all
    create_collection: Handler = collections.create
    get_collection: Handler = collections.get
    update_collection: Handler = collections.update
    delete_collection: Handler = collections.delete
    search_collection: Handler = search.serve
    list_items: Handler = items.list_all
    add_item: Handler = items.add
    get_item: Handler = items.get
    update_item: Handler = items.update
    delete_item: Handler = items.delete
    list_files: Handler = files.list_all
    add_file: Handler = files.add
    get_file: Handler = files.get
    delete_file: Handler = files.delete
    created_status: int = 201
    deleted_status: int = 204

    # -- whose and which
    owner_of: Callable[[Call], str] = auth.account_of  # whose collections a call can see at all
    find_collection: Callable[[Call, str], Collection | None] = collections.find
    find_item: Callable[[Call, Collection, str], Item | None] = items.find
    find_file: Callable[[Call, Collection, str], File | None] = files.find

    # -- collections
    check_name: Check = collections.check_name
    collection_id: Callable[[str, Callable[[str], bool]], str] = ids.collection_id  # (name, is free) to id
    renamed: Callable[[Collection, str], Collection] = collections.renamed
    empty: Callable[[Call, Collection], None] = collections.empty  # what goes with a collection that is deleted

    # -- items
    check_content: Check = items.check_content
    check_description: Check = items.check_description
    describe: Callable[[str], str] = items.shortened  # the description of an item that was given none
    added: Callable[[Call, Collection, str, str], Item] = items.added  # (call, collection, content, description)
    redescribe: Callable[[Call, Item, Json], None] = items.redescribe  # a PATCH; sees the whole body

    # -- files
    file_cap: int = 8 * MIB
    read_form: Callable[[str, bytes], list[Field]] = read_form  # (content type, body) to fields; raises BadForm
    takes_name: Callable[[str], bool] = documents.is_plain_name
    filename_of: Callable[[str], str] = str  # as it is shown
    enqueued_s: float = 0.15  # how long a file waits, and then is processed, by the mock's clock
    processing_s: float = 0.15
    status_of: Callable[[Call, File], str] = files.status_of
    read_document: Callable[[str, bytes], str] = documents.read_document  # (name, data) to text; raises Unreadable
    pieces_of: Callable[[str], list[str]] = documents.pieces_of
    take_back: Callable[[Call, Collection, File], None] = files.take_back  # what goes with a file that is deleted

    # -- search
    check_query: Check = search.check_query
    longest: Callable[[Call], int] = search.longest  # tokens of a text that is embedded
    embed: Callable[[Call, str], bytes] = search.embedded
    count: Callable[[str], int] = search.count  # tokens of a text that is embedded
    nearest: Callable[[Call, Store, Collection, bytes, int], list[tuple[Item, Match]]] = search.nearest
    results: int = 10  # of one search, at most

    # -- what is told
    collection: Callable[[Call, Collection], Json] = shown.collection
    item: Callable[[Call, Item], Json] = shown.item
    file: Callable[[Call, File], Json] = shown.file
    result: Callable[[Call, Item, Match], Json] = shown.result
    usage: Callable[[Call, int], Json] = shown.usage  # tokens that were embedded
