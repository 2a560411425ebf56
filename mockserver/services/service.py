"""A service: its routes, and what it remembers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.storage import Storage
    from mockserver.state import State


class Part(Protocol):
    """What one service remembers; found at `state.parts[name]`."""

    def reset(self) -> None:
        """Back to how the mock started."""


@dataclass(frozen=True)
class Route:
    """One operation. `path` is below the contract's base path, or below the root when `rooted`.

    `{name}` stands for one segment, `{name:path}` for the rest with its slashes. `decision` is the dotted field of the
    gateway that holds the handler.
    """

    method: str
    path: str
    decision: str
    rooted: bool = False
    public: bool = False  # asks for no key


@dataclass(frozen=True)
class Service:
    name: str
    routes: tuple[Route, ...]
    open: Callable[[Storage, State], Part] | None = None
    admit: Callable[[Call], None] | None = None  # sees every call once it has a key and a handler; may refuse it
    place: Callable[[Call], None] | None = None  # sees every valid request for a model before it is priced; likewise
    names: Callable[[State], Mapping[str, str]] | None = None  # what the target file has to name for the checks
    observe: Callable[[Call, Reply], Reply] | None = None  # sees every reply of the mock before it leaves


def load_service(name: str) -> Service:
    """The service of a name, dashes for underscores. Raises ModuleNotFoundError for one that does not exist."""
    module = importlib.import_module(f"mockserver.services.{name.replace('-', '_')}")
    service: Service = module.SERVICE
    return service
