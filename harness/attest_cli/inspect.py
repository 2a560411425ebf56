"""`assay attest inspect`: everything that stands in a piece of evidence. Verifies nothing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.appraisal import inspection, verdict_text
from harness.attest import Rejected
from harness.attest_cli.group import failed, read_file, show
from harness.terminal import FILE


@click.command(name="inspect")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def inspect_command(file: Path, as_json: bool) -> None:
    """Show everything that stands in a quote, a report or a GPU payload. Verifies nothing.

    Exit codes: 0 shown, 2 no evidence of a known format.
    """
    try:
        document = inspection.inspect(read_file(file))
    except Rejected as error:
        raise SystemExit(failed("malformed", error, 2)) from error
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        show((str(file), *verdict_text.tree(document)))
