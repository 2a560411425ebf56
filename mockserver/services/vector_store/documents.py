"""From an uploaded file to pieces of text: PDF, Markdown and plain text. It opens no links and runs nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfReader

SUFFIXES = (".pdf", ".txt", ".text", ".md", ".markdown")
MOST_PAGES = 500
MOST_CHARACTERS = 1_000_000  # of text in one file; a small PDF can hold gigabytes
MOST_STREAM = 2 * 1024 * 1024  # bytes of one page's content; pypdf itself refuses to inflate more than 75 MB
PIECE = 800  # characters that an item of a file has at most
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Unreadable(Exception):
    """The file holds no text that could be read; the message is for whoever uploaded it."""


def is_plain_name(name: str) -> bool:
    """Whether a file name is one: no path, no control characters, not too long, and of a kind that can be read."""
    plain = not _CONTROL.search(name) and not set("/\\") & set(name) and not name.startswith(".")
    return plain and len(name) <= 255 and name.lower().endswith(SUFFIXES)


def read_document(name: str, data: bytes) -> str:
    """The text of a file. Raises Unreadable."""
    text = _pdf_text(data) if name.lower().endswith(".pdf") else _plain_text(data)
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"The file holds more than {MOST_CHARACTERS} characters of text.")
    if not text.strip():
        raise Unreadable("The file holds no text.")
    return text


def _plain_text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text.") from None
    if "\0" in text:
        raise Unreadable("The file is not text.")
    return text


def _pdf_text(data: bytes) -> str:
    """The text of every page; a damaged or hostile document raises Unreadable, whatever the parser made of it."""
    from pypdf import PdfReader  # late: only uploads of PDFs need it, and it is slow to import
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data), strict=True)
        if reader.is_encrypted:
            raise Unreadable("The PDF is encrypted.")
        if len(reader.pages) > MOST_PAGES:
            raise Unreadable(f"The PDF has more than {MOST_PAGES} pages.")
        return "\n\n".join(_page_texts(reader))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        raise Unreadable("The PDF cannot be read.") from None


def _page_texts(reader: PdfReader) -> Iterator[str]:
    size = 0
    for page in reader.pages:
        content = page.get_contents()
        if content is not None and len(content.get_data()) > MOST_STREAM:
            raise Unreadable("A page of the PDF is too large.")
        text = page.extract_text()
        size += len(text)
        if size > MOST_CHARACTERS:
            raise Unreadable(f"The file holds more than {MOST_CHARACTERS} characters of text.")
        yield text


def pieces_of(text: str) -> list[str]:
    """Paragraphs, put together while they are short and cut between sentences where they are long."""
    pieces = [""]
    for part in _parts(text):
        if pieces[-1] and len(pieces[-1]) + len(part) + 2 > PIECE:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]}\n\n{part}" if pieces[-1] else part
    return [piece for piece in pieces if piece]


def _parts(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        stripped = paragraph.strip()
        if len(stripped) <= PIECE:
            if stripped:
                yield stripped
            continue
        for sentence in _SENTENCE.split(stripped):
            for at in range(0, len(sentence), PIECE):
                yield sentence[at : at + PIECE]
