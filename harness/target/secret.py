"""Secrets of a target: read from the environment by name, and fit to be redacted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from harness.redact import MIN_LENGTH

_CREDENTIAL = re.compile(r"auth|cookie|key|token|secret|password", re.IGNORECASE)  # in the name of a header
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")  # as the environment usually names one, and unlike most keys


class TargetError(ValueError):
    """The target cannot be used; the message names file, line, key and the fix."""


class Secret:
    """A value that never shows itself: only the wire and the control client call `reveal`."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self!r} is not written anywhere")


def secret_in(variable: str, option: str) -> Secret:
    """The secret in the environment variable that an option names. Raises TargetError where it cannot be used."""
    if not (value := os.environ.get(variable)):
        raise TargetError(unset(variable, option))
    return secret(variable, value, option)


def unset(variable: str, where: str, elsewhere: str = "") -> str:
    """Whoever writes a key where its variable's name belongs must not meet it again in a log."""
    if not _VARIABLE.fullmatch(variable):
        said = "the environment has no variable of the name that stands there; give its name, never the key itself"
        return f"{where}: {said}"
    return f"{where}: the environment has no {variable}; export {variable}=...{elsewhere}"


def secret(variable: str, value: str, where: str) -> Secret:
    """One that a header can carry, and that is long enough to be redacted. Raises TargetError."""
    found = private(variable, value, where)
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise TargetError(f"{where}: {variable} holds characters that no header can carry; check for line ends")
    return found


def private(variable: str, value: str, where: str) -> Secret:
    """A text that goes into no header, and so may hold any character. Raises TargetError."""
    if len(value) < MIN_LENGTH:
        raise TargetError(f"{where}: {variable} has fewer than {MIN_LENGTH} characters and could not be redacted")
    return Secret(variable, value)


def in_header(name: str, value: str) -> Iterator[Secret]:
    """A header's credential without its scheme, and each of several cookies; too short a one cannot be told apart."""
    if not _CREDENTIAL.search(name):
        return
    own = f"HEADER_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
    credential = re.sub(r"^\s*(bearer|basic|token)\s+", "", value, flags=re.IGNORECASE).strip()
    cookies = [pair.partition("=")[2].strip() for pair in value.split(";")] if "cookie" in name.lower() else []
    for number, found in enumerate([credential, *cookies]):
        if len(found) >= MIN_LENGTH:
            yield Secret(own if number == 0 else f"{own}_{number}", found)
