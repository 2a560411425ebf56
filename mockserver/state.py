"""Everything of a running mock that changes: clock, catalogue, money, windows, the provider and its log."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.limits import Limiter
from mockserver.behaviours.signatures import Answers
from mockserver.catalogue import Catalogue
from mockserver.clock import Clock
from mockserver.ledger import NANO, Ledger, open_ledger
from mockserver.services import Router, Service, Storage, load_service
from mockserver.traits import Contract, Traits, read_traits
from mockserver.upstream import LocalUpstream, Pace, Upstream

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.gateway import Gateway
    from mockserver.tee import Platform

# Name of the key in the target file -> (account, start balance in USD, revoked from the start)
STARTING_KEYS = {
    "main": ("acct_main", "1000", False),
    "exhausted": ("acct_exhausted", "0", False),
    "revoked": ("acct_main", "1000", True),
    "second_tenant": ("acct_second", "25", False),
}


@dataclass(slots=True)
class State:
    """One server's state; built by `build_state`, reset by the control API."""

    traits: Traits
    ledger: Ledger
    upstream: Upstream
    seed: int
    clock: Clock = field(default_factory=Clock)
    catalogue: Catalogue = field(default_factory=Catalogue)
    limiter: Limiter = field(default_factory=Limiter)
    answers: Answers = field(default_factory=Answers)
    platform: Platform | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    watchers: set[asyncio.Task[Any]] = field(default_factory=set)
    router: Router = field(default_factory=lambda: Router("", ()))
    parts: dict[str, Any] = field(default_factory=dict)  # what services remember, by service
    services: list[Service] = field(default_factory=list)
    observers: list[Callable[[Call, Reply], Reply]] = field(default_factory=list)
    admitters: list[Callable[[Call], None]] = field(default_factory=list)
    placers: list[Callable[[Call], None]] = field(default_factory=list)
    storage: Storage = field(default_factory=lambda: Storage(None))
    origin: str = ""  # scheme and authority that the server is reached by, once it listens

    def watch(self, call: Call) -> None:
        """From here on a client that leaves aborts the generation of its call."""
        if call.cycle is not None:
            call.cycle.left = lambda: _leave(call)
            return
        task = asyncio.ensure_future(_watch(call))
        self.watchers.add(task)
        task.add_done_callback(self.watchers.discard)

    def start_accounts(self) -> None:
        """Create the starting accounts and keys; those of an existing state file stay as they are."""
        for name, (account, balance, revoked) in STARTING_KEYS.items():
            secret = secret_of(self.traits, self.seed, name)
            self.secrets[name] = secret
            self.ledger.open_account(account, int(Decimal(balance) * NANO))
            self.ledger.keys.start(secret, f"key_{name}", account, revoked=revoked)

    def open_services(self) -> None:
        """Everything that the contract serves beyond chat and models."""
        self.services = services = [load_service(name) for name in self.traits.services]
        self.router = Router(self.traits.base_path, [route for service in services for route in service.routes])
        self.parts = {service.name: service.open(self.storage, self) for service in services if service.open}
        self.observers = [service.observe for service in services if service.observe]
        self.admitters = [service.admit for service in services if service.admit]
        self.placers = [service.place for service in services if service.place]

    def names(self) -> dict[str, str]:
        """What services want the target file to name."""
        return {
            name: value for service in self.services if service.names for name, value in service.names(self).items()
        }

    def close(self) -> None:
        self.storage.close()
        self.ledger.close()

    def reset(self) -> None:
        """Balances, flags, prices, faults, clock and limit windows back to the start; issued keys end."""
        for account, balance, _ in STARTING_KEYS.values():
            self.ledger.set_balance(account, int(Decimal(balance) * NANO))
        self.ledger.forget_spending()
        self.ledger.keys.only([f"key_{name}" for name, (_, _, revoked) in STARTING_KEYS.items() if not revoked])
        self.catalogue.reset()
        self.upstream.reset()
        self.clock.reset()
        self.limiter.reset()
        self.answers.kept.clear()
        for part in self.parts.values():
            part.reset()


async def _watch(call: Call) -> None:
    message = await call.receive()
    if message["type"] == "http.disconnect":
        _leave(call)


def _leave(call: Call) -> None:
    if call.generation is not None:
        call.gateway.on_disconnect(call.generation)


def secret_of(traits: Traits, seed: int, name: str) -> str:
    """A key that looks like the contract's; the same for the same seed and name, and worth nothing."""
    digest = hashlib.sha256(f"assay mock key {seed} {name}".encode()).hexdigest()[:32]
    if not traits.key_prefix:
        return f"sk-{digest}"
    return traits.key_prefix + digest if "sk_" in traits.key_prefix else f"{traits.key_prefix}sk_{digest}"


def build_state(
    contract: Contract,
    gateway: Gateway,
    *,
    seed: int = 0,
    pace: Pace | None = None,
    fixed_tokens: int | None = None,
    state_file: Path | None = None,
    upstream_url: str | None = None,
    upstream_key: str | None = None,
) -> State:
    """A fresh state with its starting accounts; `state_file` makes the ledger survive a restart."""
    clock = Clock()
    upstream: Upstream = LocalUpstream(gateway, clock, pace or Pace(), seed, fixed_tokens)
    if upstream_url is not None:
        from mockserver.upstream.remote import RemoteUpstream  # late: it brings an HTTP client

        upstream = RemoteUpstream(upstream_url.rstrip("/"), clock, upstream_key)
    state = State(read_traits(contract), open_ledger(state_file, clock.now), upstream, seed, clock)
    state.storage = Storage(state_file)
    state.catalogue = Catalogue(contract.name)
    state.start_accounts()
    state.open_services()
    return state
