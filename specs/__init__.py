"""What a deployment promises, as data. `load(name)` is the only reader of the files in this folder."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from specs.problems import problems
from specs.reading import NotYaml, read

HERE = Path(__file__).parent
_MISSING = object()
_OPERATION = re.compile(r"\s+operationId: *['\"]?([\w.-]+)")


class SpecError(ValueError):
    """A contract file is missing or wrong; the message names the file, the key and what was expected."""


@dataclass(frozen=True)
class Requirement:
    """One checkable statement of a contract (`requirements.yaml`)."""

    id: str
    level: str  # MUST, SHOULD or MAY
    title: str
    text: str
    source: str
    effect: str
    when: str | None = None  # trait the requirement needs, or "not <trait>"
    same_as: tuple[str, ...] = ()  # other requirements of the contract that together say this; their checks decide it
    needs: tuple[str, ...] = ()  # target capabilities without which it cannot be observed
    decision: str | None = None  # how a gap or a contradiction of the document was decided
    inferred: bool = False  # the document does not say it: a breach is a warning
    excluded: str | None = None  # why it is not checked
    contract: str = ""  # the contract, or the catalogue, whose file states it
    line: int = 0  # line of the id in that file

    @property
    def file(self) -> str:
        """The file that states it, below the root of the checkout."""
        folder = f"catalogues/{self.contract}" if self.contract in catalogues() else self.contract
        return f"specs/{folder}/requirements.yaml"


@dataclass(frozen=True)
class Contract:
    """What a deployment promises: traits, requirements and the OpenAPI document of the wire."""

    name: str
    version: str
    title: str
    summary: str
    extends: tuple[str, ...]  # nearest base first
    traits: Mapping[str, Any]
    requirements: Mapping[str, Requirement]
    folder: Path
    digest: str  # SHA-256 over the files of the contract, of its bases and of the catalogues they take in
    documents: tuple[Mapping[str, Any], ...] = field(default=())
    catalogues: tuple[str, ...] = ()  # requirements of a kind that it takes in itself; those of its bases are inherited

    def trait(self, path: str, default: Any = _MISSING) -> Any:
        """The trait at a dotted path. Raises KeyError naming the contract when absent and no default is given."""
        node: Any = self.traits
        for part in path.split("."):
            if not isinstance(node, Mapping) or part not in node:
                if default is _MISSING:
                    raise KeyError(f"contract {self.name} has no trait {path!r}")
                return default
            node = node[part]
        return node

    def applies(self, requirement: Requirement) -> bool:
        """Whether the trait named in `when` holds for this contract."""
        if requirement.when is None:
            return True
        negated = requirement.when.startswith("not ")
        path = requirement.when.removeprefix("not ").strip()
        return bool(self.trait(path, default=None)) is not negated

    def deciding(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids that a check names, and those of the requirements that say the same as one of them."""
        named = tuple(ids)
        repeats = (r.id for r in self._repeating if not set(named).isdisjoint(r.same_as))
        return (*named, *(i for i in repeats if i not in named))

    @functools.cached_property
    def _repeating(self) -> tuple[Requirement, ...]:
        return tuple(r for r in self.requirements.values() if r.same_as)

    @functools.cached_property
    def envelope(self) -> Envelope:
        """The form of its refusals; OpenAI's where it says nothing."""
        return envelopes()[self.trait("errors.envelope", "openai")]

    @functools.cached_property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of this contract, parsed."""
        return dict(read(self.openapi_path))

    @property
    def openapi_path(self) -> Path:
        return self.folder / "openapi.yaml"

    @functools.cached_property
    def operation_lines(self) -> Mapping[str, int]:
        """The line of each operationId in the OpenAPI document."""
        found = map(_OPERATION.match, self.openapi_path.read_text().splitlines())
        return {match[1]: n for n, match in enumerate(found, start=1) if match}


def names() -> list[str]:
    """Names of all contracts in this folder."""
    return sorted(path.parent.name for path in HERE.glob("*/contract.yaml"))


def policies() -> list[str]:
    """Names of the attestation policies that are shipped."""
    return sorted(path.stem for path in (HERE / "policies").glob("*.yaml"))


def policy(name: str | Path) -> dict[str, Any]:
    """An attestation policy, merged with the one it extends: a shipped name, or the path of a YAML file.

    Raises SpecError with file, key and what was expected.
    """
    path = HERE / "policies" / f"{name}.yaml" if name in policies() else Path(name)
    if not path.is_file():
        raise SpecError(f"no policy {str(name)!r}; there are: {', '.join(policies())}{near(str(name), policies())}")
    own = _validated(path, "policy")
    for scheme in own.get("binding", {}).get("schemes", ()):
        if scheme not in bindings():
            raise SpecError(
                f"{path}: binding: schemes: no scheme {scheme!r} in bindings.yaml{near(scheme, bindings())}"
            )
    base = own.pop("extends", None)
    if base is None:
        return dict(own)
    if base not in policies() or base == name:
        raise SpecError(f"{path}: extends: expected one of {', '.join(policies())}, got {base!r}")
    return _merged(policy(base), own)


def fault_script(path: Path) -> dict[str, Any]:
    """What a provider is to do wrong, as its file says it. Raises SpecError with file, key and what was expected."""
    return dict(_validated(path, "faults"))


def waivers(path: Path) -> list[dict[str, Any]]:
    """The entries of waivers.yaml, as the file says them. Raises SpecError with file, key and what was expected."""
    return list(_validated(path, "waivers"))


def certificate_policy(path: Path) -> dict[str, Any]:
    """What somebody demands of a certificate. Raises SpecError with file, key and what was expected."""
    return dict(_validated(path, "certificate-policy"))


@functools.cache
def levels() -> tuple[Mapping[str, Any], ...]:
    """What a certificate may claim (`levels.yaml`), in order. Raises SpecError."""
    return tuple(_named(HERE / "levels.yaml"))


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a file we own, by its name: contract, plan, policy, results, target and so on."""
    path = HERE / "schema" / f"{name}.schema.json"
    if not path.is_file():
        raise SpecError(f"no schema {name!r}: expected {path}")
    return dict(json.loads(path.read_text()))


