"""The register of named defects: each overrides one decision of the gateway. It never runs one by itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import specs

if TYPE_CHECKING:
    from mockserver.gateway import Gateway

Override = Callable[["Gateway"], "Gateway"]


@dataclass(frozen=True)
class Defect:
    """`breaks`: the requirements it must be killed by; `also`: others that may fail with it; `seen`: ids of
    sightings in the wild; `contracts`: where it can show at all (empty means everywhere); `hidden_in`: where it
    cannot."""

    name: str
    summary: str
    breaks: tuple[str, ...]
    also: tuple[str, ...]
    seen: tuple[str, ...]
    contracts: tuple[str, ...]
    hidden_in: tuple[str, ...]
    tls: bool  # shows only where the mock speaks TLS
    apply: Override


_REGISTER: dict[str, Defect] = {}
ALSO = Path(__file__).parent / "also.yaml"


def defect(
    breaks: str | tuple[str, ...],
    also: tuple[str, ...] = (),
    seen: tuple[str, ...] = (),
    contracts: tuple[str, ...] = (),
    hidden_in: tuple[str, ...] = (),
    tls: bool = False,
) -> Callable[[Override], Override]:
    """Register a function Gateway -> Gateway; name and summary come from the function itself."""

    def register(override: Override) -> Override:
        name = override.__name__.replace("_", "-")
        if name in _REGISTER:
            raise ValueError(f"two defects are called {name}")
        broken = (breaks,) if isinstance(breaks, str) else tuple(breaks)
        beside = tuple(requirement for requirement in also if requirement not in broken)
        _REGISTER[name] = Defect(name, _summary(override), broken, beside, seen, contracts, hidden_in, tls, override)
        return override

    return register


def within(gateway: Gateway, service: str, /, **fields: object) -> Gateway:
    """The gateway with other decisions of one of its services."""
    changed: Mapping[str, Any] = {service: replace(getattr(gateway, service), **fields)}
    return replace(gateway, **changed)


def _summary(override: Override) -> str:
    text = (override.__doc__ or "").strip()
    if not text:
        raise ValueError(f"defect {override.__name__} has no docstring to say what it does wrong")
    return text.splitlines()[0].strip()


def all_defects() -> list[Defect]:
    """Every defect of this package, sorted by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    known = measured()
    return [_with_also(_REGISTER[name], known.get(name, ())) for name in sorted(_REGISTER)]


@functools.cache
def measured() -> Mapping[str, tuple[str, ...]]:
    """What else each defect was seen to turn red, by name (`also.yaml`, written by wide proofs)."""
    lists = yaml.safe_load(ALSO.read_text(encoding="utf-8")) or {}
    return {name: tuple(ids) for name, ids in lists.items()}


def _with_also(made: Defect, seen: Iterable[str]) -> Defect:
    return replace(made, also=tuple(sorted({*made.also, *seen} - set(made.breaks))))


def find_defect(name: str) -> Defect:
    """One defect by name; KeyError says which name is near."""
    known = {defect.name: defect for defect in all_defects()}
    if name in known:
        return known[name]
    raise KeyError(f"no defect is called {name!r}; `assay mock --list-defects` prints them{specs.near(name, known)}")
