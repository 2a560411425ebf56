"""A results file that no run wrote is refused in words, or every report can be made of it: never a traceback."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reports
from harness.results import BadResults, read
from reports import difference
from tests.reports import sample

ODD: tuple[Any, ...] = (None, 0, -1, 1.5, True, "", "x", [], [None], ["a"], {}, {"a": {"b": 1}})
GONE = object()
Place = tuple[str | int, ...]


def places(node: Any, path: Place = ()) -> Iterator[Place]:
    if path:
        yield path
    inside = node.items() if isinstance(node, dict) else enumerate(node[:2]) if isinstance(node, list) else ()
    for name, value in inside:
        yield from places(value, (*path, name))


def altered(document: dict[str, Any], path: Place, value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(document)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return dict(made)


def test_one_odd_value_anywhere(tmp_path: Path) -> None:
    document, file = sample.results(), tmp_path / "results.json"
    changes = [(path, value) for path in places(document) for value in (*ODD, GONE)]
    rendered = 0
    for path, value in random.Random(1).sample(changes, 500):
        file.write_text(json.dumps(altered(document, path, value)))
        try:
            found = read(file)
        except BadResults:
            continue
        rendered += 1
        for kind in reports.KINDS:
            assert reports.render(found, kind), (path, value)
        assert difference.between(document, dict(found)), (path, value)
    assert 50 < rendered < 400


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("run", "started"), "2026-99-99T00:00:00Z", "run/started: .*month"),
        (("run", "duration_s"), float("nan"), "not JSON: NaN is no number"),
        (("attestation", "claims", "proven"), 7, "attestation/claims/proven: 7 is not of type"),
        (("billing", "verdict"), "<b>", "billing/verdict"),
        (("load", "series"), [7], "load/series/0"),
        (("fuzz", "statuses"), {"a": 1}, "fuzz/statuses/a"),
    ],
)
def test_it_is_said_where_and_why(tmp_path: Path, path: Place, value: Any, said: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(altered(sample.results(), path, value)))
    with pytest.raises(BadResults, match=said):
        read(file)
