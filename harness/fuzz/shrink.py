"""Makes the request of a finding shorter while it still shows the same. Asks a few more times, where that is free."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator
from typing import Any

import jsonschema

from harness.fuzz.causes import Cause
from harness.fuzz.explorer import Explorer, told
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Exchange

TRIES = 24  # requests for one finding
MOST = 8  # findings that are shortened


def shorten(explorer: Explorer, seconds: float) -> None:
    """Shorten what was found, for at most so long; where an answer costs money, what was found stays as it is."""
    end = time.monotonic() + seconds
    for cause in explorer.found.causes.all[:MOST]:
        if cause.case is not None and time.monotonic() < end and (explorer.free_of_charge or _refused(cause)):
            _shorten(explorer, cause, end)


def _refused(cause: Cause) -> bool:
    return all(x.status >= 400 for x in cause.shown)


def _shorten(explorer: Explorer, cause: Cause, end: float) -> None:
    made: Any = cause.case  # as the explorer put it there
    case, batch = made
    if not isinstance(case.body, dict):
        return
    valid = _validity(case)
    kept, tried, again = case, 0, True
    while again:
        again = False
        for body in smaller(kept.body):
            if tried == TRIES or time.monotonic() > end:
                return
            if valid(body) is not valid(case.body):
                continue  # what is left out may be all that was wrong with it
            tried += 1
            asked_as = kept.derive()
            asked_as.body = body
            shown = _shows(explorer, cause, asked_as, batch)
            if shown is not None:
                explorer.found.causes.show(cause.requirement, cause.message, shown)
                explorer.found.shortened[cause.requirement, cause.message] = told(shown, batch)
                kept, again = asked_as, True
                break


def _shows(explorer: Explorer, cause: Cause, case: Any, batch: Any) -> Exchange | None:
    """The exchange when the same is wrong with its answer."""
    try:
        asked = explorer.send(case, batch)
    except BudgetExceeded:
        return None
    same = asked.complete and any(
        (wrong.requirement, wrong.cause) == (cause.requirement, cause.message)
        for wrong in explorer.wrong(case, batch, asked)
    )
    return asked if same else None


def smaller(body: Any) -> Iterator[Any]:
    """The same without one member or one entry, outermost first; then with shorter texts."""
    places = sorted(_places(body), key=len)
    for place in places:
        yield _without(body, place)
    for place in places:
        value = _at(body, place)
        if isinstance(value, str) and len(value) > 8:
            yield _with(body, place, value[: len(value) // 2])


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in itertools.islice(inner, 40):
        yield (*above, name)
        if len(above) < 3:
            yield from _places(value, (*above, name))


def _at(node: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        node = node[step]
    return node


def _without(body: Any, place: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(body)
    del _at(made, place[:-1])[place[-1]]
    return made


def _with(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(body)
    _at(made, place[:-1])[place[-1]] = value
    return made


def _validity(case: Any) -> Any:
    """Whether the document of the operation allows a body."""
    raw = case.operation.schema.raw_schema
    stated = case.operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = {**stated.get("schema", {}), "components": raw.get("components", {})}
    validator = jsonschema.Draft202012Validator(schema)

    def valid(body: Any) -> bool:
        return bool(validator.is_valid(body))

    return valid
