"""Pure rules: an exchange and the contract in, problems out. No network, no clock, no pytest.

A rule says which exchanges are its subject (`on`) and yields every problem it sees in one of them. The same rules
judge the calls of the suites, of the fuzzer and of the load, and a saved run again, offline.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.exchange import Exchange, TargetFault
from harness.model import Finding
from specs import Contract


@dataclass(frozen=True)
class Problem:
    """What is wrong in one exchange, in words a person can act on."""

    message: str
    expected: str | None = None
    observed: str | None = None


Problems = Iterator[Problem | str]


@dataclass(frozen=True)
class Rule:
    """A pure judge of single exchanges for one requirement."""

    requirement: str
    name: str
    on: Callable[[Exchange], bool]
    judge: Callable[[Exchange, Contract], Problems]

    def findings(self, exchange: Exchange, contract: Contract) -> list[Finding]:
        """All breaches in one exchange that is a subject of this rule."""
        problems = (_problem(found) for found in self.judge(exchange, contract))
        return [
            Finding(self.requirement, problem.message, problem.expected, problem.observed, (exchange.id,))
            for problem in problems
        ]


@dataclass(frozen=True)
class Judgement:
    """How many exchanges were subjects, and what was wrong with them. No subject is not a pass."""

    subjects: int
    findings: tuple[Finding, ...]


_RULES: dict[str, Rule] = {}
_LOOKED = f"{__name__}.of_each"  # a member of exchanges


def rule(
    requirement: str, *, on: Callable[[Exchange], bool]
) -> Callable[[Callable[[Exchange, Contract], Problems]], Rule]:
    """Register a judge under the requirement it decides; the rule's name is the function's."""

    def register(judge: Callable[[Exchange, Contract], Problems]) -> Rule:
        made = Rule(requirement, judge.__name__, on, judge)
        if _RULES.setdefault(f"{requirement}:{made.name}", made) is not made:
            raise ValueError(f"two rules are called {made.name} for {requirement}")
        return made

    return register


def judge(rule: Rule, exchanges: Iterable[Exchange], contract: Contract) -> Judgement:
    """Apply one rule to all exchanges that are its subject."""
    subjects = [exchange for exchange in exchanges if _is_subject(rule, exchange)]
    found = [finding for exchange in subjects for finding in rule.findings(exchange, contract)]
    return Judgement(len(subjects), tuple(found))


def of_each(rules: Iterable[Rule], exchange: Exchange, contract: Contract) -> Mapping[Rule, tuple[Finding, ...]]:
    """What every rule of a contract that finds something finds in one exchange. It is kept with the exchange."""
    subjects = (rule for rule in rules if _is_subject(rule, exchange))
    found = {rule: tuple(made) for rule in subjects if (made := rule.findings(exchange, contract))}
    exchange.__dict__[_LOOKED] = contract, found
    return found


class Judged:
    """Exchanges that one rule after the other judges; those that `of_each` has looked at are not looked at again."""

    def __init__(self, exchanges: Iterable[Exchange], contract: Contract) -> None:
        self.contract = contract
        self._fresh: list[Exchange] = []
        self._known: list[Mapping[Rule, tuple[Finding, ...]]] = []
        for exchange in exchanges:
            looked, found = exchange.__dict__.get(_LOOKED, (None, {}))
            if looked is not contract:
                self._fresh.append(exchange)
            elif found:
                self._known.append(found)

    def findings(self, rule: Rule) -> list[Finding]:
        """What the rule finds in all of them."""
        known = [finding for found in self._known for finding in found.get(rule, ())]
        return [*known, *judge(rule, self._fresh, self.contract).findings]


def all_rules() -> list[Rule]:
    """Every rule of every module of this package, by requirement."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return [_RULES[key] for key in sorted(_RULES)]


def rules_for(contract: Contract) -> list[Rule]:
    """The rules that decide a requirement which this contract has, checks, and whose trait holds."""
    return [made for made in all_rules() if _decides(made, contract)]


def _decides(made: Rule, contract: Contract) -> bool:
    requirement = contract.requirements.get(made.requirement)
    return requirement is not None and requirement.excluded is None and contract.applies(requirement)


def _is_subject(made: Rule, exchange: Exchange) -> bool:
    try:
        return made.on(exchange)
    except TargetFault:
        return False  # an undecodable body is the transport's finding, not the subject of a rule about its content


def _problem(found: Problem | str) -> Problem:
    return found if isinstance(found, Problem) else Problem(found)
