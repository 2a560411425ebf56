"""`assay plan` and `assay run`: one contract or several, the reports they leave, and the worst exit code."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import reports
import specs
from harness import results
from harness.commands import explain, recognition
from harness.commands.request import contract_of, request_options, requested
from harness.model import Exit
from harness.running import run as running
from harness.running import several
from harness.running.session import new_run_id
from harness.show.cli import write_overview
from harness.show.ui import beside
from harness.target import TargetError
from harness.target import load as load_target
from harness.terminal import ERR, OUT, as_json
from harness.wire.exchange import TargetFault
from reports import terminal


@click.command(name="plan")
@click.argument("contract", required=False)
@request_options
@as_json
def plan_command(contract: str | None, as_json: bool, **asked: Any) -> None:
    """Show what a run will ask, what that should cost, and what is left out. Makes no paid call."""
    with requested(contract or contract_of(asked["target"], asked["replay"]), **asked) as request:
        planned = running.plan(request, ERR)
    if as_json:
        return click.echo(json.dumps(planned, indent=1))
    OUT.print(explain.plan_page(planned))
    return None


@click.command(name="run")
@click.argument("contracts", nargs=-1, metavar="[CONTRACT]...")
@request_options
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run (default out/<run>).")
@click.option("--ui", is_flag=True, help="Show the run as it goes on a local web page, until Ctrl-C.")
@as_json
def run_command(contracts: tuple[str, ...], out: Path | None, as_json: bool, ui: bool, **asked: Any) -> None:
    """Judge a deployment by these contracts: by default the one its target file names; `all` means every one."""
    if not ui:
        raise SystemExit(_run_all(contracts, out, as_json=as_json, **asked))
    with beside(Path("out") if out is None else out.parent) as url:
        ERR.print(f"live: {url}", soft_wrap=True)
        code = _run_all(contracts, out, as_json=as_json, **asked)
        with contextlib.suppress(KeyboardInterrupt):
            ERR.print("the page stays until Ctrl-C", soft_wrap=True)
            threading.Event().wait()
    raise SystemExit(code)


def _run_all(contracts: tuple[str, ...], out: Path | None, *, as_json: bool, **asked: Any) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled job keeps its results, as Ctrl-C does
    wanted = _all_stating(asked["only"]) if contracts == ("all",) else list(contracts)
    wanted = wanted or [contract_of(asked["target"], asked["replay"])]
    for name in wanted:
        specs.load(name)
    folders = {name: _folder(out, name, alone=len(wanted) == 1) for name in wanted}
    if asked["target"] == "mock" and len(wanted) > 1:  # each has a mock of its own
        several.run(folders, "mock", asked)
        done = [(folder, results.read(folder)) for folder in folders.values()]
    else:
        done = [(folder, _run_one(name, folder, **asked)) for name, folder in folders.items()]
    _show(done, as_json=as_json)
    if asked["target"] is not None:
        _tell_if_another_fits(asked["target"], done)
    return _exit_code([document["exit_code"] for _, document in done])


def _tell_if_another_fits(target: str, done: list[tuple[Path, Mapping[str, Any]]]) -> None:
    """Where a deployment breaks its contract, say so if it seems to speak another one. A few calls that are free."""
    broken = [document["contract"]["name"] for _, document in done if document["exit_code"] == Exit.DOES_NOT_CONFORM]
    if broken and target != "mock" and (named := _likely(target)) not in {None, *broken}:
        shown = f"{target} most likely speaks {named}, and was judged by {', '.join(broken)}"
        ERR.print(f"note: {shown}: `assay probe {target}` shows the reasons", markup=False, soft_wrap=True)


def _likely(target: str) -> str | None:
    with contextlib.suppress(TargetFault, TargetError):
        found: str | None = recognition.recognise(load_target(target))["likely"]
        return found
    return None


def _run_one(name: str, folder: Path, **asked: Any) -> Mapping[str, Any]:
    with requested(name, **asked) as request:
        planned = _planned(request)
        ERR.print(explain.plan_line(planned), soft_wrap=True)
        document = running.run(request, folder, planned, ERR)
    _render_all(folder, document)
    return document


def _planned(request: running.Request) -> dict[str, Any]:
    """The plan. A refusal because no model is known says which contract would fit, if one does."""
    try:
        return running.plan(request, ERR)
    except running.BadRequest as refusal:
        if request.replay is not None or (named := _likely(request.target)) in {None, request.contract}:
            raise
        raise running.BadRequest(f"{refusal}; it most likely speaks {named}, not {request.contract}") from refusal


def _folder(out: Path | None, contract: str, *, alone: bool) -> Path:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if out is None:
        return Path("out") / new_run_id(contract, now)
    return out if alone else out / contract


def _all_stating(only: tuple[str, ...]) -> list[str]:
    """Every contract, or those that state one of the chosen requirements. Raises SpecError when none does."""
    stating = [name for name in specs.names() if not only or set(only) & specs.load(name).requirements.keys()]
    if not stating:
        raise specs.SpecError(f"no contract states {', '.join(only)}; `assay contracts` lists the contracts")
    return stating


def _render_all(folder: Path, document: Mapping[str, Any]) -> None:
    for kind in (kind for kind in reports.KINDS if kind != "text"):
        (folder / reports.KINDS[kind][1]).write_text(reports.render(dict(document), kind), encoding="utf-8")


def _show(done: list[tuple[Path, Mapping[str, Any]]], *, as_json: bool) -> None:
    if as_json:
        rows = [{"folder": str(folder), **_headline(document)} for folder, document in done]
        return click.echo(json.dumps(rows[0] if len(rows) == 1 else rows, indent=1))
    for folder, document in done:
        terminal.show(document, OUT)
        page = folder / reports.KINDS["html"][1]
        OUT.print(terminal.last_line(document), soft_wrap=True)
        OUT.print(f"reports: {page}  (also JUnit, SARIF, CTRF, Markdown, a badge, results.json)\n", soft_wrap=True)
    if len(done) > 1:
        for _, document in done:
            OUT.print(terminal.last_line(document, named=True), soft_wrap=True)
        page = done[0][0].parent / "overview.html"
        write_overview(page, done)
        OUT.print(f"overview: {page}", soft_wrap=True)
    return None


def _headline(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("verdict", "exit_code", "counts", "spend")}


def _exit_code(codes: list[int]) -> int:
    """The worst of several runs, by what it says about the target: a breach outranks a gap."""
    order = [Exit.DOES_NOT_CONFORM, Exit.BAD_INVOCATION, Exit.HARNESS_FAULT, Exit.INCOMPLETE, Exit.CONFORMS]
    return int(min(codes, key=lambda code: order.index(Exit(code))))
