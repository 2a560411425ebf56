"""Runs the mock: in this process on a thread (`Server`), or as the process's only work (`run`)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn

import specs
from mockserver.app import App
from mockserver.behaviours.admission import follow_provider
from mockserver.certificate import make_certificate
from mockserver.control import Control
from mockserver.gateway import Gateway
from mockserver.protocol import protocol_of
from mockserver.state import State, build_state
from mockserver.targetfile import write_target
from mockserver.traits import Contract
from mockserver.upstream import Pace


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a mock is run. Times in seconds; `port` 0 means a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    control_token: str | None = None
    target: Path | None = None
    ttft: float = 0.002
    itl: float = 0.001
    tokens: int | None = None
    state: Path | None = None
    seed: int = 0
    trust: Path | None = None
    tls: bool = False
    upstream: str | None = None  # URL of a provider that runs elsewhere
    upstream_key: str | None = None


class Server:
    """One mock on a port of 127.0.0.1. As a context manager it runs on a thread and writes its target file."""

    def __init__(
        self, contract: Contract | str, gateway: Gateway | None = None, options: Options | None = None
    ) -> None:
        self.contract = specs.load(contract) if isinstance(contract, str) else contract
        self.options = options or Options()
        self.gateway = _following(gateway or Gateway(), self.options)
        self.state = self._build_state()
        self._socket = _listen(self.options.host, self.options.port)
        self.port: int = self._socket.getsockname()[1]
        self.certificate = make_certificate(self.state.clock.instant()) if self.options.tls else None
        self.origin = f"{'https' if self.certificate else 'http'}://{_url_host(self.options.host)}:{self.port}"
        self.state.origin = self.origin
        self.base_url = self.origin + self.state.traits.base_path
        self.target_path = self.options.target
        self._keys: tempfile.TemporaryDirectory[str] | None = None  # of TLS
        self._uvicorn = _Uvicorn(
            uvicorn.Config(self._app(), http=self._protocol(), **_UVICORN, **self._tls()),
            self.state.upstream.close,
        )
        self._thread: threading.Thread | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Server:
        if self.target_path is None:
            self._folder = tempfile.TemporaryDirectory(prefix="assay-mock-")
            self.target_path = Path(self._folder.name) / "target.toml"
        self._thread = threading.Thread(target=self.run, name="mockserver", daemon=True)
        self._thread.start()
        self._uvicorn.listening.wait(10)
        self.announce()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._uvicorn.stop()
        if self._thread is not None:
            self._thread.join(5)
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def main_key(self) -> str:
        return self.state.secrets["main"]

    def run(self) -> None:
        """Serve on this thread until stopped."""
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self.state.close()
            if self._keys is not None:
                self._keys.cleanup()

    def announce(self) -> None:
        """Write the target file; only called once the socket listens."""
        if self.target_path is not None:
            tls = self.certificate.pem() if self.certificate else None
            write_target(self.target_path, self.contract, self.state, self.origin, self.options, tls)

    def stop(self) -> None:
        """From any thread, once it listens."""
        self._uvicorn.stop()

    def on_listening(self, then: threading.Thread) -> None:
        """Start a thread once the server accepts connections."""
        self._uvicorn.then = then

    def _tls(self) -> dict[str, Any]:
        """What uvicorn needs to speak TLS, which reads files when it starts; the platform vouches for the key."""
        if self.certificate is None:
            return {}
        self._keys = tempfile.TemporaryDirectory(prefix="assay-mock-tls-")
        certificate, key = self.certificate.write(Path(self._keys.name))
        if self.state.platform is not None:
            self.state.platform.certificate = self.certificate.der()
        return {"ssl_certfile": certificate, "ssl_keyfile": key}

    def _protocol(self) -> type[asyncio.Protocol]:
        """A client of a provider that runs elsewhere must know its task."""
        return protocol_of(self.gateway, at_once=self.options.upstream is None)

    def _app(self) -> App:
        token = self.options.control_token
        return App(self.gateway, self.state, Control(self.state, token) if token else None)

    def _build_state(self) -> State:
        options = self.options
        state = build_state(
            self.contract,
            self.gateway,
            seed=options.seed,
            pace=Pace(options.ttft, options.itl),
            fixed_tokens=options.tokens,
            state_file=options.state,
            upstream_url=options.upstream,
            upstream_key=options.upstream_key,
        )
        if self.contract.trait("attestation.model_claim", None):
            state.platform = self.gateway.new_platform(options.seed.to_bytes(8, "big"), state.clock.instant)
            state.platform.instances = state.catalogue.instances
        return state


def _following(gateway: Gateway, options: Options) -> Gateway:
    """In front of a provider that runs elsewhere the catalogue is that provider's, read before every call."""
    return replace(gateway, steps=(*gateway.steps, follow_provider)) if options.upstream else gateway


_UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "ws": "none",
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # nobody stands before it whom it could believe
    "backlog": 4096,
    "timeout_keep_alive": 75,
}


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers and its tick of 100 ms: it stops when told, at once."""

    def __init__(self, config: uvicorn.Config, at_the_end: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._at_the_end = at_the_end
        self.listening = threading.Event()
        self.then: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stopping.set)
        self.listening.set()
        if self.then is not None:
            self.then.start()
        seconds = 0
        while not self._stopping.is_set():
            await self.on_tick(seconds * 10)
            seconds += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)
        self.should_exit = self.force_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything at once; the original waits for clients to go, which a proof by hundreds cannot."""
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
            connection.transport.close()
        await self._at_the_end()
        await asyncio.sleep(0)

    def stop(self) -> None:
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)


def _url_host(host: str) -> str:
    """Where a client of this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(4096)
    listener.setblocking(False)
    return listener
