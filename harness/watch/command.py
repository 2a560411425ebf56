"""The command: run, compare with the run before, tell, wait."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import specs
from harness import results
from harness.commands.console import ERR
from harness.model import Exit
from harness.target import Secret, secret_in
from harness.watch.regression import alert, lost
from harness.watch.webhook import Webhook, key_of

OURS = frozenset({"--out", "--replay", "--ui"})  # options of a run that a watch has its own for
LONGEST_S = 366 * 86400  # between two runs
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """A duration: 90s, 15m, 6h, 1d."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", value)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise click.BadParameter(f"{value!r} is no duration such as 90s, 15m, 6h or 1d")
    return seconds


@click.command(name="watch", context_settings={"ignore_unknown_options": True})
@click.argument("contract")
@click.option("--target", required=True, metavar="T", help="URL or target.toml, as for a run.")
@click.option(
    "--every", callback=_seconds, required=True, metavar="TIME", help="90s, 15m, 6h, 1d: from start to start."
)
@click.option("--times", type=click.IntRange(1), metavar="N", help="End after so many runs.")
@click.option("--keep", type=click.Path(path_type=Path), default=Path("out/watch"), show_default=True, metavar="DIR")
@click.option("--webhook", metavar="URL", help="Where alerts are posted.")
@click.option("--secret", metavar="VARIABLE", help="Environment variable that holds the webhook's secret.")
@click.option("--on", "themes", multiple=True, type=click.Choice(["attestation", "bill"]), help="Only these.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def watch_command(
    contract: str,
    target: str,
    every: float,
    times: int | None,
    keep: Path,
    webhook: str | None,
    secret: str | None,
    themes: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    """Judge a deployment on a schedule, and alert when something that was kept is broken.

    Options that are not listed go to `assay run`. The runs lie in DIR, one folder each; the newest is what the next is
    compared with, also after a restart. Ends with the exit code of the last run.
    """
    specs.load(contract)
    _refuse(options, webhook, secret)
    hook = _hook(webhook, _secret(secret), keep) if webhook else None
    keep.mkdir(parents=True, exist_ok=True)
    before, code, done, seen = _latest(keep, contract), int(Exit.CONFORMS), 0, True
    while True:
        started = time.monotonic()
        code, after = _judged(contract, target, keep, options)
        if after is None and code == Exit.BAD_INVOCATION and before is None and not done:
            raise SystemExit(code)  # it would be as wrong the next time, and the run has said what is
        if after is not None:
            _tell(alert(before, after, frozenset(themes)), hook)
            before = after
        elif before is not None and seen:
            _send(lost(before, code), hook)
        seen = after is not None
        done += 1
        if times is not None and done >= times:
            raise SystemExit(code)
        time.sleep(max(0.0, started + every - time.monotonic()))


def _refuse(options: tuple[str, ...], webhook: str | None, secret: str | None) -> None:
    """What cannot be meant. Raises UsageError."""
    if secret is not None and webhook is None:
        raise click.UsageError("--secret signs what goes to --webhook: give its URL, too")
    for option in options:
        if (name := option.partition("=")[0]) in OURS:
            raise click.UsageError(f"{name} is not for a watch, whose runs lie in --keep, one folder each")


def _judged(contract: str, target: str, keep: Path, options: tuple[str, ...]) -> tuple[int, Mapping[str, Any] | None]:
    """One run in a process of its own: whatever happens to it, the watch goes on."""
    folder = keep / datetime.now(UTC).strftime(f"%Y%m%dT%H%M%S.%fZ-{contract}")
    words = ["run", contract, "--target", target, "--out", str(folder), *options]
    code = subprocess.run([sys.executable, "-m", "harness.cli", *words], stdout=subprocess.DEVNULL).returncode  # noqa: S603
    try:
        return code, results.read(folder)
    except results.BadResults:
        ERR.print(f"the run ended with {code} and left no results; the watch goes on", markup=False)
        return code, None


def _latest(keep: Path, contract: str) -> Mapping[str, Any] | None:
    for folder in sorted(keep.glob(f"*-{contract}"), reverse=True):
        try:
            return results.read(folder)
        except results.BadResults:
            continue
    return None


def _tell(made: dict[str, Any] | None, hook: Webhook | None) -> None:
    if made is None:
        return
    shown = ", ".join(f"{one['id']} was {one['was'] or 'unknown'} and is {one['is']}" for one in made["worse"][:5])
    ERR.print(f"worse than before: {shown}", markup=False, soft_wrap=True)
    _send(made, hook)


def _send(made: dict[str, Any], hook: Webhook | None) -> None:
    if hook is not None and not hook.send(made):
        said = f"the webhook at {hook.host} did not take the alert; it waits in {hook.waiting}"
        ERR.print(said, markup=False, soft_wrap=True)


def _hook(url: str, secret: Secret | None, keep: Path) -> Webhook:
    """What cannot be used is refused now, not when the first alert is due."""
    try:
        made = Webhook(url, secret, keep / "alerts.ndjson")
        if not made.host:
            raise ValueError("expected an http or https URL")
        if secret is not None:
            key_of(secret)
    except ValueError as error:
        raise click.UsageError(f"--webhook: {error}") from error
    return made


def _secret(variable: str | None) -> Secret | None:
    return None if variable is None else secret_in(variable, "--secret")
