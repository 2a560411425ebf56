"""Asks ordinary requests, each whole and streamed, and holds the answers to every rule and against each other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.fuzz.causes import Inquiry
from harness.fuzz.judging import JUDGED, Judges
from harness.fuzz.ordinary import IN_PARTS, LONGER, SHORT, Ordinary, counting, cut_at, in_one, requests
from harness.judge.chat import chunks, content, indices, member
from harness.judge.framing import burst, is_measurable
from harness.model import NotObserved
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Exchange

TAKEN, TWINS, PARTS, LETTERS, SEEDED, ARRIVING = (f"FZ-00{n}" for n in range(2, 8))
DECIDED = {TAKEN, TWINS, PARTS, LETTERS, SEEDED, ARRIVING, JUDGED}
MARGIN = 12  # tokens that three parts may come to, or save, against the same text in one
REPLACED = "\ufffd"
CONFIRMED, BETWEEN_S = 5, 0.2  # times that a burst is seen again, and the pause before each
ENOUGH = 8  # letters of a text that can be compared
# Headers as the most used client sends them, on every request for a stream: who asks makes no difference.
SDK = {"User-Agent": "OpenAI/Python 2.8.1", "X-Stainless-Lang": "python", "X-Stainless-Package-Version": "2.8.1"}
STRANGERS: tuple[Credential, ...] = (None, "wrong")
NO_BREACH = {402, 429, 503}  # says something about the account or the moment, not about the request


class Converser:
    """One pass over the ordinary requests of a contract."""

    def __init__(self, ask: Ask, key: Credential, seed: int, model_for: Callable[..., str]) -> None:
        self.ask, self.key, self.seed, self.model_for = ask, key, seed, model_for
        self.judges = Judges(ask.contract)
        self.found = Inquiry()
        self._counts: list[tuple[Ordinary, int, Exchange]] = []  # prompt tokens of whole answers
        self._ids: dict[str, str] = {}  # id of an answer -> the exchange that showed it

    def explore(self) -> Inquiry:
        """Those that cost too much, and those that no model of the target can answer, are not asked."""
        try:
            self._strangers()
            for request in requests(self.ask.contract, self.seed):
                self._converse(request)
        except BudgetExceeded:
            self.found.missed |= DECIDED
        self._growing()
        return self.found

    def _converse(self, request: Ordinary) -> None:
        try:
            model = self.model_for(*request.tags) if request.tags else self.ask.default_model
        except NotObserved:
            return
        if request.name == LONGER:
            self._arrives(counting(), model, self._ask(counting(), model, stream=True))
        self._twins(request, model)

    def _strangers(self) -> None:
        """The first request without a key and with a wrong one, which a rule of the contract judges."""
        for key in STRANGERS:
            self._judge("a stranger's request", self.ask.chat(max_tokens=SHORT, key=key))

    def _judge(self, place: str, answer: Exchange) -> None:
        if not answer.complete:
            return
        self.found.asked[JUDGED] += 1
        self.judges.tell(self.found.causes, answer, place)

    def _twins(self, request: Ordinary, model: str) -> None:
        whole = self._ask(request, model, stream=False)
        streamed = self._ask(request, model, stream=True)
        self._counted(request, model, whole, streamed)
        if not (_is_answer(whole) and _is_answer(streamed)):
            return
        self._arrives(request, model, streamed)
        texts = content(whole, 0), content(streamed, 0)
        if request.members.get("seed") is not None and self.ask.contract.trait("chat.seed", True):
            self._seeded(request, whole, streamed)
        if request.members.get("temperature") == 0 and lost(*texts):
            told = f"whole {texts[0][:100]!r}, streamed {texts[1][:100]!r}"
            self._add(TWINS, "characters of an answer are lost when it is streamed", request, whole, streamed, told)
        if request.name == LONGER and (words := neighbours(texts[0])):
            self._ask(cut_at(words), model, stream=False)

    def _seeded(self, request: Ordinary, whole: Exchange, streamed: Exchange) -> None:
        """The same seed gives the same text."""
        self.found.asked[SEEDED] += 1
        if (first := content(whole, 0)) != (second := content(streamed, 0)):
            told = f"whole {first[:100]!r}, streamed {second[:100]!r}"
            self._add(SEEDED, "one seed gives two texts, whole and streamed", request, whole, streamed, told)

    def _arrives(self, request: Ordinary, model: str, streamed: Exchange) -> None:
        """A stream comes as it is made. A burst is confirmed: our own process may have been asleep, for a while."""
        if not is_measurable(streamed):
            return
        self.found.asked[ARRIVING] += 1
        seen = None if self.found.causes.of(ARRIVING) else burst(streamed)
        for _ in range(CONFIRMED):
            if seen is None:
                return
            time.sleep(BETWEEN_S)
            again = self._ask(request, model, stream=True)
            seen = burst(again) if is_measurable(again) else None
        if seen:
            self._add(ARRIVING, "a stream arrives in one burst at its end", request, streamed, seen)

    def _counted(self, request: Ordinary, model: str, whole: Exchange, streamed: Exchange) -> None:
        counted, again = _prompt_tokens(whole), _prompt_tokens(streamed)
        if counted is None:
            return
        self._counts.append((request, counted, whole))
        if request.name == IN_PARTS:
            self._in_parts(request, model, counted, whole)
        if again not in {counted, None}:
            told = f"{counted} prompt tokens whole, {again} streamed"
            self._add(TWINS, "one prompt is counted in two ways, whole and streamed", request, whole, streamed, told)

    def _growing(self) -> None:
        """What holds all messages of another request and more counts more; tools and documents count of their own."""
        plain = [each for each in self._counts if not each[0].members.keys() & {"tools", "response_format"}]
        for less, few, first in plain:
            for more, many, second in plain:
                inside = all(message in more.messages for message in less.messages)
                if inside and len(more.messages) > len(less.messages) and many <= few:
                    told = f"{len(less.messages)} messages are {few} tokens, with others around them {many}"
                    self._add(TWINS, "a longer prompt counts no more than a part of it", more, first, second, told)

    def _in_parts(self, request: Ordinary, model: str, parts: int, first: Exchange) -> None:
        """A text in parts counts as the same text in one, but for what stands between parts."""
        same = in_one(request)
        whole = None if same is None else _prompt_tokens(second := self._ask(same, model, stream=False))
        if whole is None:
            return
        self.found.asked[PARTS] += 1
        if abs(parts - whole) > MARGIN:
            told = f"{parts} prompt tokens in parts, {whole} in one text"
            self._add(PARTS, "a text in parts is not counted as the same text in one", request, first, second, told)

    def _whole_letters(self, request: Ordinary, answer: Exchange) -> None:
        """No replacement mark stands for letters; the last one may be what a bound has cut."""
        self.found.asked[LETTERS] += 1
        for n in indices(answer):
            text = content(answer, n)
            if REPLACED in text.rstrip(REPLACED):
                told = f"choice {n}: {text[:200]!r}"
                self._add(LETTERS, "letters of an answer are replaced by marks", request, answer, told)

    def _ask(self, request: Ordinary, model: str, *, stream: bool) -> Exchange:
        members = dict(request.members)
        if stream and self.ask.contract.trait("stream.include_usage", True):
            members["stream_options"] = {"include_usage": True}
        body = {"model": model, "messages": list(request.messages), **members, "stream": stream}
        answer = self.ask.send("POST", "/chat/completions", json=body, key=self.key, headers=SDK if stream else None)
        if not answer.complete or answer.head_status in NO_BREACH:
            return answer
        self.found.asked[TAKEN] += 1
        if answer.status != 200:
            self._add(TAKEN, f"an ordinary request is not taken: {request.name}", request, answer)
        self._judge(request.name, answer)
        self._told_apart(request, answer)
        if answer.status == 200 and request.members.get("temperature") == 0:
            self._whole_letters(request, answer)
        return answer

    def _told_apart(self, request: Ordinary, answer: Exchange) -> None:
        """Every answer has an id of its own."""
        for name in set(_ids(answer)):
            self.found.asked[TWINS] += bool(self._ids)
            if self._ids.setdefault(name, answer.id) != answer.id:
                self._add(TWINS, "two answers have one id", request, answer)

    def _add(self, requirement: str, said: str, request: Ordinary, *shown: Any) -> None:
        told = shown[-1] if isinstance(shown[-1], str) else f"answered {shown[-1].head_status}"
        answers = [each for each in shown if isinstance(each, Exchange)]
        self.found.causes.add(requirement, said, answers, request.name, observed=told)


def lost(whole: str, streamed: str) -> bool:
    """Whether two texts are the same letter by letter, blanks and what is not ASCII left out: that is no chance."""
    plain = [re.sub(r"[^!-~]", "", text) for text in (whole, streamed)]
    return len(plain[0]) >= ENOUGH and plain[0] == plain[1] and whole != streamed


def neighbours(text: str) -> str | None:
    """Two words in the middle of a text, with what stands between them."""
    found = list(re.finditer(r"\w+ \w+", text))
    return found[len(found) // 2][0] if found else None


def _documents(answer: Exchange) -> list[Any]:
    return chunks(answer) if answer.is_stream else [answer.json] if answer.complete else []


def _ids(answer: Exchange) -> Iterator[str]:
    if answer.status == 200:
        for document in _documents(answer)[:1]:
            name = member(document, "id")
            if isinstance(name, str) and name:
                yield name


def _is_answer(answer: Exchange) -> bool:
    return answer.complete and answer.head_status == 200


def _prompt_tokens(answer: Exchange) -> int | None:
    """As the last usage tells; None when there is none."""
    if not _is_answer(answer):
        return None
    counts = [member(member(document, "usage"), "prompt_tokens") for document in _documents(answer)]
    return next((count for count in reversed(counts) if isinstance(count, int)), None)
