"""YAML files, read as data: whatever is in them ends in a document or in one line of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# CSafeLoader reads our files ten times faster than the pure-Python loader; the result is the same.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST = 100_000  # values of a document that uses aliases, each counted wherever it stands


class NotYaml(ValueError):
    """The file holds no document; the message says why."""


def read(path: Path) -> Any:
    """The document of a file. Raises NotYaml, OSError."""
    try:
        text = path.read_text(encoding="utf-8")
        document = _document(text)
        if "*" in text and "&" in text and _size(document, {}) > MOST:
            raise NotYaml(f"its aliases stand for more than {MOST} values")
    except yaml.YAMLError as error:
        raise NotYaml(_said(error)) from error
    except NotYaml:
        raise
    except RecursionError as error:
        raise NotYaml("not YAML: nested too deeply") from error
    except (ValueError, KeyError, AttributeError) as error:  # what the library makes of dates and numbers that are none
        raise NotYaml(f"not YAML: {type(error).__name__}: {str(error)[:200]}") from error
    return document


def _document(text: str) -> Any:
    """What the safe loader makes of it. Raises NotYaml where a name stands twice: the library would take the last."""
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _names_once(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _names_once(root: yaml.Node) -> None:
    left, seen = [root], set[int]()
    while left:
        node = left.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            names = set[tuple[str, str]]()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in names:
                        raise NotYaml(f"{key.value[:80]!r} stands there twice, line {key.start_mark.line + 1}")
                    names.add((key.tag, key.value))
                left += (key, value)
        else:
            left += node.value


def _said(error: yaml.YAMLError) -> str:
    """One line: what is wrong, and on which line of the file."""
    mark, said = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    return f"not YAML: {' '.join(said.split())}" + (f", line {mark.line + 1}" if mark is not None else "")


def _size(node: Any, known: dict[int, int]) -> int:
    """Values that whoever walks through the document meets; no end of them where it holds itself."""
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST + 1  # until it is known: it may hold itself
        inner = node.values() if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_size(each, known) for each in inner)
    return known[id(node)]
