"""Asks a request as it is and rewritten in ways that mean the same, and finds answers that mean something else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.asking.operations import Operations
from harness.fuzz.causes import Inquiry
from harness.fuzz.rewrite import REWRITINGS, Pieces, Subject, differences, meaning
from harness.fuzz.socket import Speaker, Spoken
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Exchange

KEPT = "FZ-026"  # that a connection which is kept answers as a new one does
MAX_TOKENS = 8
HELLO = "Say hello to Zoë in 東京 🦊."


@dataclass(frozen=True)
class Pair:
    """Two answers to one request as it is, and the one to a rewriting of it, or none."""

    requirement: str
    subject: str
    place: str  # the rewriting, or how several requests were sent on one connection
    answers: tuple[Exchange, Exchange, Exchange | None]
    told: str = ""  # begins what was observed


@dataclass
class Alike(Inquiry):
    """How often each rewriting was asked, and what was not alike."""

    unsteady: list[str] = field(default_factory=list)  # subjects that are not answered at all as they are
    pairs: list[Pair] = field(default_factory=list)

    def compare(self, pair: Pair) -> None:
        """Note what means something else in the answer to a rewriting."""
        self.pairs.append(pair)
        first, second, other = pair.answers
        when = "on a connection that is kept" if pair.requirement == KEPT else f"when rewritten: {pair.place}"
        if other is None:
            what, shown, told = f"{pair.subject} is not answered {when}", [first], "no answer"
        else:
            self.asked[pair.requirement] += 1
            lines = differences(meaning(first), meaning(second), meaning(other))
            what, shown, told = f"{pair.subject} is answered otherwise {when}", [first, other], "; ".join(lines[:5])
        if told:
            self.causes.add(pair.requirement, what, shown, pair.place, observed=(pair.told + told)[:600])

    def notes(self) -> dict[str, Any]:
        """What `alike_again` takes to compare the saved answers, as JSON values."""
        pairs = [
            {
                "requirement": pair.requirement,
                "subject": pair.subject,
                "place": pair.place,
                "told": pair.told,
                "answers": [None if x is None else x.id for x in pair.answers],
            }
            for pair in self.pairs
        ]
        return {"pairs": pairs, "unsteady": self.unsteady, "missed": sorted(self.missed)}


def alike_again(known: Mapping[str, Any], exchanges: Mapping[str, Exchange]) -> Alike:
    """What is not alike in the saved answers of a run, as it noted which were compared."""
    found = Alike(unsteady=[*known["unsteady"]], missed={*known.get("missed", ())})
    for row in known["pairs"]:
        first, second, other = row["answers"]
        answers = exchanges[first], exchanges[second], None if other is None else exchanges[other]
        found.compare(Pair(row["requirement"], row["subject"], row["place"], answers, row["told"]))
    return found


class Rewriter:
    """The rewritings of a few requests: one that is answered, two that are refused, and reads that are free."""

    def __init__(self, ask: Ask, key: Credential, seed: int) -> None:
        self.ask, self.speaker, self.rng = ask, Speaker(ask, key), random.Random(seed)  # noqa: S311 - reproducible
        self.found = Alike()

    def explore(self) -> Alike:
        """Every rewriting of every subject. What the budget does not allow is not asked."""
        self.ask_free()
        return self.ask_rest()

    def ask_free(self) -> None:
        """Rewritings of what is refused, and of reads."""
        self._of(paid=False)

    def ask_rest(self) -> Alike:
        """Rewritings of what is answered, and all subjects on one connection."""
        try:
            self._of(paid=True)
            with self.ask.asking("fuzz"):
                self._on_one_connection()
        except BudgetExceeded:
            self.found.missed |= {KEPT, *(requirement for requirement, _ in REWRITINGS.values())}
        return self.found

    def _of(self, *, paid: bool) -> None:
        with self.ask.asking("fuzz"):
            for subject in self.subjects():
                if subject.paid is paid:
                    self._all_of(subject)

    def subjects(self) -> Iterator[Subject]:
        base = self.speaker.base
        chat = {
            "model": self.ask.default_model,
            "messages": [{"role": "user", "content": HELLO}],
            "max_tokens": MAX_TOKENS,
            "temperature": 0,
        }
        path = f"{base}/chat/completions"
        yield self._post("a chat request", path, chat, paid=True)
        yield self._post("a chat request that is refused", path, {**chat, "max_tokens": -1})
        yield self._post("a chat request to no model", path, {**chat, "model": "assay/no-such-model"})
        known = {one.name for one in Operations(self.ask.contract).all}
        if "listModels" in known and self.ask.contract.trait("catalogue.listed", True):
            yield Subject("the list of models", "GET", f"{base}/models", tuple(self.speaker.headers()))
        yield Subject("a path that is not there", "GET", f"{base}/assay-not-there", tuple(self.speaker.headers()))

    def _post(self, name: str, path: str, members: dict[str, object], *, paid: bool = False) -> Subject:
        body = json.dumps(members).encode()
        return Subject(name, "POST", path, tuple(self.speaker.headers(body)), body, paid)

    def _all_of(self, subject: Subject) -> None:
        first, second = (self._said(subject, [subject.spoken()]) for _ in range(2))
        if first is None or second is None:
            self.found.unsteady.append(subject.name)
            return
        for name, (requirement, rewritten) in REWRITINGS.items():
            pieces = rewritten(subject, self.rng)
            if pieces is None:
                continue
            self.found.compare(Pair(requirement, subject.name, name, (first, second, self._said(subject, pieces))))

    def _said(self, subject: Subject, pieces: Pieces) -> Exchange | None:
        spoken: Spoken = self.speaker.say(pieces, paid=subject.body if subject.paid and subject.body else b"")
        return spoken.answers[0] if spoken.answers else None

    def _on_one_connection(self) -> None:
        """Several requests on a connection that is kept, one after the other and all at once."""
        steady = [subject for subject in self.subjects() if subject.name not in self.found.unsteady]
        own = {subject.name: [self._said(subject, [subject.spoken()]) for _ in range(2)] for subject in steady}
        kept = [self._kept(subject) for subject in (*steady, *reversed(steady))]
        paid = b"".join(subject.body or b"" for subject in kept if subject.paid)
        self._compare(
            "all at once",
            kept,
            self.speaker.say([b"".join(s.spoken() for s in kept)], paid=paid, answers=len(kept)),
            own,
        )
        self._compare("in turn", kept, self.speaker.say([s.spoken() for s in kept], paid=paid, answers=len(kept)), own)

    @staticmethod
    def _kept(subject: Subject) -> Subject:
        headers = tuple(pair for pair in subject.headers if pair[0] != "Connection")
        return Subject(subject.name, subject.method, subject.path, headers, subject.body, subject.paid)

    def _compare(self, how: str, kept: list[Subject], spoken: Spoken, own: dict[str, list[Exchange | None]]) -> None:
        if len(spoken.answers) < len(kept) and spoken.closed:
            return  # a server may end a connection whenever it likes; what it answered until then still counts
        for n, (subject, answer) in enumerate(zip(kept, spoken.answers, strict=False)):
            first, second = own[subject.name]
            if first is not None and second is not None:
                told = f"request {n + 1} of {len(kept)}, sent {how}: "
                self.found.compare(Pair(KEPT, subject.name, how, (first, second, answer), told))
