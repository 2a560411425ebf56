"""Files into the engine's tables `calls` and `entries`. What cannot be read is refused by file, line and column."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

import duckdb

from harness.exchange import Exchange
from harness.reconcile import columns
from harness.reconcile.columns import Field
from harness.reconcile.engine import Engine
from harness.reconcile.fault import BadInput
from harness.reconcile.ledgers import FORMS, Form
from harness.reconcile.ledgers.form import Places
from harness.reconcile.meter import OUTCOMES, catalogue_of, metered
from harness.reconcile.prices import Listed, Reading, history
from harness.reconcile.sources import Source, open_source
from specs import Contract

LOG: Final[Places] = {  # a log of requests that we did not record, and our own rows
    "request_id": ("request_id", "id"),
    "completion_id": ("completion_id",),
    "started": ("started", "created", "created_at", "startTime", "at", "timestamp"),
    "ended": ("ended", "endTime"),
    "model": ("model",),
    "status": ("status", "status_code"),
    "outcome": ("outcome",),
    "stream": ("stream", "request.stream"),
    "choices": ("choices_asked", "n", "request.n"),
    "max_tokens": ("max_tokens", "request.max_completion_tokens", "request.max_tokens"),
    "prompt": ("prompt_tokens", "usage.prompt_tokens", "input_tokens"),
    "completion": ("completion_tokens", "usage.completion_tokens", "output_tokens"),
    "cached": ("cached_tokens", "usage.prompt_tokens_details.cached_tokens"),
    "reasoning": ("reasoning_tokens", "usage.completion_tokens_details.reasoning_tokens"),
    "parts_prompt": ("parts_prompt_tokens",),
    "parts_completion": ("parts_completion_tokens",),
    "bytes": ("content_bytes",),
}
_OURS: Final = {field: LOG[field][0] for field in LOG}
_TEXT: Final = frozenset({"request_id", "completion_id", "model", "account"})
_TIMES: Final = frozenset({"started", "ended", "at"})
_OUTCOMES: Final = {name: name for name in OUTCOMES}
_PRICE: Final = ("model", "prompt", "completion", "cached", "since", "until")  # columns of the table `prices`
MOST_CHOICES: Final = 10**6  # times max_tokens this is still a number of 64 bits
_NO_ENTRY: Final = {"request_id": None, "kind": "top-up", "nano_usd": 0}  # is ignored; shows the columns
NULL: Final = ""  # stands for a value that is missing; text that is empty is one too
_NOTHING: Final = {"text": "CAST(NULL AS VARCHAR)", "number": "CAST(NULL AS BIGINT)"}


def meter_run(
    engine: Engine, exchanges: Iterable[Exchange], contract: Contract | None, reading: Reading
) -> tuple[Source, list[Listed]]:
    """A file with a row for each call that could be charged, and the prices that the run saw, with their times.

    Raises BadInput when there is no such call, ValueError for what is no exchange.
    """
    rows, answers = engine.folder / "calls.jsonl", []
    with rows.open("w", encoding="utf-8") as file:
        for exchange in exchanges:
            if (seen := catalogue_of(exchange)) is not None:
                answers.append(seen)
            for call in metered([exchange], contract):
                given = asdict(replace(call, request_id=call.request_id or f"(no id) {exchange.id}"))
                file.write(json.dumps({_OURS[name]: _whole(value) for name, value in given.items()}) + "\n")
    if rows.stat().st_size == 0:
        raise BadInput("no call that could be charged; expected the exchanges of a run")
    return open_source(rows, engine.db, engine.folder), history(answers, reading)


def _whole(value: Any) -> Any:
    """Text without halves of characters, which JSON can spell and no reader of it has to take."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def written(engine: Engine, entries: Iterable[Mapping[str, Any]]) -> Source:
    """Rows that somebody has in memory as a file; a ledger may well be empty."""
    path = engine.folder / "entries.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for entry in (_NO_ENTRY, *entries):
            file.write(json.dumps(dict(entry)) + "\n")
    return open_source(path, engine.db, engine.folder)


def load_prices(engine: Engine, prices: list[Listed]) -> None:
    engine.run("prices")
    by_column = [[getattr(row, name) for row in prices] for name in _PRICE]
    engine.db.execute(f"INSERT INTO prices SELECT {', '.join(['unnest(?)'] * len(_PRICE))}", by_column)


def load_calls(engine: Engine, source: Source, places: Places) -> None:
    """Rows of requests as the table `calls`, each with the price in force and what is due. Raises BadInput."""
    found = {ours: _field(source, theirs) for ours, theirs in places.items()}
    for needed in ("request_id", "prompt", "completion"):
        _need(source, found[needed], needed, places[needed])
    made = {name: _typed(name, field) for name, field in found.items()}
    made["request_id"] = _required(found["request_id"], made["request_id"])
    made["ended"] = f"coalesce({made['ended']}, {made['started']})"
    made["choices"] = f"least(greatest(coalesce({made['choices']}, 1), 1), {MOST_CHOICES})"
    made["outcome"] = _outcome(found["outcome"], made["status"])
    _load(engine, source, "calls", made, _names(places), latest=2**62 - 1)


