"""`assay report`, `assay diff`, `assay overview`: reads runs and prints what reports make of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import reports
from harness import results
from harness.show.archive import load_in
from reports import comparison, difference, loads, overview

DIFF_FORMATS = {"text": comparison.text, "html": comparison.html, "markdown": comparison.markdown}
_run = click.Path(exists=True, path_type=Path)
_output = click.option("--output", type=click.Path(path_type=Path), help="Write to this file instead of printing.")


@click.command(name="report")
@click.argument("run", type=_run, metavar="RUN")
@click.option("--format", "kind", type=click.Choice(sorted(reports.KINDS)), default="text", show_default=True)
@_output
def report_command(run: Path, kind: str, output: Path | None) -> None:
    """Render the results of a run again, in any format; of the folder of an `assay load`, as html."""
    if kind == "html" and not (run / "results.json").is_file() and (load := load_in(run)) is not None:
        return _put(loads.render(load), output)
    return _put(reports.render(dict(results.read(run)), kind), output)


@click.command(name="diff")
@click.argument("old", type=_run, metavar="A")
@click.argument("new", type=_run, metavar="B")
@click.option(
    "--format",
    "kind",
    type=click.Choice([*DIFF_FORMATS, "json"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@_output
def diff_command(old: Path, new: Path, kind: str, output: Path | None) -> None:
    """Hold run B against run A: what improved, regressed, was added or removed, and what rests on other evidence.

    Exit codes: 0 nothing is worse, 1 something is broken that was not, 4 something is only no longer seen.
    """
    before, after = results.read(old), results.read(new)
    if (names := [run["contract"]["name"] for run in (before, after)])[0] != names[1]:
        raise click.UsageError(f"A was judged by {names[0]} and B by {names[1]}: runs of one contract can be compared")
    found = difference.between(before, after)
    _put(json.dumps(found, indent=1) + "\n" if kind == "json" else DIFF_FORMATS[kind](found), output)
    raise SystemExit(found["exit_code"])


@click.command(name="overview")
@click.argument("folders", type=_run, nargs=-1, required=True, metavar="RUN...")
@click.option("--output", type=click.Path(path_type=Path), default=Path("overview.html"), show_default=True)
def overview_command(folders: Sequence[Path], output: Path) -> None:
    """Show several runs beside each other, with their trend: each RUN is the folder of a run, or holds such folders."""
    found = [(folder, results.read(folder)) for name in folders for folder in runs_in(name)]
    if not found:
        raise click.UsageError(f"there is no results.json in {', '.join(map(str, folders))}")
    found.sort(key=lambda pair: str(pair[1]["run"]["started"]))
    write_overview(output, found)
    click.echo(f"overview of {len(found)} runs: {output}")


def runs_in(folder: Path) -> Iterator[Path]:
    """The folder itself where it is a run, otherwise every run below it."""
    if (folder / "results.json").is_file() or folder.is_file():
        yield folder
    else:
        yield from sorted(path.parent for path in folder.rglob("results.json"))


def write_overview(page: Path, done: Sequence[tuple[Path, Mapping[str, Any]]]) -> None:
    """Write the page; each column links to the report of its run where there is one."""
    page.write_text(overview.render([document for _, document in done], _links(page, done)), encoding="utf-8")


def _links(page: Path, done: Sequence[tuple[Path, Mapping[str, Any]]]) -> list[str | None]:
    pages = [folder / reports.KINDS["html"][1] for folder, _ in done]
    return [Path(os.path.relpath(one, page.parent)).as_posix() if one.is_file() else None for one in pages]


def _put(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        output.write_text(text, encoding="utf-8")