@functools.cache
def bindings() -> Mapping[str, Mapping[str, Any]]:
    """How evidence formats bind what they say (`bindings.yaml`), by name. Raises SpecError."""
    return {row["name"]: row for row in _named(HERE / "bindings.yaml")}


@dataclass(frozen=True)
class Envelope:
    """How a refusal is wrapped (`envelopes.yaml`)."""

    name: str
    title: str
    members: Mapping[str, str]  # what is told -> JSON pointer of plain member names
    closed: bool
    optional: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()


@functools.cache
def envelopes() -> Mapping[str, Envelope]:
    """The forms of a refusal by name (`envelopes.yaml`). Raises SpecError."""
    path = HERE / "envelopes.yaml"
    rows = [{**row, **{key: tuple(row.get(key, ())) for key in ("optional", "nullable")}} for row in _named(path)]
    return {row["name"]: Envelope(**row) for row in rows}


def near(given: str, known: Iterable[str]) -> str:
    """A question for whoever mistyped a name: "; did you mean OC-082?", or nothing where no name is near."""
    spelled = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(given.casefold(), spelled, n=1, cutoff=0.75)
    return f"; did you mean {spelled[found[0]]}?" if found else ""


@functools.cache
def load(name: str) -> Contract:
    """Read, validate and merge one contract with the contracts it extends.

    Raises SpecError with file, key and fix when a file is missing or does not follow its schema.
    """
    folder = HERE / name
    if not (folder / "contract.yaml").is_file():
        raise SpecError(f"no contract {name!r}; there are: {', '.join(names())}")
    own = _validated(folder / "contract.yaml", "contract")
    traits: Mapping[str, Any] = own["traits"]
    extends: tuple[str, ...] = ()
    taken: dict[str, Requirement] = {}  # from bases and catalogues
    files = sorted(folder.glob("*.yaml"))
    digest = hashlib.sha256()
    if base_name := own.get("extends"):
        base = load(base_name)
        traits = _merged(base.traits, own["traits"])
        extends = (base.name, *base.extends)
        taken.update(base.requirements)
        digest.update(base.digest.encode())
    if (form := traits.get("errors", {}).get("envelope", "openai")) not in envelopes():
        raise SpecError(
            f"{folder / 'contract.yaml'}: errors: envelope: expected one of {', '.join(envelopes())}, got {form!r}"
        )
    catalogues = tuple(own.get("catalogues", ()))
    for catalogue in catalogues:
        path = _catalogue(folder, catalogue)
        taken.update(_stated(path, catalogue))
        files.append(path)
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    overridden = _overridden(taken, own.get("overrides", {}), folder)
    requirements = {**overridden, **_stated(folder / "requirements.yaml", name)}
    made = Contract(
        name=name,
        version=own["version"],
        title=own["title"],
        summary=own["summary"],
        extends=extends,
        traits=traits,
        requirements=requirements,
        folder=folder,
        digest=digest.hexdigest(),
        documents=tuple(own.get("documents", ())),
        catalogues=catalogues,
    )
    _repeat_what_is_checked(made)
    return made


