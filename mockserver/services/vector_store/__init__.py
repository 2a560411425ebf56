"""The vector store: collections of texts and files that are searched by what they mean.

SQLite keeps them, sqlite-vec finds them. No account sees another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.services.service import Route, Service
from mockserver.services.vector_store.decisions import Decisions
from mockserver.services.vector_store.search import DIMENSION
from mockserver.services.vector_store.store import Store

if TYPE_CHECKING:
    from mockserver.services.storage import Storage
    from mockserver.state import State

_ONE, _ITEM, _FILE = "/vector_store/{id}", "/vector_store/{id}/items/{itemid}", "/vector_store/{id}/files/{fileid}"


def _open(storage: Storage, state: State) -> Store:
    rows = (row for row in state.catalogue.rows.values() if row.kind == "embedding")
    return Store(storage, next((row.dimension for row in rows), None) or DIMENSION)


SERVICE = Service(
    "vector_store",
    routes=(
        Route("GET", "/vector_store", "vectors.list_collections"),
        Route("POST", "/vector_store", "vectors.create_collection"),
        Route("GET", _ONE, "vectors.get_collection"),
        Route("PATCH", _ONE, "vectors.update_collection"),
        Route("DELETE", _ONE, "vectors.delete_collection"),
        Route("POST", f"{_ONE}/search", "vectors.search_collection"),
        Route("GET", f"{_ONE}/items", "vectors.list_items"),
        Route("POST", f"{_ONE}/items", "vectors.add_item"),
        Route("GET", _ITEM, "vectors.get_item"),
        Route("PATCH", _ITEM, "vectors.update_item"),
        Route("DELETE", _ITEM, "vectors.delete_item"),
        Route("GET", f"{_ONE}/files", "vectors.list_files"),
        Route("POST", f"{_ONE}/files", "vectors.add_file"),
        Route("GET", _FILE, "vectors.get_file"),
        Route("DELETE", _FILE, "vectors.delete_file"),
    ),
    open=_open,
)

__all__ = ["SERVICE", "Decisions"]
