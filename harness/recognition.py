"""Which contract a deployment most likely speaks, told from a handful of calls that cost nothing. It judges nothing.

Each sign compares one answer with what a contract's traits promise; a contract that promises nothing there is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

import specs
from harness.ask import Ask
from harness.exchange import Exchange
from harness.judge.calls import code_of
from harness.judge.catalogue import at, rows
from harness.judge.errors import wrapped
from specs import Contract

NO_PATH, NO_MODEL = "/assay-asks-for-no-such-path", "assay/no-such-model"
CHEAP = {"max_tokens": 1}  # of a request that should be refused: what it may cost is reserved all the same
MESSAGES = [{"role": "user", "content": "Hi"}]


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


@dataclass(frozen=True)
class Answers:
    """What the calls were answered with. `key` is whether one was sent."""

    listed: Exchange
    unlisted: Exchange  # the list without a key
    no_path: Exchange
    invalid: Exchange
    no_model: Exchange
    families: Mapping[str, Exchange]
    key: str | None


def asked(ask: Ask, contracts: list[Contract]) -> Answers:
    """All calls. Raises TargetFault when the deployment gives no answer at all."""
    key = "main" if "main" in ask.target.keys else None
    families = {family["path"] for contract in contracts for family in contract.trait("refused_families", None) or ()}
    secret = ask.target.keys.get("main")
    return Answers(
        listed=ask.models(key=key).answered(),
        unlisted=ask.models(key=None),
        no_path=ask.send("GET", NO_PATH, key=key),
        invalid=ask.send("POST", "/chat/completions", json=CHEAP, key=key),
        no_model=ask.chat(model=NO_MODEL, messages=MESSAGES, max_tokens=1, key=key),
        families={path: ask.send("POST", path, json=CHEAP, key=key, from_host=True) for path in sorted(families)[:1]},
        key=secret.reveal() if secret is not None else None,
    )


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
    for read in (_key, _list, _limits, _envelope, _statuses, _families):
        yield from read(answers, contract)


def _key(answers: Answers, contract: Contract) -> Iterator[Sign]:
    wants = contract.trait("auth.required_on_models", None)
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
    for what, x in (("an unknown path", answers.no_path), ("an invalid request", answers.invalid)):
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
        ("a chat request without a prompt", answers.invalid, "errors.invalid_status"),
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


def _families(answers: Answers, contract: Contract) -> Iterator[Sign]:
    stated = {family["path"] for family in contract.trait("refused_families", None) or ()}
    for path, x in answers.families.items():
        if path in stated and _is_let_in(x):
            yield Sign(path, "is refused with 503", str(x.head_status), x.head_status == 503)


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
