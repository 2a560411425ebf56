"""A target file, or a bare URL, turned into a Target. What is wrong with it is told by file, line and key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

import specs
from harness.target.parts import (
    BalancePoint,
    ControlPoint,
    CostPoint,
    EvidencePoint,
    Limits,
    Spend,
    Target,
    Timeouts,
)
from harness.target.secret import Secret, TargetError, private, secret, unset

OTHER_KINDS = ("embedding", "image", "completion")  # of models, beside the one that chats
KEY_VARIABLE = "ASSAY_API_KEY"  # the main key of a target that is given as a bare URL


def load(path_or_url: str | Path, *, base_url: str | None = None, environ: Mapping[str, str] = os.environ) -> Target:
    """Read a target file, or make a target of a bare URL. `base_url` replaces the file's.

    Raises TargetError naming file, line, key and fix.
    """
    text = str(path_or_url)
    if re.match(r"https?://", text):
        return _bare(base_url or text, environ)
    target = _File(Path(text), environ).target()
    return replace(target, base_url=_checked_url(base_url, "--base-url")) if base_url else target


def _bare(url: str, environ: Mapping[str, str]) -> Target:
    checked = _checked_url(url, "target")
    value = environ.get(KEY_VARIABLE, "")
    keys = {"main": secret(KEY_VARIABLE, value, KEY_VARIABLE)} if value else {}
    return Target(name=urlsplit(checked).hostname or checked, base_url=checked, keys=keys)


def _checked_url(url: str, where: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise TargetError(f"{where}: a URL must not carry credentials; name an environment variable under [keys]")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise TargetError(f"{where}: expected a URL such as https://api.example.com/v1, without query or fragment")
    return url.rstrip("/")


class _File:
    """One target file while it is read."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        try:
            self.text = path.read_text()
            self.document = tomllib.loads(self.text)
        except FileNotFoundError:
            raise TargetError(f"{path}: no such file; give a target file or a URL with http:// or https://") from None
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
            raise TargetError(f"{path}: cannot be read: {said}") from error
        except tomllib.TOMLDecodeError as error:
            raise TargetError(f"{path}: not TOML: {error}") from error
        self._validate()
        self.environ = {**environ, **self._env_file()}  # the file beside the target is the more specific one

    def target(self) -> Target:
        part = self.document.get
        url = self._url("base_url")
        bundle = part("ca_bundle")
        return Target(
            name=part("name") or urlsplit(url).hostname or url,
            base_url=url,
            contract=part("contract"),
            keys={name: self._from_environment("keys", name) for name in part("keys", {})},
            headers=part("headers", {}),
            ca_bundle=self._beside(bundle, "ca_bundle") if bundle else None,
            clock_ahead=self._clock_ahead(),
            private={name: self._from_environment("private", name) for name in part("private", {})},
            names=part("names", {}),
            default_model=part("model", {}).get("default"),
            models={kind: name for kind, name in part("model", {}).items() if kind in OTHER_KINDS},
            tokenizer=self._tokenizer(),
            timeouts=Timeouts(**part("timeouts", {})),
            limits=Limits(**part("limits", {})),
            spend=Spend(**{name: Decimal(str(value)) for name, value in part("spend", {}).items()}),
            control=self._laboratory("control"),
            upstream=self._laboratory("upstream"),
            balance=self._balance(),
            costs=self._costs(),
            evidence=self._evidence(),
            path=self.path,
        )

    def _tokenizer(self) -> Path | None:
        named = self.document.get("model", {}).get("tokenizer")
        return None if named is None else self._beside(named, "model", "tokenizer")

    def _clock_ahead(self) -> timedelta:
        if "clock" not in self.document:
            return timedelta()
        try:
            meant = datetime.fromisoformat(self.document["clock"])
        except ValueError:
            meant = None
        if meant is None or meant.tzinfo is None:
            raise TargetError(f'{self._where("clock")}: not a time; write it as "2026-11-20T12:00:00Z"')
        return meant - datetime.now(UTC)

    def _laboratory(self, name: str) -> ControlPoint | None:
        if name not in self.document:
            return None
        return ControlPoint(self._url(name, "url"), self._from_environment(name, "token"))

    def _balance(self) -> BalancePoint | None:
        if (given := self.document.get("balance")) is None:
            return None
        return BalancePoint(**{**given, "url": self._url("balance", "url")})

    def _costs(self) -> CostPoint | None:
        given = self.document.get("costs")
        return None if given is None else CostPoint(**given)

    def _evidence(self) -> EvidencePoint | None:
        if (given := self.document.get("evidence")) is None:
            return None
        trust = self._beside(given["trust"], "evidence", "trust") if "trust" in given else None
        test_roots, gpus = given.get("test_roots", False), given.get("gpus")
        return EvidencePoint(
            self._url("evidence", "url"), given["format"], trust, test_roots, gpus, self._policy(given.get("policy"))
        )

    def _policy(self, given: str | None) -> str | Path:
        if given is None or given in specs.policies():
            return given or EvidencePoint.policy
        path = self._beside(given, "evidence", "policy")
        try:
            specs.policy(path)
        except specs.SpecError as error:
            raise TargetError(f"{self._where('evidence', 'policy')}: {error}") from error
        return path

    def _url(self, *keys: str) -> str:
        return _checked_url(self._value(*keys), self._where(*keys))

    def _from_environment(self, *keys: str) -> Secret:
        variable = self._value(*keys)
        if not self.environ.get(variable):
            raise TargetError(unset(variable, self._where(*keys), " or write it into the env_file"))
        if keys[0] == "private":
            return private(variable, self.environ[variable], self._where(*keys))
        return secret(variable, self.environ[variable], self._where(*keys))

    def _beside(self, name: str, *keys: str) -> Path:
        found = self.path.parent / name
        if not found.exists():
            raise TargetError(f"{self._where(*keys)}: {found} does not exist; paths are relative to the target file")
        return found

    def _env_file(self) -> dict[str, str]:
        if "env_file" not in self.document:
            return {}
        pairs = {}
        for number, line in enumerate(self._beside(self.document["env_file"], "env_file").read_text().splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, found, value = line.removeprefix("export ").partition("=")
            if not found:
                raise TargetError(f"{self.path.parent / self.document['env_file']}:{number}: expected KEY=value")
            pairs[name.strip()] = value.strip().strip("\"'")
        return pairs

    def _validate(self) -> None:
        validator = jsonschema.Draft202012Validator(specs.schema("target"))
        if problems := [self._problem(error) for error in validator.iter_errors(self.document)]:
            raise TargetError("\n".join(problems))

    def _problem(self, error: jsonschema.ValidationError) -> str:
        keys = [str(key) for key in error.absolute_path]
        if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
            allowed, given = error.schema.get("properties", {}), dict(error.instance)  # type: ignore[arg-type]
            unknown = sorted(given.keys() - allowed.keys())
            places = ", ".join(self._where(*keys, key) for key in unknown)
            return f"{places}: no such key; there are: {', '.join(sorted(allowed))}"
        # what stands there may be a secret
        if keys[:1] in (["keys"], ["private"]) or keys in (["control", "token"], ["upstream", "token"]):
            return f"{self._where(*keys)}: expected the name of an environment variable, never the key itself"
        return f"{self._where(*keys)}: {error.message}"

    def _value(self, *keys: str) -> str:
        node: Any = self.document
        for key in keys:
            node = node[key]
        return str(node)

    def _where(self, *keys: str) -> str:
        line = next(_lines_of(self.text, keys), 1)
        return f"{self.path}:{line}: {'.'.join(keys) or 'target'}"


def _lines_of(text: str, keys: tuple[str, ...]) -> Iterator[int]:
    """Lines on which the key may be defined; best guess first, because TOML parsers keep no positions."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            if table == keys:
                yield number
        elif pair := re.match(r"\s*([\w.\-\"']+)\s*=", line):
            path = (*table, *(part.strip("\"'") for part in pair[1].split(".")))
            if path == keys or keys[: len(path)] == path:
                yield number
