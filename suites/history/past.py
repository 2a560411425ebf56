"""What accounts are remembered for: an account of one's own, and what it has used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.judge.chat import member
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.reading import accepted

MONTHS = ("current_month", "previous_month")


def own_account(ask: Ask) -> Credential:
    """A key of an account that nobody else uses now; the main one where there is no control and the run is alone."""
    if "control" in ask.target.capabilities():
        return ask.control.issue_key()
    if not ask.alone:
        raise NotObserved("other workers of this run use the main account; run this suite without -n")
    return "main"


def months(ask: Ask, key: Credential = "main") -> dict[str, Any]:
    """Both months, as they are told."""
    told = accepted(ask.send("GET", "/usage", key=key), "the usage").json
    return {name: member(told, name) for name in MONTHS}


def used(ask: Ask, key: Credential, kind: str, month: str = "current_month") -> Decimal:
    """An amount of a month. Raises NotObserved where it is not told by that name."""
    told = member(months(ask, key)[month], kind)
    if told is None or isinstance(told, bool) or not isinstance(told, int | Decimal):
        raise NotObserved(f"the usage of a month tells no number named {kind}")
    return Decimal(told)


def speak(ask: Ask, text: str, key: Credential) -> Exchange:
    """A speech by the first model and the first voice that are listed."""
    models, voices = ask.send("GET", "/audio/models").json["speech"], ask.send("GET", "/audio/voices").json["voices"]
    model = models[0]["id"] if isinstance(models[0], dict) else models[0]
    return ask.send("POST", "/audio/speech", json={"model": model, "voice": voices[0], "input": text}, key=key)
