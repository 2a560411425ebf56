"""What all commands share: where they print, the one line that a failure ends in, files as arguments."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from harness.model import Exit

PIPED = 120  # columns of a log or a file: it has room, and a name that is broken in two cannot be searched for
_FITTED = "COLUMNS" in os.environ or (sys.stdout is not None and sys.stdout.isatty())
OUT = Console(highlight=False, width=None if _FITTED else PIPED)
ERR = Console(stderr=True, highlight=False)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")


def told(label: str, said: str, code: Exit) -> int:
    """Print a failure; its exit code."""
    ERR.print(f"{label}:", style="bold red", end=" ")
    ERR.print(said, markup=False, soft_wrap=True)
    return int(code)
