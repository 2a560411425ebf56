"""Places in a JSON document by JSON Pointer (RFC 6901)."""

from __future__ import annotations

from typing import Any


def each_pointed(document: Any, pointer: str) -> list[Any]:
    """The values at a JSON Pointer in which `*` stands for every entry of an array: a series of hours or months."""
    head, found, tail = pointer.partition("/*")
    if not found:
        return [pointed(document, pointer)]
    rows = pointed(document, head)
    return [value for row in rows for value in each_pointed(row, tail)] if isinstance(rows, list) else [None]


def pointed(document: Any, pointer: str) -> Any:
    """The value at a JSON Pointer (RFC 6901), None when there is none."""
    node = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node
