"""`assay verify`: signature, time, demands, then every byte of the bundle, then every row judged again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import SSlibKey

import specs
from harness import results
from harness.certificate import bundle, envelope, keyless, policy, statement
from harness.certificate.levels import claims
from harness.certificate.problem import Code, Problem, Refused
from harness.certificate.rejudge import Difference, NotJudged, differences, played
from harness.run import BadRequest
from harness.target import TargetError

RESULTS = "results.json"
WHOSE = (
    ("contract", ("name", "version", "digest"), Code.OTHER_CONTRACT),
    ("deployment", ("name", "base_url"), Code.OTHER_DEPLOYMENT),
    ("run", ("id", "started"), Code.OTHER_RUN),
)
SKEW = timedelta(minutes=5)  # between the signer's clock and ours


@dataclass(frozen=True)
class Demands:
    """What a certificate is verified by."""

    keys: Sequence[SSlibKey]
    at: datetime
    policy: Mapping[str, Any]
    rejudge: bool = False
    identity: keyless.Identity | None = None  # who may sign without a key of their own


@dataclass(frozen=True)
class Verification:
    """`statement` is None where nothing of it may be believed. `on_word` are rows that nobody could judge again."""

    problems: tuple[Problem, ...]
    statement: Mapping[str, Any] | None = None
    key: str | None = None
    looked_at: tuple[str, ...] = ()  # signature, bundle, rows
    judged_again: int = 0
    on_word: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it; what was not looked at does not show here but in `looked_at`."""
        return not self.problems


def verified(raw: bytes, folder: Path | None, demands: Demands) -> Verification:
    """The verdict on a certificate, and on the bundle in a folder where there is one. Never raises for either."""
    try:
        payload, signer = _opened(raw, demands)
        document = statement.read(payload)
    except Refused as refused:
        return Verification((refused.problem,))
    ours = statement.ours(document)
    problems = [*_in_time(ours, demands.at), *policy.unmet(demands.policy, ours, demands.at)]
    told = Verification(tuple(problems), document, signer, ("signature",))
    if folder is None:
        return told
    wrong = _bundle(document, ours, folder)
    told = _with(told, wrong, "bundle")
    return told if wrong or not demands.rejudge else _judged_again(told, ours, folder)


def _opened(raw: bytes, demands: Demands) -> tuple[bytes, str]:
    """The payload, and who has signed it."""
    if keyless.is_one(raw):
        return keyless.opened(raw, demands.identity)
    payload, key = envelope.opened(raw, demands.keys)
    return payload, key.keyid


def _in_time(ours: Mapping[str, Any], at: datetime) -> Iterable[Problem]:
    issued, expires = (datetime.fromisoformat(ours[name]) for name in ("issued", "expires"))
    if at + SKEW < issued:
        yield Problem(Code.NOT_YET, f"issued {ours['issued']}, which is still to come")
    if at > expires:
        yield Problem(Code.EXPIRED, f"expired {ours['expires']}")


def _bundle(document: Mapping[str, Any], ours: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Whose bundle it is comes first: that of somebody else is not just called changed."""
    try:
        changes = bundle.changes(statement.files_of(document), bundle.digests(folder))
    except Refused as refused:
        return [refused.problem]
    except OSError as error:
        return [Problem(Code.BUNDLE_UNREADABLE, f"{error.filename}: {error.strerror}")]
    if changes:
        return [*_foreign(ours, folder), *changes] if any(one.subject == RESULTS for one in changes) else changes
    try:
        return list(_contradictions(ours, results.read(folder)))
    except results.BadResults as error:
        return [Problem(Code.BUNDLE_UNREADABLE, str(error)[:300], RESULTS)]


def _foreign(ours: Mapping[str, Any], folder: Path) -> Iterable[Problem]:
    """Whose results these are, where they are not those that were certified; nothing where they cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        was = json.loads((folder / RESULTS).read_bytes())
        said = {"contract": was["contract"], "deployment": was["target"], "run": was["run"]}
        for part, names, code in WHOSE:
            for name in names:
                if ours[part][name] != said[part][name]:
                    found, due = str(said[part][name])[:200], ours[part][name]
                    yield Problem(code, f"the {part} of the bundle has {name} {found}, not {due}", part)


def _contradictions(ours: Mapping[str, Any], was: Mapping[str, Any]) -> Iterable[Problem]:
    """What the statement says of results.json and what that says itself: also a signer may err."""
    for name, said in statement.said_of_results(was, claims(was)).items():
        if ours[name] != said:
            yield Problem(Code.CONTRADICTED, f"the statement's {name} is not that of results.json", name)


def _judged_again(told: Verification, ours: Mapping[str, Any], folder: Path) -> Verification:
    here = _contract_here(ours)
    if here is not None:
        return _with(told, [here], "rows")
    was = results.read(folder)
    try:
        found = differences(was, played(folder, was))
    except (TargetError, NotJudged, BadRequest) as error:
        return _with(told, [Problem(Code.BUNDLE_UNREADABLE, f"the run cannot be judged again: {error}")], "rows")
    known = {row["id"]: row["now"] for row in ours["judged_again"]["otherwise"]}
    wrong = [
        Problem(
            Code.JUDGED_OTHERWISE, f"{d.id} is certified as {d.was}, and judged again it is {d.now}: {d.said}", d.id
        )
        for d in found
        if not _on_word(d, known)
    ]
    on_word = tuple(d.id for d in found if _on_word(d, known))
    same = len(was["requirements"]) - len(found)
    return Verification((*told.problems, *wrong), told.statement, told.key, (*told.looked_at, "rows"), same, on_word)


def _on_word(difference: Difference, known: Mapping[str, str]) -> bool:
    """A row that the certificate says cannot be judged again, and that nothing contradicts."""
    return difference.on_word and known.get(difference.id) == difference.now


def _contract_here(ours: Mapping[str, Any]) -> Problem | None:
    """What keeps this harness from judging by the contract that was judged by."""
    name, version, digest = (ours["contract"][part] for part in ("name", "version", "digest"))
    if name not in specs.names():
        return Problem(Code.CONTRACT_NOT_HERE, f"this harness has no contract {name}", "contract")
    here = specs.load(name)
    if here.digest == digest:
        return None
    said = f"{name} {version} was judged by, and here it is {here.version} with other files: judge again with the "
    return Problem(Code.CONTRACT_NOT_HERE, f"{said}harness of the run, {ours['tool']['of_the_run']}", "contract")


def _with(told: Verification, problems: Iterable[Problem], looked_at: str) -> Verification:
    return Verification((*told.problems, *problems), told.statement, told.key, (*told.looked_at, looked_at))
