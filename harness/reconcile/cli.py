"""The command `assay reconcile`: reads the command line, prints what the reconciliation found."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

import specs
from harness.model import Exit
from harness.reconcile.engine import Settings
from harness.reconcile.fault import BadInput
from harness.reconcile.ledgers import FORMS
from harness.reconcile.moments import Window
from harness.reconcile.prices import UNITS
from harness.reconcile.reconciler import Inputs, reconcile
from reports import reconciliation

FILE = click.Path(path_type=Path)


class _Refused(click.ClickException):
    """One line that says what cannot be used."""

    exit_code = int(Exit.BAD_INVOCATION)


@click.command(name="reconcile")
@click.option("--exchanges", required=True, type=FILE, metavar="RUN", help="A run, its exchanges.jsonl, or a log.")
@click.option("--ledger", required=True, type=FILE, metavar="FILE", help="What was charged: JSON, CSV or Parquet.")
@click.option("--format", "form", type=click.Choice(sorted(FORMS)), help="Kind of ledger; by default its columns tell.")
@click.option("--map", "columns", metavar="MAP", help="The ledger's columns: id=rid,charged=cost_usd,unit=usd ...")
@click.option("--exchanges-map", metavar="MAP", help="A log's columns: request_id=rid,prompt=tokens_in ...")
@click.option("--prices", type=FILE, metavar="FILE", help="A catalogue with prices; a run has seen its own.")
@click.option("--price-unit", type=click.Choice(list(UNITS)), help="USD per so many tokens (default million).")
@click.option("--contract", type=click.Choice(specs.names()), help="Where prices stand, and the markup in them.")
@click.option("--markup", metavar="X", help="Factor that the listed prices contain, such as 1.85.")
@click.option("--window", metavar="FROM..TO", help="Only calls of this time, in UTC; TO is not part of it.")
@click.option("--tolerance-nano", type=click.IntRange(0), default=0, metavar="N", help="Ignore so much a request.")
@click.option(
    "--late",
    "late_s",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    metavar="S",
    help="Seconds to be late by.",
)
@click.option("--pair", type=click.Choice(["request", "completion"]), help="The id of the wire that the ledger names.")
@click.option("--memory", default="1GB", show_default=True, help="Bound of the engine; the rest goes to disk.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--temp", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where the rest goes.")
@click.option("--html", type=FILE, metavar="FILE", help="Write the page to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def reconcile_command(as_json: bool, html: Path | None, **asked: Any) -> None:
    """Hold a run, or a log of requests, against a ledger of charges. Asks no network.

    Exit codes: 0 reconciles, 1 differs or nothing matched, 2 bad input, 4 some calls could not be judged.
    """
    try:
        found = reconcile(_inputs(**asked))
    except BadInput as error:
        raise _Refused(str(error)) from error
    if html:
        html.write_text(reconciliation.render(found), encoding="utf-8")
    click.echo(json.dumps(found, indent=1) if as_json else reconciliation.text(found), nl=as_json)
    raise SystemExit(found["exit_code"])


def _inputs(
    window: str | None,
    form: str | None,
    columns: str | None,
    markup: str | None,
    tolerance_nano: int,
    memory: str,
    threads: int,
    temp: Path | None,
    **rest: Any,
) -> Inputs:
    return Inputs(
        format=form,
        map=columns,
        markup=_factor(markup),
        window=Window.of(window) if window else None,
        tolerance=tolerance_nano,
        settings=Settings(memory, threads, temp),
        **rest,
    )


def _factor(text: str | None) -> str | None:
    try:
        if text is not None and (not 0 < Decimal(text) < 100 or Fraction(Decimal(text)).denominator > 10**6):
            raise InvalidOperation
    except (ArithmeticError, ValueError) as error:
        raise BadInput(f"--markup: expected a factor such as 1.85, of at most six places, got {text!r}") from error
    return text
