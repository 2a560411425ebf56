"""What `plan` and `run` are asked on the command line, and the request that it makes."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import specs
from harness.record import playback
from harness.running import mock, replaying
from harness.running import run as running
from harness.running.session import PROFILES
from harness.target import load as load_target
from harness.terminal import FILE


def request_options(command: Any) -> Any:
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
def requested(
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


def contract_of(target: str | None, replay: str | None) -> str:
    """The contract that a target file names, or by which a saved run was judged, for who names none."""
    if replay is not None:
        return replaying.contract_of(replay)
    if target is None or target == "mock" or (named := load_target(target).contract) is None:
        raise click.UsageError("name a contract to judge by; `assay contracts` lists them")
    return named
