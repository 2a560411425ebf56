"""Commands that hand over to a module of their own: the mock, the provider, the ledger, the proof."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn

import click


@click.command(name="mock", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
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


@click.command(name="upstream", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
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


@click.command(name="ledger")
@click.argument("file", metavar="FILE")
def ledger_command(file: str) -> None:
    """Print what happened to money at a mock as JSONL, from the FILE that it keeps by --state."""
    _become("mockserver.ledger", "--", file)


@click.command(name="prove", context_settings={"ignore_unknown_options": True})
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


def _become(module: str, *arguments: str) -> NoReturn:
    """Run a module in our place: signals reach it, and no process is left behind when we are stopped."""
    line = [sys.executable, "-m", module, *arguments]
    if os.name == "posix":
        os.execv(sys.executable, line)  # noqa: S606 - our own module
    raise SystemExit(subprocess.call(line))  # noqa: S603 - Windows has no exec that keeps the console
