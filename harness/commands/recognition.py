"""Which contract a deployment most likely speaks, told from a handful of calls that cost nothing. It judges nothing.

Each sign compares one answer with what a contract's traits promise; a contract that promises nothing there is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

import specs
from harness.asking.ask import Ask
from harness.judge.calls import code_of
from harness.judge.catalogue import at, rows
from harness.judge.errors import wrapped
from harness.redact import Redactor
from harness.target import Target
from harness.wire.budget import Budget
from harness.wire.client import Client
from harness.wire.exchange import Exchange
from harness.wire.journal import Journal
from specs import Contract

CAP_USD = Decimal("0.01")  # should a deployment serve a model that does not exist
NO_PATH, NO_MODEL = "/assay-asks-for-no-such-path", "assay/no-such-model"
CHEAP = {"max_tokens": 1}  # of a request that should be refused: what it may cost is reserved all the same
MESSAGES = [{"role": "user", "content": "Hi"}]
SERVED, REFUSED, ABSENT = "is served", "is refused with 503", "is not there"
MISSING = {404, 405, 501, 503}  # statuses of what is not served
MOST_PLACES = 5
LEFT_OUT = ("/chat/completions", "/models")  # asked for anyway


@dataclass(frozen=True)
class Sign:
    """What one contract promises at one place, and what was seen there."""

    what: str
    promised: str
    seen: str
    agrees: bool


@dataclass(frozen=True)
class Likeness:
    """A contract and its signs."""

    contract: str
    signs: tuple[Sign, ...]

    @property
    def agreeing(self) -> int:
        return sum(sign.agrees for sign in self.signs)

    @property
    def differing(self) -> int:
        return len(self.signs) - self.agreeing


class Place(NamedTuple):
    """An operation that some contracts have and others do not."""

    method: str
    path: str  # from the host's root


@dataclass(frozen=True)
class Answers:
    """What the calls were answered with. `key` is the one that was sent, if any."""

    listed: Exchange
    unlisted: Exchange  # the list without a key
    no_path: Exchange
    invalid: Mapping[str, Exchange]  # by the header that carried the key
    no_model: Exchange
    places: Mapping[Place, Exchange]
    header: str  # the one that was used for all other calls
    key: str | None


def asked(asks: Mapping[str, Ask], contracts: list[Contract]) -> Answers:
    """All calls, by asks that send the key in one header each. Raises TargetFault when nobody answers at all."""
    first = next(iter(asks.values()))
    secret = first.target.keys.get("main")
    key = "main" if secret is not None else None
    invalid = {
        header: ask.send("POST", "/chat/completions", json=CHEAP, key=key).answered() for header, ask in asks.items()
    }
    header = next((header for header, x in invalid.items() if _is_let_in(x)), next(iter(asks)))
    ask = asks[header]
    return Answers(
        listed=ask.models(key=key),
        unlisted=ask.models(key=None),
        no_path=ask.send("GET", NO_PATH, key=key),
        invalid=invalid,
        no_model=ask.chat(model=NO_MODEL, messages=MESSAGES, max_tokens=1, key=key),
        places={place: _visit(ask, place, key) for place in telling(contracts)},
        header=header,
        key=secret.reveal() if secret is not None else None,
    )


def headers(contracts: list[Contract]) -> dict[str, Contract]:
    """The headers that a key may be in, each with a contract that has it there."""
    return {str(contract.trait("auth.header")): contract for contract in reversed(contracts)}


def telling(contracts: list[Contract]) -> list[Place]:
    """A few operations that tell most contracts apart: each the one that parts most pairs that are still together."""
    found = {place for contract in contracts for place in _places(contract)}
    together = {(a.name, b.name) for a in contracts for b in contracts if a.name < b.name}
    known = {place: {contract.name: kept(contract, place) for contract in contracts} for place in found}
    chosen: list[Place] = []
    while together and len(chosen) < MOST_PLACES:
        parted = {place: {(a, b) for a, b in together if says[a] != says[b]} for place, says in known.items()}
        best = max(sorted(parted), key=lambda place: len(parted[place]))
        if not parted[best]:
            break
        chosen.append(best)
        together -= parted[best]
    return chosen


def kept(contract: Contract, place: Place) -> str:
    """What a contract promises of a path."""
    if any(place.path in (family["path"], *family.get("subpaths", ())) for family in _families(contract)):
        return REFUSED
    return SERVED if place in _places(contract) else ABSENT


@functools.cache
def _places_of(name: str) -> frozenset[Place]:
    contract = specs.load(name)
    return frozenset(
        Place(method.upper(), contract.trait("base_path") + path)
        for path, methods in contract.openapi["paths"].items()
        for method in methods
        if "{" not in path and method in {"get", "post"} and path not in LEFT_OUT and "servers" not in methods
    )


def _places(contract: Contract) -> frozenset[Place]:
    return _places_of(contract.name)


def _families(contract: Contract) -> Sequence[Mapping[str, Any]]:
    return contract.trait("refused_families", None) or ()


def _visit(ask: Ask, place: Place, key: str | None) -> Exchange:
    if place.method == "GET":
        return ask.send("GET", place.path, key=key, from_host=True)
    return ask.send("POST", place.path, json=CHEAP, key=key, from_host=True)


def recognise(target: Target) -> dict[str, Any]:
    """What `assay probe` tells of a deployment. Raises TargetFault when it gives no answer."""
    contracts = [specs.load(name) for name in specs.names()]
    redactor = Redactor(target.secrets())
    client = Client(target, redactor, Budget(CAP_USD), Journal(redactor=redactor))
    try:
        asks = {header: Ask(one, target, client) for header, one in headers(contracts).items()}
        ranking = ranked(asked(asks, contracts), contracts)
    finally:
        client.close()
    return document(target.name, ranking, client.budget.calls)


def ranked(answers: Answers, contracts: list[Contract]) -> list[Likeness]:
    """The likeliest first: fewest signs against it, then most for it."""
    found = [Likeness(contract.name, tuple(_signs(answers, contract))) for contract in contracts]
    return sorted(found, key=lambda one: (one.differing, -one.agreeing, one.contract))


def likely(ranking: list[Likeness]) -> str | None:
    """The first, unless as much speaks against it as for it, or the second is as like."""
    first, *others = ranking
    if first.agreeing <= first.differing or any(
        (other.differing, other.agreeing) == (first.differing, first.agreeing) for other in others
    ):
        return None
    return first.contract


def _signs(answers: Answers, contract: Contract) -> Iterator[Sign]:
    for read in (_key, _list, _limits, _envelope, _statuses, _operations):
        yield from read(answers, contract)


def _key(answers: Answers, contract: Contract) -> Iterator[Sign]:
    let_in = [header for header, x in answers.invalid.items() if _is_let_in(x)]
    if answers.key is not None and let_in:
        due = contract.trait("auth.header")
        yield Sign("the key", f"is taken in {due}", f"in {', '.join(let_in)}", due in let_in)
    wants = contract.trait("auth.required_on_models", None) if contract.trait("catalogue.listed") else None
    if wants is not None and (status := answers.unlisted.head_status) is not None:
        promised = "is refused with 401" if wants else "is answered"
        yield Sign("the model list without a key", promised, str(status), (status == 401) is bool(wants))
    prefix = contract.trait("auth.key_prefix", None)
    if prefix and answers.key is not None:
        agrees = answers.key.startswith(prefix)
        yield Sign("the form of the key", f"starts with {prefix}", "it does" if agrees else "it does not", agrees)


def _list(answers: Answers, contract: Contract) -> Iterator[Sign]:
    if answers.listed.head_status != 200 or not (listed := rows(answers.listed)):
        return
    flag, price = contract.trait("catalogue.confidential_flag", None), contract.trait("catalogue.price", None)
    if flag:
        having = sum(flag in row for row in listed)
        yield Sign("models in the list", f"have {flag}", f"{having} of {len(listed)} do", having == len(listed))
    if price:
        having = sum(at(row, price["prompt"]) is not None for row in listed)
        yield Sign("models in the list", f"have {price['prompt']}", f"{having} of {len(listed)} do", having > 0)


def _limits(answers: Answers, contract: Contract) -> Iterator[Sign]:
    names = contract.trait("limits.headers", None)
    if names:
        seen = [name for name in names.values() if answers.listed.header(name) is not None]
        yield Sign("every answer", f"has {', '.join(names.values())}", f"{len(seen)} of them", len(seen) == len(names))


def _envelope(answers: Answers, contract: Contract) -> Iterator[Sign]:
    invalid = answers.invalid[answers.header]
    for what, x in (("an unknown path", answers.no_path), ("an invalid request", invalid)):
        if x.head_status is not None and x.head_status >= 400:
            promised, seen = str(contract.trait("errors.envelope")), envelope_of(x)
            yield Sign(f"the error for {what}", f"is in the form {promised}", seen, seen == promised)


def envelope_of(x: Exchange) -> str:
    """The narrowest form of envelopes.yaml that the refusal has, or what it is instead."""
    fits = [form for form in specs.envelopes().values() if not list(wrapped(x.json, form, x.head_status))]
    fits.sort(key=lambda form: (form.closed, len(set(form.members) - set(form.optional)), len(form.members)))
    if fits:
        return fits[-1].name
    return "none that is known" if isinstance(x.json, dict) else "no JSON object"


def _statuses(answers: Answers, contract: Contract) -> Iterator[Sign]:
    for what, x, trait in (
        ("a chat request without a prompt", answers.invalid[answers.header], "errors.invalid_status"),
        ("a chat request for an unknown model", answers.no_model, "errors.unknown_model_status"),
    ):
        promised = contract.trait(trait, None)
        if promised and _is_let_in(x):
            shown = " or ".join(map(str, promised))
            yield Sign(what, f"is answered with {shown}", str(x.head_status), x.head_status in promised)
    code = contract.trait("errors.unknown_model_code", None)
    if code and _is_let_in(answers.no_model) and answers.no_model.status >= 400:
        seen = str(code_of(answers.no_model, contract))[:80]
        yield Sign("the error for an unknown model", f"has the code {code}", seen, seen == code)


def _is_let_in(x: Exchange) -> bool:
    """Whether a key was taken, or none is wanted: a 401 says nothing about what comes after it."""
    return x.head_status is not None and x.head_status not in (401, 403)


def _operations(answers: Answers, contract: Contract) -> Iterator[Sign]:
    if answers.invalid[answers.header].head_status in MISSING:
        return  # where there is not even chat, that other operations are absent says nothing
    for place, x in answers.places.items():
        if _is_let_in(x):
            promised = kept(contract, place)
            agrees = {SERVED: x.head_status not in MISSING, REFUSED: x.head_status == 503}.get(
                promised, x.head_status in MISSING
            )
            yield Sign(f"{place.method} {place.path}", promised, str(x.head_status), agrees)


# --- For reading -------------------------------------------------------------------------------------------------


def document(target: str, ranking: list[Likeness], calls: int) -> dict[str, Any]:
    """As JSON."""
    return {
        "target": target,
        "likely": likely(ranking),
        "calls": calls,
        "ranking": [
            {
                "contract": one.contract,
                "agreeing": one.agreeing,
                "differing": one.differing,
                "signs": [vars(sign) for sign in one.signs],
            }
            for one in ranking
        ],
    }


def page(found: Mapping[str, Any]) -> Group:
    """The answer, then the reasons: what differs first."""
    named = found["likely"]
    told = f"{found['target']} most likely speaks {named}." if named else "No contract is clearly the likeliest."
    parts: list[RenderableType] = [
        Text(told, "bold"),
        Text(f"{found['calls']} calls that should cost nothing", "dim"),
    ]
    for row in found["ranking"]:
        table = Table("", "what", "promised", "seen", box=None, pad_edge=False, header_style="dim")
        for sign in sorted(row["signs"], key=lambda sign: bool(sign["agrees"])):
            table.add_row("=" if sign["agrees"] else "≠", *(Text(sign[name]) for name in ("what", "promised", "seen")))
        parts += [Text(f"\n{row['contract']}: {row['agreeing']} signs for it, {row['differing']} against it"), table]
    return Group(*parts)