def load_entries(engine: Engine, source: Source, form: Form) -> None:
    """A ledger's rows as the table `entries`. Raises BadInput."""
    found = {ours: _field(source, theirs) for ours, theirs in form.columns.items()}
    for needed in ("id", "charged"):
        _need(source, found[needed], needed, form.columns[needed])
    charged, kind = found["charged"], found.get("kind")
    assert charged is not None
    made = {
        "request_id": _typed("request_id", found["id"]),
        "moment": _typed("at", found.get("at")),
        "nano": columns.nano(charged, form.unit),
        "model": _typed("model", found.get("model")),
        "account": _typed("account", found.get("account")),
        "prompt": _typed("prompt", found.get("prompt_tokens")),
        "completion": _typed("completion", found.get("completion_tokens")),
        "kind": "'charge'" if kind is None else f"coalesce({columns.choice(kind, form.kinds)}, 'charge')",
    }
    made["nano"] = _required(charged, made["nano"])
    _load(engine, source, "entries", made, _names(form.columns))


def form_of(source: Source, name: str | None) -> Form:
    """The form that was named, or the first that a file fits. Raises BadInput."""
    if name is not None:
        return FORMS[name]
    shown = ", ".join(sorted(source.columns)[:20])
    for form in FORMS.values():
        if form.fits(frozenset(source.columns)):
            return form
    raise BadInput(f"{source.path}: no known kind of ledger; name its columns with --map. It has: {shown}")


def mapped_log(text: str) -> Places:
    """Where a log keeps what we need, some of it elsewhere than usual: `request_id=rid,prompt=in_tokens`."""
    made = dict(LOG)
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key not in LOG or not equals or not value:
            raise BadInput(f"--exchanges-map: {pair!r}: expected one of {', '.join(LOG)}, as key=column")
        made[key] = (value,)
    return made


def _load(engine: Engine, source: Source, table: str, made: Mapping[str, str], names: list[str], **values: Any) -> None:
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
    try:
        stored = "VIEW" if source.kind == "parquet" else "TABLE"  # text is parsed once, Parquet is quick to read again
        engine.run(table, stored=stored, columns=chosen, relation=source.relation(names), **values)
        if stored == "VIEW":
            engine.run("every_value", table=table)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise BadInput(_told(engine, source, names, str(error))) from error


def _told(engine: Engine, source: Source, names: list[str], said: str) -> str:
    """The engine's complaint as file, row, column and what was expected."""
    parts = said.split(columns.MARK)
    if source.is_json and (wrong := source.not_json()) is not None:
        return wrong
    if len(parts) < 5:
        plain = " ".join(said.split("\n")[0].split()).replace(str(source.alias), str(source.path))
        return plain if str(source.path) in plain else f"{source.path}: {plain}"
    name, expected, value = parts[1:4]
    row = _row_of(engine, source, names, name, value)
    where = source.place(row) if row else str(source.path)
    return f"{where}: column {name}: expected {expected}, got {repr(value[:80]) if value else 'nothing'}"


def _row_of(engine: Engine, source: Source, names: list[str], name: str, value: str) -> int | None:
    """The number of the first row that holds the value; rows are counted in the order of the file."""
    field = _field(source, tuple(name.split(" or ")))
    if field is None:
        return None
    engine.db.execute("SET preserve_insertion_order = true")
    sought = "IS NULL" if value == NULL else f"= {columns.literal(value)}"
    query = "FROM (SELECT row_number() OVER () AS n, left($raw, 200) AS v FROM $relation) SELECT min(n) WHERE v $sought"
    parts = {"$raw": field.raw, "$relation": source.relation(names), "$sought": sought}
    for part, text in parts.items():
        query = query.replace(part, text)
    try:
        found = engine.db.execute(query).fetchone()
    except duckdb.Error:
        return None
    return found[0] if found else None


def _required(field: Field | None, made: str) -> str:
    """The value, or a refusal where a row has none."""
    assert field is not None
    head = columns.literal(columns.MARK.join(("", field.name, "a value in every row", NULL, "")))
    return f"coalesce({made}, error({head}))"


def _field(source: Source, places: tuple[str, ...]) -> Field | None:
    """The places of a value that a file has, as one field. Of JSON the ones seen in its first rows, else the first."""
    seen = [place for place in places if place in source.columns]
    fields = [field for place in seen or places if (field := source.field(place)) is not None]
    return columns.first(fields)


def _need(source: Source, field: Field | None, name: str, places: tuple[str, ...]) -> None:
    if field is None or (source.is_json and not any(place in source.columns for place in places)):
        shown = ", ".join(sorted(source.columns)[:20])
        raise BadInput(f"{source.path}: no column for {name}: expected {' or '.join(places)}; it has: {shown}")


def _typed(name: str, field: Field | None) -> str:
    if field is None:
        return _NOTHING["text"] if name in _TEXT else _NOTHING["number"]
    made: Callable[[Field], str] = columns.count
    if name in _TEXT:
        made = columns.text
    elif name in _TIMES:
        made = columns.moment
    elif name == "stream":
        made = columns.flag
    elif name == "outcome":
        return columns.choice(field, _OUTCOMES)
    return made(field)


def _outcome(field: Field | None, status: str) -> str:
    by_status = f"CASE WHEN {status} >= 500 THEN 'failed' WHEN {status} >= 300 THEN 'refused' ELSE 'completed' END"
    return by_status if field is None else f"coalesce({columns.choice(field, _OUTCOMES)}, {by_status})"


def _names(places: Places) -> list[str]:
    return [name for theirs in places.values() for name in theirs]
