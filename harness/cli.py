"""The command `assay`. Reads the command line and prints; the work is done elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console

import reports
import specs
from harness import __version__, explain, mock, playback, recognition, replaying, results, several
from harness import run as running
from harness.attest_cli import attest
from harness.attest_cli.group import FILE
from harness.certificate.cli import certify_command, verify_command
from harness.certificate.problem import BadRequest, Refused
from harness.contracts import difference, difference_page
from harness.exchange import TargetFault
from harness.export import export_command
from harness.load.command import load_command
from harness.model import Exit
from harness.reconcile.cli import reconcile_command
from harness.session import PROFILES, new_run_id
from harness.show.cli import diff_command, overview_command, report_command, write_overview
from harness.show.ui import UiFault, beside, ui_command
from harness.target import TargetError
from harness.target import load as load_target
from harness.watch.command import watch_command
from reports import terminal

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)
EXPECTED = (
    specs.SpecError,
    TargetError,
    mock.MockFault,
    UiFault,
    running.BadRequest,
    running.OverCap,
    results.BadResults,
    BadRequest,
    Refused,
)


class _Assay(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Every failure ends in one clear line and its exit code; a traceback is for us, not for who runs this."""
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            raise SystemExit(_told("error", str(error), Exit.BAD_INVOCATION)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise SystemExit(_told("error", f"{error.filename}: {error.strerror}", Exit.BAD_INVOCATION)) from error
        except (click.Abort, KeyboardInterrupt) as error:
            raise SystemExit(_told("interrupted", "nothing was judged", Exit.INCOMPLETE)) from error
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            raise SystemExit(_told("fault of the harness", said, Exit.HARNESS_FAULT)) from error


def _told(label: str, said: str, code: Exit) -> int:
    ERR.print(f"{label}:", style="bold red", end=" ")
    ERR.print(said, markup=False, soft_wrap=True)
    return int(code)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")


@click.group(cls=_Assay, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="assay")
def main() -> None:
    """Say with evidence whether a confidential-inference API does what it promises.

    Exit codes: 0 conforms, 1 does not, 2 bad invocation or bad file, 3 fault of the harness,
    4 incomplete (a MUST was not observed, or the run was interrupted before anything failed).
    """


main.add_command(attest)
main.add_command(reconcile_command)
COMMANDS = (
    load_command,
    report_command,
    diff_command,
    overview_command,
    ui_command,
    export_command,
    watch_command,
    certify_command,
    verify_command,
)
for command in COMMANDS:
    main.add_command(command)


@main.command()
@as_json
def contracts(as_json: bool) -> None:
    """List the contracts a deployment can be judged by."""
    loaded = [specs.load(name) for name in specs.names()]
    rows = [explain.contract_row(contract) for contract in loaded]
    if as_json:
        return click.echo(json.dumps(rows, indent=1))
    OUT.print(explain.contract_list(rows))
    return None


@main.command(name="probe")
@click.argument("target", metavar="T")
@as_json
def probe_command(target: str, as_json: bool) -> None:
    """Tell which contract a deployment most likely speaks, with reasons.

    T is a URL or a target file, as for a run; without a key only what can be seen without one is compared. Exit codes:
    0 one contract is the likeliest, 1 none is, 4 the deployment gave no answer.
    """
    try:
        found = recognition.recognise(load_target(target))
    except TargetFault as fault:
        raise SystemExit(_told("no answer", str(fault), Exit.INCOMPLETE)) from fault
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        OUT.print(recognition.page(found))
    raise SystemExit(Exit.CONFORMS if found["likely"] else Exit.DOES_NOT_CONFORM)


@main.command(name="diff-contracts")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@as_json
def diff_contracts_command(old: str, new: str, as_json: bool) -> None:
    """Show what changes between two contracts: traits, operations, requirements."""
    found = difference(specs.load(old), specs.load(new))
    if as_json:
        return click.echo(json.dumps(found, indent=1, default=str))
    OUT.print(difference_page(found))
    return None


@main.command(name="explain")
@click.argument("requirement", metavar="ID")
@click.option("--contract", help="Explain it as this contract states it.")
@as_json
def explain_command(requirement: str, contract: str | None, as_json: bool) -> None:
    """Show what a requirement means, what checks it, and which defects prove the check."""
    row = explain.requirement_row(requirement, contract)
    if as_json:
        return click.echo(json.dumps(row, indent=1))
    OUT.print(explain.requirement_panel(row))
    return None


@main.command(name="mock", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("contract", required=False)
@click.pass_context
def mock_command(ctx: click.Context, contract: str | None) -> None:
    """Serve the reference mock of a contract until interrupted.

    \b
    --port P                port of the loopback (0: a free one)
    --write-target FILE     describe this mock: keys, control token, capabilities
    --control-token TOKEN   switch the control API on (--write-target alone makes one)
    --defect NAME           do one thing wrong (repeatable)
    --list-defects          print name, requirement and summary of every defect
    --ttft MS --itl MS --tokens N     shape the timing and the length of answers
    --state FILE            keep accounts and ledger in this file; several mocks may share it
    --seed N                other keys, texts and test roots
    --export-trust DIR      write the test root and its collateral
    --tls                   speak HTTPS with a test certificate, to which evidence binds itself
    --upstream URL          ask a provider of its own, such as `assay upstream` (--upstream-key-env NAME: its key)
    --json                  with --list-defects, or for the line that says it is ready
    """
    line = [contract] if contract else []
    _become("mockserver", *line, *ctx.args)


@main.command(name="upstream", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def upstream_command(ctx: click.Context) -> None:
    """Serve an inference provider that fails as a script says, for any gateway to stand in front of.

    \b
    --script FILE           faults as YAML: which, on which requests, or by chance
    --port P --host H       where to listen (127.0.0.1; 0: a free port)
    --model ID              serve these ids only (repeatable)
    --control-token-env N   environment variable with the token that opens its log and its faults
    --key-env N             environment variable with the one key that is taken
    --ttft MS --itl MS --tokens N --seed N     shape the timing, the length and the text of answers
    --json                  for the line that says it is ready
    """
    _become("mockserver.upstream", *ctx.args)


@main.command(name="ledger")
@click.argument("file", metavar="FILE")
def ledger_command(file: str) -> None:
    """Print what happened to money at a mock as JSONL, from the FILE that it keeps by --state."""
    _become("mockserver.ledger", "--", file)


def _become(module: str, *arguments: str) -> NoReturn:
    """Run a module in our place: signals reach it, and no process is left behind when we are stopped."""
    line = [sys.executable, "-m", module, *arguments]
    if os.name == "posix":
        os.execv(sys.executable, line)  # noqa: S606 - our own module
    raise SystemExit(subprocess.call(line))  # noqa: S603 - Windows has no exec that keeps the console


def _request_options(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--target", metavar="T", help="URL, target.toml, or `mock` to start one."),
            click.option("--base-url", metavar="URL", help="Overrides the base_url of the target file."),
            click.option("--only", multiple=True, metavar="ID", help="Only this requirement (repeatable)."),
            click.option("--suite", "suites", multiple=True, metavar="NAME", help="Only this suite (repeatable)."),
            click.option(
                "--profile",
                type=click.Choice(PROFILES),
                default="standard",
                show_default=True,
                help="How much is asked.",
            ),
            click.option(
                "--seed", type=int, metavar="N", default=1, show_default=True, help="Seed of generated inputs."
            ),
            click.option(
                "-n",
                "--workers",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Worker processes. What needs the account to itself is not observed then.",
            ),
            click.option("--cap", "cap_usd", metavar="USD", help="Spend cap, overrides the target file."),
            click.option("--fuzz-seconds", type=float, metavar="S", help="Let the fuzz suite ask for so long."),
            click.option(
                "--fuzz-resume",
                type=click.Path(path_type=Path, exists=True, file_okay=False),
                metavar="DIR",
                help="Folder of an earlier run whose fuzz suite is to be gone on with.",
            ),
            click.option("--waivers", type=FILE, metavar="FILE", help="Breaches that are accepted for a time."),
            click.option(
                "--replay",
                metavar="RUN[#EXCHANGE]",
                help="Instead of --target: play the run saved in this folder, without a network.",
            ),
            click.option("--defect", "defects", multiple=True, metavar="NAME", help="With --target mock: break it."),
        )
    ):
        command = option(command)
    return command


@contextlib.contextmanager
def _requested(
    contract: str, target: str | None, defects: tuple[str, ...], replay: str | None, **asked: Any
) -> Iterator[running.Request]:
    """The request, with the mock running around it when the target is the word `mock`."""
    if (target is None) is (replay is None):
        raise click.UsageError("give --target: a URL, a target file or `mock`; or --replay and the folder of a run")
    if replay is not None:
        said = {name: value for name, value in asked.items() if not _by_default(name)}
        with playback.CLOCK.running():
            yield replaying.request(contract, replay, defects=defects, **said)
        return
    assert target is not None
    if target != "mock" and defects:
        raise click.UsageError("--defect goes with --target mock: another deployment has its own defects")
    specs.load(contract)
    over = ["--base-url", asked["base_url"]] if asked["base_url"] else []
    again = shlex.join([target, *over, *(word for name in defects for word in ("--defect", name))])
    with contextlib.ExitStack() as stack:
        if target == "mock":
            target = str(stack.enter_context(mock.running(contract, defects)))
        yield running.Request(contract=contract, target=target, again=again, **asked)


def _by_default(name: str) -> bool:
    """Whether an option has its value from nobody's words."""
    source = click.get_current_context().get_parameter_source(name)
    return source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


def _contract_of(target: str | None, replay: str | None) -> str:
    """The contract that a target file names, or by which a saved run was judged, for who names none."""
    if replay is not None:
        return replaying.contract_of(replay)
    if target is None or target == "mock" or (named := load_target(target).contract) is None:
        raise click.UsageError("name a contract to judge by; `assay contracts` lists them")
    return named


@main.command(name="plan")
@click.argument("contract", required=False)
@_request_options
@as_json
def plan_command(contract: str | None, as_json: bool, **asked: Any) -> None:
    """Show what a run will ask, what that should cost, and what is left out. Makes no paid call."""
    with _requested(contract or _contract_of(asked["target"], asked["replay"]), **asked) as request:
        planned = running.plan(request, ERR)
    if as_json:
        return click.echo(json.dumps(planned, indent=1))
    OUT.print(explain.plan_page(planned))
    return None


@main.command(name="run")
@click.argument("contracts", nargs=-1, metavar="[CONTRACT]...")
@_request_options
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
    wanted = wanted or [_contract_of(asked["target"], asked["replay"])]
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
    with _requested(name, **asked) as request:
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
        OUT.print(f"reports: {page}  (also JUnit, SARIF, CTRF, Markdown, a badge, results.json)\n", soft_wrap=True)
    if len(done) > 1:
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


@main.command(name="prove", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[CONTRACT]...")
def prove_command(arguments: tuple[str, ...]) -> None:
    """Prove that every check can fail: a mock for each defect.

    \b
    --only ID         only the defects of this requirement (repeatable)
    --defect NAME     only this defect (repeatable)
    --wide            run every check on every defect, and report what else turned red
    --again           prove what another contract of the command has proven in the same words once more
    -n WORKERS        worker processes (default: one a core)
    --out DIR         where proof.json and the table go (default out/proof-CONTRACT)
    --json            print proof.json
    """
    _become("suites.selftest.prove", *arguments)


if __name__ == "__main__":
    main()
