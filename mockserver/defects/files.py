"""Defects of files: what was uploaded is not read, not found, not let go, or does harm."""

from __future__ import annotations

from dataclasses import replace

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.answers import json_answer
from mockserver.services.vector_store import collections, documents
from mockserver.services.vector_store.documents import Unreadable
from mockserver.services.vector_store.store import Collection, File
from mockserver.services.vector_store.upload import BadForm, Field, read_form


@defect(breaks="VU-104")
def tells_a_file_by_a_name_of_its_own(gateway: Gateway) -> Gateway:
    """Tells the name of the temporary file in the place of the one that was uploaded."""
    return within(gateway, "vectors", filename_of=lambda name: "upload.tmp")


@defect(breaks=("VU-102", "VU-162"))
def completes_files_without_reading_them(gateway: Gateway) -> Gateway:
    """Calls every file completed, and makes no item of it."""
    return within(gateway, "vectors", pieces_of=lambda text: [])


@defect(breaks="VU-161")
def calls_a_new_file_uploaded(gateway: Gateway) -> Gateway:
    """Has a status of its own for a file that waits."""

    def status_of(call: Call, file: File) -> str:
        return "uploaded" if file.status == "enqueued" else file.status

    return within(gateway, "vectors", status_of=status_of)


@defect(breaks=("VU-102", "VU-161"))
def fails_on_every_file(gateway: Gateway) -> Gateway:
    """Calls every file failed."""

    def read(name: str, data: bytes) -> str:
        raise Unreadable("The file cannot be read.")

    return within(gateway, "vectors", read_document=read)


@defect(breaks="VU-162")
def reads_no_pdf(gateway: Gateway) -> Gateway:
    """Takes PDFs and fails on them."""

    def read(name: str, data: bytes) -> str:
        if name.endswith(".pdf"):
            raise Unreadable("The PDF cannot be read.")
        return documents.read_document(name, data)

    return within(gateway, "vectors", read_document=read)


@defect(breaks="VU-103")
def takes_a_form_without_a_file(gateway: Gateway) -> Gateway:
    """Takes any form, and makes a file of whatever there is."""

    def read(content_type: str, body: bytes) -> list[Field]:
        fields = read_form(content_type, body) or [Field("file", "empty.txt", b"nothing")]
        return [Field("file", field.filename or "empty.txt", field.data or b"nothing") for field in fields]

    return within(gateway, "vectors", read_form=read)


@defect(breaks="VU-101")
def lists_the_last_file_alone(gateway: Gateway) -> Gateway:
    """Lists one file of a collection and no more."""

    async def serve(call: Call) -> Reply:
        rows = collections.store_of(call).files(collections.known(call))[-1:]
        return json_answer(call, {"files": [call.gateway.vectors.file(call, row) for row in rows]})

    return within(gateway, "vectors", list_files=serve)


@defect(breaks="VU-105")
def finds_files_that_there_are_not(gateway: Gateway) -> Gateway:
    """Answers any file id as though the file were enqueued."""

    def find(call: Call, of: Collection, file_id: str) -> File:
        known = collections.store_of(call).file(of, file_id)
        return known or File(file_id, "untitled.txt", call.state.clock.now(), "enqueued", None, 0, 0)

    return within(gateway, "vectors", find_file=find)


@defect(breaks="VU-106")
def leaves_the_text_of_a_deleted_file(gateway: Gateway) -> Gateway:
    """Deletes the record of a file and leaves what was read in it."""
    return within(gateway, "vectors", take_back=lambda call, of, file: None)


@defect(breaks="VU-163")
def keeps_the_path_of_a_file_name(gateway: Gateway) -> Gateway:
    """Takes any file name, the path in it included."""
    return within(gateway, "vectors", takes_name=lambda name: True)


@defect(breaks="VU-164")
def reads_anything_as_text(gateway: Gateway) -> Gateway:
    """Makes items of bytes that are no text."""
    return within(gateway, "vectors", read_document=lambda name, data: data.decode("latin-1")[:2000])


@defect(breaks="VU-164")
def falls_over_a_damaged_document(gateway: Gateway) -> Gateway:
    """Fails whenever somebody looks at a collection that holds a damaged document."""

    def read(name: str, data: bytes) -> str:
        try:
            return documents.read_document(name, data)
        except Unreadable as error:
            raise RuntimeError("the worker has died") from error

    return within(gateway, "vectors", read_document=read)


@defect(breaks="VU-165")
def makes_do_with_half_a_form(gateway: Gateway) -> Gateway:
    """Stores what has arrived of a form that breaks off."""

    def read(content_type: str, body: bytes) -> list[Field]:
        try:
            return read_form(content_type, body)
        except BadForm:
            return [Field("file", "rest.txt", body or b"nothing")]

    return within(gateway, "vectors", read_form=read)


@defect(breaks="VU-174")
def takes_files_of_any_size(gateway: Gateway) -> Gateway:
    """Has no bound for uploads."""
    return within(replace(gateway, body_cap=1 << 40), "vectors", file_cap=1 << 40)
