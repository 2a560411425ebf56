"""Names that are nearly those of something: a letter more, one less, another one. Nobody listed them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from harness.fuzz.links import Action, actions
from specs import Contract

LETTERS = "qxzj"


def misspelt(name: str, known: Collection[str]) -> Iterator[str]:
    """The name with one letter more, one less and another one, as far as no such name is known."""
    at = next((n for n in range(len(name) // 2, len(name)) if name[n].isalnum()), None)
    if at is None:
        return
    letter = next(each for each in LETTERS if each != name[at].lower())
    for other in (name + letter, name[:-1], f"{name[:at]}{letter}{name[at + 1 :]}"):
        if other and other not in known:
            yield other


def named_models(contract: Contract) -> Iterator[tuple[Action, str | None, dict[str, Any]]]:
    """Operations whose body names a model: with the kind of model, where the document tells, and an example."""
    for action, stated in actions(contract.openapi):
        example = next((each for each in action.examples if "model" in each), None)
        if action.method == "post" and example is not None and "{" not in action.path:
            yield action, stated.get("x-paid"), example
