"""`assay ui`: serves the live view on the loopback until interrupted, and nowhere else."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from harness.show.archive import Archive
from harness.show.starter import Starter

HOST = "127.0.0.1"
TOKEN_BYTES = 24


class UiFault(RuntimeError):
    """The live view did not start; the message holds what it printed."""


@click.command(name="ui")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]", default="out")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the loopback (0: a free one).")
@click.option("--json", "as_json", is_flag=True, help="Tell the address as JSON.")
def ui_command(folder: Path, port: int, *, as_json: bool) -> None:
    """Show the runs in DIR (out) on a local web page, as they go and afterwards, and start new ones there.

    The page answers on this machine only, and only at the address that is printed, which holds a token.
    """
    import uvicorn  # only here: no other command needs a web server

    from harness.show.app import app

    folder.mkdir(parents=True, exist_ok=True)
    starter, token = Starter(folder), secrets.token_urlsafe(TOKEN_BYTES)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listening, port)
        url = f"http://{HOST}:{listening.getsockname()[1]}/{token}/"
        click.echo(json.dumps({"url": url}) if as_json else f"runs in {folder}: {url}")
        sys.stdout.flush()
        config = uvicorn.Config(
            app(Archive(folder), starter, token), log_level="warning", access_log=False, timeout_graceful_shutdown=1
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises again what it was sent
        try:
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            starter.close()


def _bind(listening: socket.socket, port: int) -> None:
    """From here on a browser is heard, before the address is told. Raises UiFault."""
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        chosen = "choose another by --port, or leave it out for one that is free"
        raise UiFault(f"port {port} of {HOST}: {error.strerror or error}: {chosen}") from error


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[str]:
    """The live view as a process of its own, so that it does not disturb what a run measures; yields its address."""
    line = [sys.executable, "-m", "harness.cli", "ui", "--json", "--", str(folder)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own module
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        if not told:
            raise UiFault("the live view did not start: see above")
        yield str(json.loads(told)["url"])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
