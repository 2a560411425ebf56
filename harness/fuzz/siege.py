"""Sends the hostile requests, slow ones and ones that are left, and judges what becomes of the target."""

from __future__ import annotations

import contextlib
import threading
import time

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.fuzz.causes import Inquiry
from harness.fuzz.hostile import PAUSE_S, REFUSED, REFUSED_OR_CLOSED, SANE, UNANSWERED, Arsenal, Attack
from harness.fuzz.judging import Judges
from harness.fuzz.socket import Gate, Mark, Pause, Speaker, Spoken, spelled
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Exchange, TargetFault

LEFT = 12  # connections that are left, in each of three ways
SLOW, LEAVING, HALVES, JUDGED = "FZ-049", "FZ-051", "FZ-050", "FZ-053"
FRAMED = frozenset(f"FZ-04{n}" for n in range(6))  # attacks that are sound HTTP and reach the API itself
PATIENCE_S = 5.0  # of an ordinary request after an attack
BESIDE_S = 1.5  # of one while another comes slowly
NOT_OURS = {501, 505}  # server errors that say what the server does not know


class Besieger:
    """All attacks, each on a connection of its own; after each group an ordinary request must be answered as before."""

    def __init__(self, ask: Ask, key: Credential) -> None:
        self.ask, self.speaker = ask, Speaker(ask, key)
        self.arsenal = Arsenal(self.speaker, ask.default_model)
        self.found, self.judges = Inquiry(), Judges(ask.contract)
        self._ordinary: int | None = None  # status of a path that is not there, before all attacks
        self._refusal: int | None = None  # and of a chat request that is refused

    def explore(self) -> Inquiry:
        """Raises TargetFault when the target does not answer an ordinary request to begin with."""
        with self.ask.asking("fuzz"):
            self._ordinary = self._plain().status
            if self._ordinary is None:
                raise TargetFault("an ordinary request is not answered over a plain socket")
            self._refusal = self._refused_at_once().status
            for attack in self.arsenal.all():
                self._attack(attack)
            self._slowly()
            self._leaving()
        return self.found

    def _plain(self) -> Spoken:
        path = f"{self.speaker.base}/assay-not-there"
        return self.speaker.say([spelled("GET", path, self.speaker.headers())])

    def _attack(self, attack: Attack) -> None:
        mark = self._mark() if attack.requirement == HALVES else None
        try:
            spoken = self.speaker.say(
                attack.pieces, paid=attack.may_cost, hang_up=attack.hang_up, listen_on=attack.one_answer
            )
        except BudgetExceeded:
            self.found.missed |= {attack.requirement, JUDGED}
            return
        self.found.asked[attack.requirement] += 1
        wrong = judged(attack, spoken)
        if wrong is None and mark is not None and self._mark() != mark:
            wrong = "the provider was called for a request that never was complete"
        if wrong is None and spoken.late and self._plain().status != self._ordinary:
            wrong = "ordinary requests are not answered any more"
        if wrong is not None:
            self._add(attack.requirement, wrong, spoken.answers, attack.name, attack.allowed)
        self._judge(spoken, attack.name, framed=attack.requirement in FRAMED)

    def _judge(self, spoken: Spoken, place: str, *, framed: bool = True) -> None:
        """Every rule of the contract; where HTTP itself was not sound, of what is JSON: else a proxy has answered."""
        for answer in spoken.answers:
            if answer.complete and (framed or is_json(answer)):
                self.found.asked[JUDGED] += 1
                self.judges.tell(self.found.causes, answer, place, JUDGED)

    def _mark(self) -> int | None:
        return None if self.ask.target.control is None else self.ask.control.mark()

    def _add(
        self, requirement: str, wrong: str, shown: tuple[Exchange, ...], place: str, expected: str | None = None
    ) -> None:
        said = shown[0].text[:200] if shown else None
        self.found.causes.add(requirement, wrong, shown, place, expected=expected, observed=said)

    def _slowly(self) -> None:
        """A head and a body that trickle in; another request is answered before the last of the body goes."""
        body = self.arsenal.plain
        head = spelled("POST", self.arsenal.chat, self.speaker.headers(body))
        size = max(1, len(body) // 12)
        trickle = [part for n in range(0, len(body), size) for part in (body[n : n + size], Pause(3 * PAUSE_S))]
        lines = [part for line in head.splitlines(keepends=True) for part in (line, Pause(3 * PAUSE_S))]
        done, told, gate = list[Spoken](), threading.Event(), Gate(BESIDE_S)

        def slow() -> None:
            with contextlib.suppress(BudgetExceeded):
                done.append(self.speaker.say([*lines, Mark(told), *trickle[:-2], gate, *trickle[-2:]], paid=body))
            told.set()  # also where nothing was sent

        thread = threading.Thread(target=slow)
        thread.start()
        told.wait(PATIENCE_S)
        time.sleep(2 * PAUSE_S)  # the head is there, the body is not
        between = self._refused_at_once()
        gate.opened.set()
        thread.join()
        if not done:
            self.found.missed |= {SLOW, JUDGED}
            return
        self.found.asked[SLOW] += 1
        spoken = done[0]
        for each in (spoken, between):
            self._judge(each, "slow")
        if not ((spoken.status and 200 <= spoken.status < 300) or spoken.status == 408 or spoken.closed):
            self._add(SLOW, "a request that comes slowly is not answered as a quick one is", spoken.answers, "slow")
        if between.status is None or gate.given_up.is_set():
            self._add(SLOW, "while a request comes slowly, others are not answered", between.answers, "beside it")

    def _refused_at_once(self) -> Spoken:
        """A chat request that costs nothing and has a body to be read."""
        body = self.arsenal.plain.replace(b'"max_tokens": 8', b'"max_tokens": -1')
        return self.speaker.say([spelled("POST", self.arsenal.chat, self.speaker.headers(body)) + body])

    def _leaving(self) -> None:
        """Connections that are closed early in three ways; then the target answers as it did."""
        body = self.arsenal.plain
        head = spelled("POST", self.arsenal.chat, self.speaker.headers(body))
        try:
            for _ in range(LEFT):
                self.speaker.say([head], leave=True)
                self.speaker.say([head + body[:30]], leave=True)
                self.speaker.say([head + body], paid=body, leave=True)
        except BudgetExceeded:
            self.found.missed.add(LEAVING)
        started = time.monotonic()
        after = [self._refused_at_once(), self._plain()]
        took = time.monotonic() - started
        self.found.asked[LEAVING] += 1
        for each in after:
            self._judge(each, "connections that were left")
        if (after[0].status, after[1].status) != (self._refusal, self._ordinary) or took > PATIENCE_S:
            told = f"after {3 * LEFT} connections that were left, ordinary requests are answered otherwise"
            self._add(LEAVING, told, after[0].answers, "connections that were left")


def judged(attack: Attack, spoken: Spoken) -> str | None:
    """What is wrong with how an attack was answered, in words that do not vary; None when it was answered as it may."""
    status = spoken.status
    if status is not None and status >= 500 and status not in NOT_OURS:
        return "a hostile request brings a server error"
    if attack.one_answer and len(spoken.answers) > 1:
        return "what was smuggled into a request is answered"
    if spoken.late and attack.allowed != UNANSWERED:
        return "a hostile request is not answered in time"
    if attack.allowed in {SANE, REFUSED} and status is None:
        return "the connection was closed without an answer"
    refused = (status is not None and 400 <= status < 500) or status in NOT_OURS
    if attack.allowed in {REFUSED, REFUSED_OR_CLOSED} and status is not None and not refused:
        return "a hostile request is not refused"
    if attack.allowed == UNANSWERED and status is not None and status < 300:
        return "half a request is answered as if it were whole"
    if attack.allowed == SANE and not _sound(spoken.answers[0]):
        return "the answer to a hostile request is not UTF-8"
    return None


def is_json(answer: Exchange) -> bool:
    return answer.media_type == "application/json"


def _sound(answer: Exchange) -> bool:
    try:
        answer.body.decode("utf-8")
    except ValueError:
        return False
    return True