def _repeat_what_is_checked(contract: Contract) -> None:
    for repeating in contract.requirements.values():
        for name in repeating.same_as:
            meant = contract.requirements.get(name)
            if meant is None or meant.excluded or meant.same_as or not contract.applies(meant):
                raise SpecError(
                    f"{contract.folder / 'requirements.yaml'}: {repeating.id}: same_as: expected requirements that "
                    f"{contract.name} checks, got {name}{near(name, contract.requirements)}"
                )


@functools.cache
def catalogues() -> list[str]:
    """Names of the requirement catalogues that a contract may take in."""
    return sorted(path.parent.name for path in HERE.glob("catalogues/*/requirements.yaml"))


def catalogue(name: str) -> dict[str, Requirement]:
    """The requirements of one catalogue, as it states them. Raises SpecError."""
    return _stated(_catalogue(HERE, name), name)


def _named(path: Path) -> list[dict[str, Any]]:
    """The rows of a list whose schema is named as the file is; no name may come twice."""
    rows: list[dict[str, Any]] = _validated(path, path.stem)
    if len({row["name"] for row in rows}) != len(rows):
        raise SpecError(f"{path}: name: expected no name twice")
    return rows


def _catalogue(folder: Path, name: str) -> Path:
    path = HERE / "catalogues" / name / "requirements.yaml"
    if not path.is_file():
        known = ", ".join(catalogues())
        raise SpecError(f"{folder / 'contract.yaml'}: catalogues: expected of {known}, got {name!r}")
    return path


def _stated(path: Path, owner: str) -> dict[str, Requirement]:
    rows = _validated(path, "requirements")
    lines = _lines_of_ids(path)
    return {row["id"]: _requirement(row, owner, lines) for row in rows}


def _overridden(taken: Mapping[str, Requirement], overrides: Mapping[str, Any], folder: Path) -> dict[str, Requirement]:
    if unknown := overrides.keys() - taken.keys():
        raise SpecError(
            f"{folder / 'contract.yaml'}: overrides: neither base nor catalogue has {', '.join(sorted(unknown))}"
        )
    return {key: replace(row, **overrides.get(key, {})) for key, row in taken.items()}


def _requirement(row: Mapping[str, Any], contract: str, lines: Mapping[str, int]) -> Requirement:
    fields = {**row, **{key: tuple(row.get(key, ())) for key in ("needs", "same_as")}}
    return Requirement(**fields, contract=contract, line=lines.get(row["id"], 0))


def _lines_of_ids(path: Path) -> dict[str, int]:
    numbered = enumerate(path.read_text().splitlines(), start=1)
    return {line.split(":", 1)[1].strip(): n for n, line in numbered if line.startswith("- id:")}


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in own.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if nested else value
    return result


def _validated(path: Path, schema_name: str) -> Any:
    try:
        document = read(path)
    except NotYaml as error:
        raise SpecError(f"{path}: {error}") from error
    if found := problems(document, schema(schema_name)):
        raise SpecError(f"{path}: " + "; ".join(found))
    return document
