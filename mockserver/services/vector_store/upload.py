"""multipart/form-data as RFC 7578 has it: the fields of a body, by name. Limits keep a hostile one small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELDS = 16
MOST_HEADER = 4096  # bytes of the headers of one field


class BadForm(ValueError):
    """The body is not the form that its Content-Type says it is."""


@dataclass(slots=True)
class Field:
    """`filename` is None for a field that is no file."""

    name: str
    filename: str | None
    data: bytes


class _Reader:
    """Takes the parser's events down; it keeps no more than the limits allow."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.ended = False
        self._name, self._value, self._size = b"", b"", 0
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._take_data,
            "on_part_end": self._end,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._header,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.fields) == MOST_FIELDS:
            raise BadForm("too many fields")
        self._headers, self._data, self._size = {}, bytearray(), 0

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += self._bounded(data[start:end])

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._bounded(data[start:end])

    def _bounded(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > MOST_HEADER:
            raise BadForm("the headers of a field are too long")
        return data

    def _header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise BadForm("a field has no name")
        given = options.get(b"filename")
        self.fields.append(Field(_text(options[b"name"]), None if given is None else _text(given), bytes(self._data)))

    def _finish(self) -> None:
        self.ended = True


def read_form(content_type: str, body: bytes) -> list[Field]:
    """The fields in their order. Raises BadForm."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise BadForm("not multipart/form-data with a boundary")
    reader = _Reader()
    parser = MultipartParser(boundary, reader.callbacks())
    try:
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, UnicodeDecodeError) as error:
        raise BadForm("not a multipart body") from error
    if not reader.ended:
        raise BadForm("the body ends before its last boundary")
    return reader.fields


def _text(value: bytes) -> str:
    return value.decode("utf-8")
