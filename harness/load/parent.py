"""Starts the generator as a process, bounds and books what it spends, and takes its exchanges into the run's journal.

A target that answers nothing is a TargetFault; a generator that crashes or does not end is a LoadFault, ours.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import credential_word
from harness.load.scenario import Patience, Scenario
from harness.record.asides import NotOnTape
from harness.record.playback import Player
from harness.target import Secret, Target
from harness.wire.budget import BudgetExceeded, Reservation
from harness.wire.exchange import Exchange, TargetFault
from harness.wire.journal import read
from harness.wire.recording import examined

START_S = 30.0  # a busy machine may need seconds to import locust
END_S = 10.0  # that an interrupted generator has to write what it measured
INTERRUPTED = 130
FIGURES = "figures of the load"
SHARE = 2  # the load may take one part in so many of what the cap leaves: other checks come after it


class LoadFault(RuntimeError):
    """The generator crashed or did not end. Says nothing about the target."""


@dataclass(frozen=True)
class Size:
    """How much load: at most `requests` requests, by `users` at a time, begun within `seconds`."""

    users: int
    seconds: float
    requests: int


@dataclass(frozen=True)
class LoadResult:
    """What was measured, and the exchanges that were kept, as the journal has them."""

    figures: dict[str, Any]
    exchanges: tuple[Exchange, ...]
    rows: tuple[dict[str, str], ...] = ()  # of requests.csv: every request, kept or not


def run_load(
    ask: Ask,
    bodies: Sequence[bytes],
    size: Size,
    *,
    seed: int = 1,
    sample: int = 200,
    out: Path | None = None,
    **changes: Any,
) -> LoadResult:
    """Send the bodies as chat requests; `changes` are further fields of the scenario.

    Raises TargetFault, BudgetExceeded (nothing was sent) and LoadFault.
    """
    budget = ask.client.budget
    dearest = max(bodies, key=lambda body: budget.bound(body)[1])
    affordable = budget.affordable(dearest)
    chosen = bodies[: size.requests if affordable is None else min(size.requests, affordable // SHARE)]
    if len(chosen) < size.users:
        raise BudgetExceeded(f"{size.users} requests at once may cost more than half of what the spend cap leaves")
    reservation = budget.reserve(dearest, len(chosen))
    scenario = replace(scenario_of(ask, chosen, size, seed=seed, sample=sample), **changes)
    return booked(ask, scenario, reservation, out)


def booked(
    ask: Ask,
    scenario: Scenario,
    reservation: Reservation,
    out: Path | None = None,
    words: Sequence[str] = (),
    keys: Sequence[Secret] = (),
    role: str | None = None,
) -> LoadResult:
    """Run a scenario, book what it cost, and record what was kept. Raises TargetFault and LoadFault.

    `keys` are credentials beside the target's own; with a `role` the run's own rules and bill leave the exchanges out.
    """
    if isinstance(ask.client, Player):
        return _played(ask, ask.client, reservation)
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-load-")))
        figures = generate(scenario, environment_of(ask.target, keys), folder, words)
        found, rows = list(read(folder / "load-exchanges.jsonl")), _rows(folder / "requests.csv")
    used = figures["usage"]
    ask.client.budget.settle_many(
        reservation, figures["requests"], used["prompt_tokens"], used["completion_tokens"], used["unknown"]
    )
    kept = tuple(_recorded(ask, exchange, role) for exchange in found)
    ask.notes.note(FIGURES, {"figures": figures, "rows": rows, "kept": [x.id for x in kept]})
    _refuse_silence(ask.target, figures, kept)
    return LoadResult(figures, kept, rows)


def _played(ask: Ask, player: Player, reservation: Reservation) -> LoadResult:
    """What the load of a run that is played came to."""
    if (known := ask.notes.known(FIGURES)) is None:
        raise NotOnTape("the saved run holds no figures of its load")
    figures, used = known["figures"], known["figures"]["usage"]
    ask.client.budget.settle_many(
        reservation, figures["requests"], used["prompt_tokens"], used["completion_tokens"], used["unknown"]
    )
    kept = tuple(player.take(known["kept"]))
    _refuse_silence(ask.target, figures, kept)
    return LoadResult(figures, kept, tuple(known["rows"]))


def scenario_of(ask: Ask, bodies: Sequence[bytes], size: Size, *, seed: int, sample: int) -> Scenario:
    """The scenario for the target of `ask`, with its own limits."""
    target = ask.target
    main = target.keys.get("main")
    if main is None:
        raise TargetFault("the target names no main key; name its environment variable under [keys]")
    return Scenario(
        url=f"{target.base_url}/chat/completions",
        bodies=tuple(body.decode() for body in bodies),
        users=size.users,
        seconds=size.seconds,
        headers=tuple(target.headers.items()),
        credential=main.name,
        credential_header=ask.contract.trait("auth.header"),
        credential_word=credential_word(ask.contract),
        ca_bundle=str(target.ca_bundle) if target.ca_bundle else None,
        sample=sample,
        seed=seed,
        patience=Patience(
            target.timeouts.connect_s, target.timeouts.first_byte_s, target.timeouts.idle_s, target.timeouts.total_s
        ),
        max_body_bytes=target.limits.max_body_bytes,
        max_events=target.limits.max_events,
    )


def generate(
    scenario: Scenario, environment: Mapping[str, str], folder: Path, words: Sequence[str] = ()
) -> dict[str, Any]:
    """Run the generator to its end: its figures; the folder holds the rest. Raises LoadFault.

    `words` are further ones of its command line. An interrupt is passed on to it, and what it measured is there.
    """
    line = [sys.executable, "-m", "harness.load", str(scenario.write(folder / "scenario.json")), f"--out={folder}"]
    with (folder / "generator.log").open("w+b") as log:
        status = _run([*line, "--leash", *words], environment, log.fileno(), scenario.longest_s + _start_s(words))
    if status not in (0, INTERRUPTED):
        said = (folder / "generator.log").read_text(errors="replace").strip()[-1500:] or "(nothing)"
        why = "did not end in time" if status is None else f"ended with status {status}"
        raise LoadFault(f"the load generator {why}; it printed: {said}")
    found: dict[str, Any] = json.loads((folder / "load.json").read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name != "tally"}


def _start_s(words: Sequence[str]) -> float:
    """How long the generator may take before it begins: workers of other machines may have to be started first."""
    return START_S + next((float(w.partition("=")[2]) for w in words if w.startswith("--patience=")), 0.0)


def _run(command: Sequence[str], environment: Mapping[str, str], log: int, timeout_s: float) -> int | None:
    """The exit status, or None when it did not end in time. Whatever happens here, the process is gone afterwards."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,  # its leash: it ends when this end of the pipe closes, even if we are killed
        stdout=log,
        stderr=log,
        env=dict(environment),
        start_new_session=True,  # Ctrl-C is for us: we stop it in order
    )
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    except KeyboardInterrupt:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
        raise
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def environment_of(target: Target, keys: Sequence[Secret] = ()) -> dict[str, str]:
    """Ours, with the credentials that the generator sends."""
    return {**os.environ, **{secret.name: secret.reveal() for secret in (*target.keys.values(), *keys)}}


def _rows(path: Path) -> tuple[dict[str, str], ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _recorded(ask: Ask, found: Exchange, role: str | None) -> Exchange:
    journal = ask.client.journal
    started = datetime.fromisoformat(found.started) + ask.target.clock_ahead  # the generator knows no other clock
    intent = {**found.intent, **({} if role is None else {"role": role})}
    named = replace(found, id=journal.next_id(), started=started.isoformat(timespec="milliseconds"), intent=intent)
    return journal.append(examined(named, ask.target.limits))


def _refuse_silence(target: Target, figures: Mapping[str, Any], kept: Sequence[Exchange]) -> None:
    """A target that is down or hangs is no subject of a rule about many streams."""
    outcomes: Mapping[str, int] = figures["outcomes"]
    silent = sum(count for outcome, count in outcomes.items() if outcome.startswith("no answer"))
    if silent == figures["requests"]:
        last = kept[-1] if kept else None
        reason = last.fault.message if last and last.fault else "no request was made in time"
        raise TargetFault(f"{target.base_url}: none of {silent} concurrent requests was answered ({reason})")
