"""Ids: of a collection from its name, of everything else by chance."""

from __future__ import annotations

import itertools
import re
import unicodedata
import uuid
from collections.abc import Callable

LONGEST = 64
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """A name in small ASCII letters, digits and dashes; `collection` where none of it is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", plain)[:LONGEST].strip("-") or "collection"


def collection_id(name: str, is_free: Callable[[str], bool]) -> str:
    """The slug of the name, with a number behind it where the account has that one already."""
    base = slug(name)
    numbered = (f"{base}-{n}" for n in itertools.count(2))
    return next(candidate for candidate in itertools.chain([base], numbered) if is_free(candidate))


def new_id() -> str:
    return str(uuid.uuid4())
