"""Where commands print, and the one line that a failure ends in."""

from __future__ import annotations

import os
import sys

import click
from rich.console import Console

from harness.model import Exit

PIPED = 120  # columns of a log or a file: it has room, and a name that is broken in two cannot be searched for
OUT = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED)
ERR = Console(stderr=True, highlight=False)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")


def told(label: str, said: str, code: Exit) -> int:
    """Print a failure; its exit code."""
    ERR.print(f"{label}:", style="bold red", end=" ")
    ERR.print(said, markup=False, soft_wrap=True)
    return int(code)
