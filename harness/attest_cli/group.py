"""The group, and what its commands share: kinds of arguments, reading with a cap, printing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from harness import asked
from harness.commands.console import ERR, OUT
from harness.verdict_text import plain

MAX_EVIDENCE_BYTES = 4 * 1024 * 1024
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def moment(value: str) -> datetime:
    try:
        return asked.moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def challenge(value: str) -> bytes:
    try:
        return asked.challenge(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(name="attest")
def attest() -> None:
    """Decide from evidence alone what is proven about the machine behind an API."""


def failed(label: str, error: Exception, code: int) -> int:
    ERR.print(plain(f"{label}: {error}"), markup=False, soft_wrap=True)
    return code


def show(lines: Iterable[str]) -> None:
    """One line each, whatever evidence wrote into them."""
    for line in lines:
        OUT.print(plain(line), markup=False, soft_wrap=True)


def read_file(path: Path, limit: int = MAX_EVIDENCE_BYTES) -> bytes:
    """Raises UsageError for a file that is larger than any evidence."""
    if path.stat().st_size > limit:
        raise click.UsageError(f"{path}: more than {limit} bytes")
    return path.read_bytes()
