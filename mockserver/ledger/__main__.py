"""`python -m mockserver.ledger FILE`: the journal of a state file, one JSON object a line. It changes nothing."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from mockserver.ledger import store
from mockserver.ledger.journal import entries
from mockserver.wire import encode

WITHOUT_END = -1


def main(arguments: list[str] | None = None) -> int:
    """Returns 2 for a file that is no ledger."""
    chosen = _parser().parse_args(arguments)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough is no error
    try:
        db = store.read_only(chosen.file)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    for entry in entries(db, 0, WITHOUT_END):
        sys.stdout.buffer.write(encode(entry.document()) + b"\n")
    sys.stdout.buffer.flush()
    db.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay ledger", description="The journal of a mock's state file as JSONL.")
    parser.add_argument("file", type=Path, help="what the mock was given by --state; it may be running")
    return parser


if __name__ == "__main__":
    sys.exit(main())
