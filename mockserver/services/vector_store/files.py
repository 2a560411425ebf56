"""The operations on files. A file waits, is processed and becomes items, by the mock's clock and by nobody's hurry.

What is due is done when somebody looks at its collection, so a mock that was killed in between goes on where it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mockserver.behaviours.admission import read_body
from mockserver.services.answers import deleted, json_answer, there
from mockserver.services.vector_store.collections import known, store_of
from mockserver.services.vector_store.documents import Unreadable
from mockserver.services.vector_store.ids import new_id
from mockserver.services.vector_store.store import Collection, File, NewItem
from mockserver.services.vector_store.upload import BadForm, Field

if TYPE_CHECKING:
    from mockserver.call import Call, Reply


def find(call: Call, of: Collection, file_id: str) -> File | None:
    return store_of(call).file(of, file_id)


def _known(call: Call, of: Collection) -> File:
    return there(call, call.gateway.vectors.find_file(call, of, call.params["fileid"]), "file")


async def list_all(call: Call) -> Reply:
    found = await up_to_date(call)
    rows = store_of(call).files(found)
    return json_answer(call, {"files": [call.gateway.vectors.file(call, each) for each in rows]})


async def add(call: Call) -> Reply:
    """Taken in and enqueued; what is in it is read later."""
    vectors, found = call.gateway.vectors, known(call)
    field = _uploaded(call, await _form(call))
    if len(field.data) > vectors.file_cap:
        raise call.gateway.refuse_too_large(call)
    if not field.data:
        raise call.gateway.refuse_parameter(
            call, "file", "Invalid value for 'file': expected a file that is not empty."
        )
    made = File(new_id(), field.filename or "", call.state.clock.now(), "enqueued", None, 0, 0)
    store_of(call).add_file(found, made, field.data)
    return json_answer(call, {"file": vectors.file(call, made)}, vectors.created_status)


async def _form(call: Call) -> list[Field]:
    await read_body(call)
    try:
        return call.gateway.vectors.read_form(call.headers.get("content-type", ""), call.raw)
    except BadForm as error:
        raise call.gateway.refuse_parameter(call, "file", f"The body is not a form with a file: {error}.") from None


def _uploaded(call: Call, fields: list[Field]) -> Field:
    field = next((field for field in fields if field.name == "file" and field.filename is not None), None)
    if field is None:
        raise call.gateway.refuse_missing(call, "file")
    if not call.gateway.vectors.takes_name(field.filename or ""):
        expected = "a plain name that ends in .pdf, .txt, .text, .md or .markdown"
        raise call.gateway.refuse_parameter(call, "file", f"Invalid name of 'file': expected {expected}.")
    return field


async def get(call: Call) -> Reply:
    found = await up_to_date(call)
    return json_answer(call, {"file": call.gateway.vectors.file(call, _known(call, found))})


async def delete(call: Call) -> Reply:
    vectors, found = call.gateway.vectors, await up_to_date(call)
    file = _known(call, found)
    vectors.take_back(call, found, file)
    store_of(call).delete_file(file)
    return deleted(vectors.deleted_status)


def take_back(call: Call, of: Collection, file: File) -> None:
    """The items that the file became."""
    store = store_of(call)
    store.delete_items([item for item in store.items(of) if item.file == file.id])


def status_of(call: Call, file: File) -> str:
    """enqueued, then processing; completed or failed once it is done."""
    waiting = call.state.clock.now() < file.created + call.gateway.vectors.enqueued_s
    return file.status if waiting or file.status != "enqueued" else "processing"


async def up_to_date(call: Call) -> Collection:
    """The collection of the path, once every file whose time has come is in it."""
    found = known(call)
    await finish_due(call, found)
    return found


async def finish_due(call: Call, of: Collection) -> None:
    """Read every file whose time has come, off the event loop, and keep what came of it."""
    vectors, store = call.gateway.vectors, store_of(call)
    due = call.state.clock.now() - vectors.enqueued_s - vectors.processing_s
    for file in [file for file in store.files(of) if file.status == "enqueued" and file.created <= due]:
        data = store.data_of(file)
        if data is None:
            continue
        try:
            text = await asyncio.to_thread(vectors.read_document, file.filename, data)
        except Unreadable as error:
            store.finish_file(of, file, [], 0, str(error))
        else:
            _become_items(call, of, file, vectors.pieces_of(text))


def _become_items(call: Call, of: Collection, file: File, pieces: list[str]) -> None:
    vectors = call.gateway.vectors
    made = [NewItem(new_id(), vectors.describe(piece), piece, vectors.embed(call, piece)) for piece in pieces]
    store_of(call).finish_file(of, file, made, sum(map(vectors.count, pieces)), None)
