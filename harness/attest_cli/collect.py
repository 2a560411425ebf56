"""`assay attest collect`: evidence from inside a guest, as it came."""

from __future__ import annotations

from pathlib import Path

import click

from harness.attest_cli.group import challenge, failed, show
from harness.collect import SOURCES, Absent, Guest, Refused, collect
from harness.collect.guest import Files
from harness.terminal import FOLDER


@click.command(name="collect")
@click.option("--nonce", type=challenge, required=True, metavar="HEX", help="The verifier's 32 fresh bytes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the bundle goes.")
@click.option("--root", type=FOLDER, default=Path("/"), metavar="DIR", help="Read the guest's files below this.")
@click.option("--source", type=click.Choice(SOURCES), default="auto", show_default=True, help="Who makes the quote.")
@click.option("--gpu/--no-gpu", default=True, show_default=True, help="Whether the GPUs are attested as well.")
def collect_command(nonce: bytes, out: Path, root: Path, source: str, gpu: bool) -> None:
    """Collect evidence inside a guest: quote, GPU reports and event logs over one nonce, as they came.

    Exit codes: 0 collected, 1 refused (what was read must not be called evidence), 2 a source is absent.
    """
    try:
        bundle = collect(Guest(Files(root)), nonce, source, gpu=gpu)
        written = bundle.write(out)
    except Refused as error:
        raise SystemExit(failed("refused", error, 1)) from error
    except Absent as error:
        raise SystemExit(failed("absent", error, 2)) from error
    except FileExistsError as error:
        raise click.UsageError(f"{error.filename}: exists; one nonce, one bundle: choose another --out") from error
    show((f"quote by {bundle.source}", *(f"without {part}: {why}" for part, why in bundle.absent.items())))
    show((*(f"note: {note}" for note in bundle.notes), *(f"wrote {path}" for path in written)))
