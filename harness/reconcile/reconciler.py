"""The reconciliation itself: files in, one document out. The engine joins, the ranking explains, this keeps order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import specs
from harness.reconcile import conditions, loading, prices
from harness.reconcile.conditions import Context
from harness.reconcile.engine import Engine, Settings, opened
from harness.reconcile.fault import BadInput
from harness.reconcile.ledgers import FORMS, Form, mapped
from harness.reconcile.ledgers.form import Places
from harness.reconcile.moments import Window
from harness.reconcile.prices import Listed, Reading
from harness.reconcile.result import Facts, document
from harness.reconcile.sources import Source, open_source
from harness.wire import journal
from harness.wire.exchange import Exchange
from specs import Contract

LISTED = 50  # unmatched rows that a result shows; all of them are counted
ENTRY, CALL = "moment", "started"
COMPLETION = "coalesce(completion_id, request_id)"


@dataclass(frozen=True)
class Inputs:
    """What is held against what. Paths are files; `exchanges` may be the folder of a run."""

    exchanges: Path
    ledger: Path
    format: str | None = None
    map: str | None = None
    exchanges_map: str | None = None
    prices: Path | None = None
    price_unit: str | None = None
    contract: str | None = None
    markup: str | None = None
    window: Window | None = None
    tolerance: int = 0  # nano-USD by which a request may differ
    late_s: int = 60  # a charge further than this from its request is late
    pair: str | None = None  # request, completion, or by default what the ledger's form says
    settings: Settings = field(default_factory=Settings)


def reconcile(given: Inputs) -> dict[str, Any]:
    """The document that specs/schema/reconciliation.schema.json describes. Raises BadInput."""
    with opened(given.settings) as engine:
        listed, contract = _calls(engine, given)
        form = _entries(engine, given)
        pair = _paired_by(engine, given, form)
        return _judged(engine, given, listed, contract, form, pair)


def reconcile_run(
    exchanges: Iterable[Exchange], entries: Iterable[Mapping[str, Any]], contract: Contract, **given: Any
) -> dict[str, Any]:
    """The same for exchanges and lines of the mock's own ledger that are at hand. `given`: further fields of Inputs."""
    inputs = Inputs(Path("the run"), Path("the ledger"), contract=contract.name, **given)
    with opened(inputs.settings) as engine:
        source, listed = loading.meter_run(engine, exchanges, contract, Reading.of(contract, None))
        _priced(engine, inputs, source, listed, loading.LOG)
        loading.load_entries(engine, loading.written(engine, entries), FORMS["assay"])
        return _judged(engine, inputs, listed, contract, FORMS["assay"], "request_id")


def _calls(engine: Engine, given: Inputs) -> tuple[list[Listed], Contract | None]:
    path = given.exchanges / "exchanges.jsonl" if given.exchanges.is_dir() else given.exchanges
    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected the folder of a run, its exchanges.jsonl, or a log of requests")
    contract = _contract(given, path)
    reading = Reading.of(contract, given.price_unit)
    source, places = open_source(path, engine.db, engine.folder), loading.LOG
    seen: list[Listed] = []
    if {"probe", "chunks", "request.url"} <= source.columns.keys():
        source, seen = _metered(engine, path, contract, reading)
    elif given.exchanges_map:
        places = loading.mapped_log(given.exchanges_map)
    listed = prices.read(given.prices, reading) if given.prices else seen
    _priced(engine, given, source, listed, places)
    return listed, contract


def _metered(engine: Engine, path: Path, contract: Contract | None, reading: Reading) -> tuple[Source, list[Listed]]:
    try:
        return loading.meter_run(engine, journal.read(path), contract, reading)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    except (ValueError, TypeError) as error:  # names the file and the line already
        raise BadInput(str(error)) from error


def _priced(engine: Engine, given: Inputs, source: Source, listed: list[Listed], places: Places) -> None:
    if not listed:
        raise BadInput(f"{given.exchanges}: it holds no model list with prices; give one with --prices")
    loading.load_prices(engine, listed)
    loading.load_calls(engine, source, places)


def _contract(given: Inputs, path: Path) -> Contract | None:
    """The contract that was named, or the one by which the run beside the exchanges was judged."""
    if given.contract:
        return specs.load(given.contract)
    try:
        name = json.loads((path.parent / "results.json").read_bytes())["contract"]["name"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return specs.load(name) if name in specs.names() else None


def _entries(engine: Engine, given: Inputs) -> Form:
    source = open_source(given.ledger, engine.db, engine.folder)
    if given.map and not given.format:
        form = mapped(FORMS["table"], given.map)
    else:
        form = loading.form_of(source, given.format)
        form = mapped(form, given.map) if given.map else form
    loading.load_entries(engine, source, form)
    return form


def _paired_by(engine: Engine, given: Inputs, form: Form) -> str:
    """The column of `calls` whose ids the ledger names."""
    chosen = given.pair or form.pairs_by
    if chosen != "either":
        return {"request": "request_id", "completion": COMPLETION}[chosen]
    if engine.number("has_completions") == 0:
        return "request_id"
    counts = {name: engine.number("pairing", pair=name) for name in ("request_id", COMPLETION)}
    return max(counts, key=lambda name: counts[name])


def _judged(
    engine: Engine, given: Inputs, listed: list[Listed], contract: Contract | None, form: Form, pair: str
) -> dict[str, Any]:
    common = {
        "pair": pair,
        "called_inside": _inside(given.window, CALL),
        "entered_inside": _inside(given.window, ENTRY),
        "grace": given.late_s * 1_000_000,
    }
    engine.run("odd", **common)
    engine.run("pairs", **common)
    first, last = engine.run("edges", **common)[0].values()
    markup = given.markup or (contract.trait("billing.markup", None) if contract else None)
    context = Context(listed, markup, bool(engine.number("refunds")), given.window, first, last)
    tolerance = {"tolerance": given.tolerance}
    mask = conditions.mask(context) if engine.number("differing", **tolerance) else "0::BIGINT"
    engine.run("judged", mask=mask, grace=common["grace"], **tolerance)
    facts = Facts(
        groups=engine.run("groups", **tolerance),
        plain=engine.run("totals", **common),
        missing=engine.run("rows", state="missing", most=LISTED),
        unknown=engine.run("rows", state="unknown", most=LISTED),
        shifts=engine.run("shifts"),
    )
    return document(facts, _said(given, contract, form, pair, len(listed)))


def _said(given: Inputs, contract: Contract | None, form: Form, pair: str, listed: int) -> dict[str, Any]:
    return {
        "exchanges": str(given.exchanges),
        "ledger": str(given.ledger),
        "format": form.name,
        "prices": str(given.prices) if given.prices else "the model lists of the run",
        "listed_prices": listed,
        "contract": contract.name if contract else None,
        "window": str(given.window) if given.window else None,
        "tolerance_nano": given.tolerance,
        "late_s": given.late_s,
        "paired_by": "request id" if pair == "request_id" else "completion id",
    }


def _inside(window: Window | None, column: str) -> str:
    """Half-open, in UTC; what has no time is taken as inside, so that it is never dropped unseen."""
    if window is None:
        return "TRUE"
    return f"coalesce({column} >= {window.since} AND {column} < {window.until}, TRUE)"
