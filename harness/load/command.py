"""The command `assay load`: reads the command line, loads, judges what was kept, prints what was measured."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

import specs
from harness.load.page import MET, page, sweep_page
from harness.load.parent import LoadFault
from harness.load.sweep import Step, summary, sweep_of
from harness.load.trial import Trial, check_address, crewed
from harness.load.verdicts import exit_of
from harness.load.wanted import Wanted
from harness.model import Exit
from harness.record import whole
from harness.running import mock
from harness.running.session import Options, Session, new_run_id
from harness.target import load as load_target
from harness.terminal import ERR, FILE, OUT
from harness.wire.exchange import TargetFault


class _Refused(click.ClickException):
    """One line that says what cannot be used."""

    exit_code = int(Exit.BAD_INVOCATION)


@click.command(name="load")
@click.argument("contract", required=False)
@click.option("--target", metavar="T", help="URL, target.toml, or `mock` to start one.")
@click.option("--users", type=click.IntRange(1), metavar="N", help="Closed loop: so many, each after its last answer.")
@click.option("--rate", type=float, metavar="R", help="Open loop: requests a second, due whatever the target does.")
@click.option("--trace", type=FILE, metavar="FILE", help="Open loop: JSON lines with `at`, and prompt or messages.")
@click.option(
    "--sweep", metavar="LOW:HIGH[:STEPS]", help="Open loops at rising rates: the knee, and what --slo allows."
)
@click.option("--arrivals", type=click.Choice(["poisson", "constant"]), default="poisson", show_default=True)
@click.option("--ramp", "ramp_s", type=float, default=0.0, metavar="S", help="Reach the users or the rate in so long.")
@click.option("--for", "seconds", type=float, default=60.0, show_default=True, metavar="S", help="How long to load.")
@click.option("--warm-up", "warm_up_s", type=float, default=0.0, metavar="S", help="Leave this out of every figure.")
@click.option("--requests", type=click.IntRange(1), metavar="N", help="At most so many conversations.")
@click.option("--slo", "slos", multiple=True, metavar="SLO", help="Such as ttft_p99=500ms, errors=1% (repeatable).")
@click.option("--model", "models", multiple=True, metavar="M[=WEIGHT]", help="Ask this model (repeatable).")
@click.option(
    "--prompt-words", "prompt", default="32", metavar="L", help="N, uniform:A:B, normal:M:SD, lognormal:M:SD."
)
@click.option("--output-tokens", "output", default="64", metavar="L", help="The same, as max_tokens.")
@click.option("--prompts", type=FILE, metavar="FILE", help="JSON lines with prompt or messages, asked in turn.")
@click.option(
    "--turns", type=click.IntRange(1), default=1, metavar="N", help="Of a conversation, each with all before."
)
@click.option("--shared-prefixes", "shared", metavar="N:WORDS", help="System prompts that conversations share.")
@click.option("--aborts", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Leave these streams early.")
@click.option("--unstreamed", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Ask these in one piece.")
@click.option("--tools", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Offer these a function.")
@click.option("--key", "keys", multiple=True, default=("main",), metavar="NAME", help="Keys of the target, in turn.")
@click.option("--judge", "judged", default="200", show_default=True, metavar="N|all", help="Answers kept and judged.")
@click.option("--max-in-flight", type=click.IntRange(1), default=10_000, metavar="N", help="Beyond it, drop and count.")
@click.option(
    "--kernel-times/--own-times", default=True, help="Who says when bytes came; the kernel where it can (Linux)."
)
@click.option("--seed", type=int, default=1, metavar="N")
@click.option("--workers", type=click.IntRange(0), default=0, metavar="N", help="Generators on this machine.")
@click.option(
    "--master", "awaited", type=click.IntRange(0), default=0, metavar="N", help="Wait for N --worker to join."
)
@click.option("--bind", default="127.0.0.1:5557", show_default=True, metavar="HOST:PORT", help="Where they join.")
@click.option(
    "--worker", "join", metavar="HOST:PORT", help="Be a generator for a master there; sends only to --target."
)
@click.option("--web", metavar="HOST:PORT", help="Locust's page while it loads; our figures at /assay.")
@click.option("--cap", metavar="USD", help="Spend cap, overrides the target file.")
@click.option("--no-calibration", is_flag=True, help="Do not measure our own mock first.")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="With --target mock: break it.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run (default out/<run>).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def load_command(
    contract: str | None,
    target: str | None,
    join: str | None,
    out: Path | None,
    cap: str | None,
    defects: tuple[str, ...],
    as_json: bool,
    no_calibration: bool,
    workers: int,
    awaited: int,
    bind: str,
    web: str | None,
    **asked: Any,
) -> None:
    """Load a deployment with chat requests: times, service levels, the rules of its contract, its bill.

    Exit codes: 0 all held, 1 a rule, the bill or a service level did not, 2 bad invocation, 3 fault of the harness,
    4 not everything could be measured (our own generator was the bottleneck, one of them was lost, or an interrupt).
    """
    if join is not None:
        _become_worker(join, target)
    if target is None:
        raise _Refused("give --target: a URL, a target.toml, or mock")
    try:
        wanted = Wanted(**asked).checked()
        words = crewed(workers, awaited, bind, web)
        with _target(contract, target, defects) as (name, path), _session(name, path, out, cap) as session:
            trial = Trial(session, wanted, words, calibrated=not no_calibration)
            found = _swept(trial) if wanted.sweep else trial.run(trial.scenario(), session.options.out or Path())
    except (ValueError, TargetFault) as error:
        raise _Refused(str(error)) from error
    except LoadFault as error:
        ERR.print(f"fault of the harness: {error}", markup=False, soft_wrap=True)
        raise SystemExit(Exit.HARNESS_FAULT) from error
    _tell(found, as_json=as_json)


def _tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps({name: value for name, value in found.items() if name not in {"series", "cdf"}}, indent=1)
        )
    else:
        OUT.print(sweep_page(found) if "steps" in found else page(found))
        OUT.print(f"reports: {found['folder']}", soft_wrap=True)
    raise SystemExit(found["exit_code"])


def _swept(trial: Trial) -> dict[str, Any]:
    """One load a rate, until the answer is known."""
    sweep, done, code = sweep_of(trial.wanted.sweep or ""), list[Step](), Exit.CONFORMS
    base, about = trial.scenario(), trial.about
    while (rate := sweep.next_rate(done)) is not None:
        folder = trial.folder / f"step-{len(done) + 1:02d}"
        found = trial.run(trial.wanted.at_rate(base, rate), folder)
        code = _worse(code, found)
        done.append(Step(rate, _done_per_s(found), _met(found), _due_per_s(found)))
        ERR.print(
            f"{rate:g}/s: {found['streams_per_s']} done a second, service levels: {MET[done[-1].met]}", markup=False
        )
    result = {**about, **summary(done), "folder": str(trial.folder), "exit_code": int(code)}
    whole.write(trial.folder / "sweep.json", json.dumps(result, indent=1) + "\n")
    return result


def _done_per_s(found: Mapping[str, Any]) -> float | None:
    """Answers a second, of the time in which there can be any: the first ones take as long as an answer takes."""
    wall_s, whole = found["wall_s"], found["e2e_ms"]
    first_s = whole["p50"] / 1000 if whole else 0.0
    if found["streams_per_s"] is None or wall_s <= first_s:
        return None
    return float(round(found["streams_per_s"] * wall_s / (wall_s - first_s), 2))


def _due_per_s(found: Mapping[str, Any]) -> float | None:
    due = found["requests"] - found["warm_up_requests"]
    return float(round(due / found["wall_s"], 2)) if found["wall_s"] else None


def _met(found: Mapping[str, Any]) -> bool | None:
    if found["generator"]["bottleneck"]:
        return None
    met = [row["met"] for row in found["slos"]]
    return False if False in met else None if None in met else True


def _worse(code: Exit, found: Mapping[str, Any]) -> Exit:
    """Past the highest rate service levels break: that is what a sweep is for, and no breach."""
    judged = exit_of({**found, "slos": []})
    return judged if judged is Exit.DOES_NOT_CONFORM or code is Exit.CONFORMS else code


def _become_worker(join: str, target: str | None) -> None:
    """Who is the master is not proven to a worker, so that its own target says where requests go, and with which keys.

    Never comes back.
    """
    try:
        check_address(join)
    except ValueError as error:
        raise _Refused(f"--worker {error}") from error
    if target is None or target == "mock":
        raise _Refused("give --worker its own --target, a URL or a target.toml: it sends requests and keys only there")
    own = load_target(target)
    keys = {secret.name: secret.reveal() for secret in own.keys.values()}
    line = [sys.executable, "-m", "harness.load", f"--join={join}", f"--out={Path.cwd()}", f"--only-to={own.base_url}"]
    line += [f"--only-key={name}" for name in keys]
    line += [f"--ca-bundle={own.ca_bundle}"] if own.ca_bundle else []
    os.execve(sys.executable, line, {**os.environ, **keys})  # noqa: S606 - our own module; signals reach it


@contextlib.contextmanager
def _target(contract: str | None, target: str, defects: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The contract's name and the target's path, with the mock running around them when it is the word `mock`."""
    if target != "mock":
        if defects:
            raise _Refused("--defect goes with --target mock: another deployment has its own defects")
        if (named := contract or load_target(target).contract) is None:
            raise _Refused("name a contract to judge by; `assay contracts` lists them")
        yield named, target
        return
    if contract is None:
        raise _Refused("name a contract to judge by; `assay contracts` lists them")
    specs.load(contract)
    with mock.running(contract, defects, "--ttft=20", "--itl=5") as path:
        yield contract, str(path)


@contextlib.contextmanager
def _session(contract: str, target: str, out: Path | None, cap: str | None) -> Iterator[Session]:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    folder = out or Path("out") / new_run_id(f"load-{contract}", now)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exchanges.jsonl").unlink(missing_ok=True)
    session = Session(specs.load(contract), load_target(target), Options(out=folder, cap_usd=_usd(cap)))
    try:
        yield session
    finally:
        session.close()


def _usd(text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if amount is not None and (not amount.is_finite() or amount < 0):
        raise _Refused(f"the cap {text!r} is not an amount in USD, such as 0.50")
    return amount
