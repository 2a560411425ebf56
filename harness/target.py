"""The target file and the environment turned into a Target: the one door by which secrets come in.

Refuses credentials in URLs, unknown keys, and a named secret that the environment does not hold.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

import specs
from harness.redact import MIN_LENGTH

_CREDENTIAL = re.compile(r"auth|cookie|key|token|secret|password", re.IGNORECASE)  # in the name of a header
OTHER_KINDS = ("embedding", "image", "completion")  # of models, beside the one that chats
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")  # as the environment usually names one, and unlike most keys
KEY_VARIABLE = "ASSAY_API_KEY"  # the main key of a target that is given as a bare URL


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


@dataclass(frozen=True)
class Timeouts:
    connect_s: float = 5
    first_byte_s: float = 30  # from the request's start to the complete response head
    idle_s: float = 30  # between two reads of the body
    total_s: float = 120


@dataclass(frozen=True)
class Limits:
    concurrency: int = 8
    max_body_bytes: int = 16 * 1024 * 1024
    max_events: int = 20_000
    max_json_depth: int = 64


@dataclass(frozen=True)
class Spend:
    cap_usd: Decimal = Decimal("1.00")
    assumed_usd_per_million_tokens: Decimal = Decimal(20)


@dataclass(frozen=True)
class ControlPoint:
    url: str
    token: Secret


@dataclass(frozen=True)
class BalancePoint:
    url: str
    pointer: str
    unit: str = "usd"
    account: str | None = None
    drain_s: float = 2


@dataclass(frozen=True)
class CostPoint:
    """Where a deployment states what requests cost; `source` is header, lookup or usage."""

    source: str
    header: str | None = None
    url: str | None = None  # with {id} in it for a lookup
    id: str = "request"  # or completion
    pointer: str | None = None
    unit: str = "usd"


@dataclass(frozen=True)
class EvidencePoint:
    url: str
    format: str
    trust: Path | None = None
    test_roots: bool = False
    gpus: int | None = None  # that each instance must show; None: unknown
    policy: str | Path = "field"  # name of a shipped one, or a file


@dataclass(frozen=True)
class Target:
    """A deployment to judge."""

    name: str
    base_url: str  # without a trailing slash
    contract: str | None = None
    keys: Mapping[str, Secret] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: Path | None = None
    clock_ahead: timedelta = timedelta()  # how far the time to judge by is ahead of this machine's
    private: Mapping[str, Secret] = field(default_factory=dict)  # texts, such as prompts, that nothing may keep
    names: Mapping[str, str] = field(default_factory=dict)  # what contracts ask for and no operation tells
    default_model: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)  # of other kinds: embedding, image, completion
    tokenizer: Path | None = None  # of that model
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    spend: Spend = Spend()
    control: ControlPoint | None = None
    upstream: ControlPoint | None = None  # of a provider of ours behind the deployment
    balance: BalancePoint | None = None
    costs: CostPoint | None = None
    evidence: EvidencePoint | None = None
    path: Path | None = None

    @property
    def host_url(self) -> str:
        """Scheme and authority of the base URL."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    def now(self) -> datetime:
        """The time to judge by: this machine's, or one that the file sets and that runs on from there."""
        return datetime.now(UTC) + self.clock_ahead

    @property
    def test_roots(self) -> bool:
        return self.evidence is not None and self.evidence.test_roots

    def capabilities(self) -> frozenset[str]:
        """What it offers: control, upstream, balance, costs, tokenizer, evidence, and keys beside the main one."""
        points = {
            "control": self.control,
            "upstream": self.upstream,
            "balance": self.balance,
            "costs": self.costs,
            "tokenizer": self.tokenizer,
            "evidence": self.evidence,
        }
        offered = {name for name, point in points.items() if point is not None}
        return frozenset(offered | (self.keys.keys() - {"main"}))

    def secrets(self) -> tuple[Secret, ...]:
        """What must not be kept: keys, private texts, control tokens, headers that look like a credential."""
        headers = (found for name, value in self.headers.items() for found in _header_secrets(name, value))
        tokens = [point.token for point in (self.control, self.upstream) if point is not None]
        return (*self.keys.values(), *self.private.values(), *tokens, *headers)


def _header_secrets(name: str, value: str) -> Iterator[Secret]:
    """A header's credential without its scheme, and each of several cookies; too short a one cannot be told apart."""
    if not _CREDENTIAL.search(name):
        return
    own = f"HEADER_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
    credential = re.sub(r"^\s*(bearer|basic|token)\s+", "", value, flags=re.IGNORECASE).strip()
    cookies = [pair.partition("=")[2].strip() for pair in value.split(";")] if "cookie" in name.lower() else []
    for number, found in enumerate([credential, *cookies]):
        if len(found) >= MIN_LENGTH:
            yield Secret(own if number == 0 else f"{own}_{number}", found)


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
    keys = {"main": _secret(KEY_VARIABLE, value, KEY_VARIABLE)} if value else {}
    return Target(name=urlsplit(checked).hostname or checked, base_url=checked, keys=keys)


def _checked_url(url: str, where: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise TargetError(f"{where}: a URL must not carry credentials; name an environment variable under [keys]")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise TargetError(f"{where}: expected a URL such as https://api.example.com/v1, without query or fragment")
    return url.rstrip("/")


def secret_in(variable: str, option: str) -> Secret:
    """The secret in the environment variable that an option names. Raises TargetError where it cannot be used."""
    if not (value := os.environ.get(variable)):
        raise TargetError(_unset(variable, option))
    return _secret(variable, value, option)


def _unset(variable: str, where: str, elsewhere: str = "") -> str:
    """Whoever writes a key where its variable's name belongs must not meet it again in a log."""
    if not _VARIABLE.fullmatch(variable):
        said = "the environment has no variable of the name that stands there; give its name, never the key itself"
        return f"{where}: {said}"
    return f"{where}: the environment has no {variable}; export {variable}=...{elsewhere}"


def _secret(variable: str, value: str, where: str) -> Secret:
    if len(value) < MIN_LENGTH:
        raise TargetError(f"{where}: {variable} has fewer than {MIN_LENGTH} characters and could not be redacted")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise TargetError(f"{where}: {variable} holds characters that no header can carry; check for line ends")
    return Secret(variable, value)


def _private(variable: str, value: str, where: str) -> Secret:
    """A text that goes into no header, and so may hold any character."""
    if len(value) < MIN_LENGTH:
        raise TargetError(f"{where}: {variable} has fewer than {MIN_LENGTH} characters and could not be redacted")
    return Secret(variable, value)


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
            raise TargetError(_unset(variable, self._where(*keys), " or write it into the env_file"))
        if keys[0] == "private":
            return _private(variable, self.environ[variable], self._where(*keys))
        return _secret(variable, self.environ[variable], self._where(*keys))

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
