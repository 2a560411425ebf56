"""Two requests at once: equal creations, changes and deletions, and chats. What holds of one after the other holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.fuzz.causes import Inquiry
from harness.fuzz.judging import Judges
from harness.fuzz.links import Resource, filled, resources
from harness.fuzz.secrets import given_away
from harness.fuzz.tenants import Tenants, Thing, listed, shown
from harness.wire.exchange import Exchange
from harness.wire.journal import judged

CHATS, MADE, CHANGED, DELETED, JUDGED = "FZ-060", "FZ-061", "FZ-062", "FZ-063", "FZ-064"
PROMPTS = ("Hi.", "Say hello to all who are gathered here, one by one, and tell each of them what day it is today.")
MAX_TOKENS = 8
ROUNDS = 3


class Racer:
    """Pairs of requests, started together."""

    def __init__(self, ask: Ask, key: Credential) -> None:
        self.ask, self.key, self.tenants = ask, key, Tenants(ask)
        self.found = Inquiry()
        self._serial = itertools.count(1)

    def explore(self) -> Inquiry:
        """Chats of every contract; the rest where there are resources and a laboratory to make them in."""
        known, judges = len(self.ask.client.journal.exchanges), Judges(self.ask.contract)
        with self.ask.asking("fuzz"):
            self._chats()
            if self.ask.target.control is not None:
                try:
                    for resource in resources(self.ask.contract):
                        for _ in range(ROUNDS):
                            self._all_of(resource)
                finally:
                    self.tenants.clear()
        for answer in self.ask.client.journal.exchanges[known:]:
            if answer.complete and judged(answer):
                self.found.asked[JUDGED] += 1
                judges.tell(self.found.causes, answer, "a pair at once", JUDGED)
        return self.found

    def _chats(self) -> None:
        """Two prompts alone, then at once, each twice: ids differ, and each counts its own prompt."""
        alone = [self._chat(prompt) for prompt in PROMPTS]
        counted = [_prompt_tokens(answer) for answer in alone]
        for _ in range(ROUNDS):
            answers = self.ask.parallel([_calling(self._chat, prompt) for prompt in (*PROMPTS, *PROMPTS)])
            if any(not answer.complete or answer.status != 200 for answer in (*alone, *answers)):
                self._broken(CHATS, "a chat", [x for x in answers if x.complete and x.status >= 500], "chat")
                continue
            self.found.asked[CHATS] += 1
            ids = [_member(answer, "id") for answer in answers]
            if len(set(map(str, ids))) < len(ids):
                self._add(CHATS, "two chats at once have one id", answers, "chat")
            if [_prompt_tokens(answer) for answer in answers] != [*counted, *counted]:
                self._add(CHATS, "a chat beside another one counts another prompt", [*alone, *answers], "chat")

    def _chat(self, prompt: str) -> Exchange:
        return self.ask.chat(prompt, max_tokens=MAX_TOKENS, temperature=0, key=self.key)

    def _all_of(self, resource: Resource) -> None:
        kind = resource.create.name
        made = self._made(resource, kind)
        if not made:
            return
        if resource.update is not None and resource.update.examples:
            self._changed(made[0], kind)
        if resource.delete is not None:
            self._deleted(made[0], kind)

    def _made(self, resource: Resource, kind: str) -> list[Thing]:
        """Two of the same at once: two things, or one and a refusal."""
        values = self.tenants.own("main")
        path = filled(resource.create.path, values)
        if path is None or (resource.delete is None and len(self.tenants.things) > MAX_TOKENS):
            return []
        body = self.tenants.body(resource.create, next(self._serial))
        answers = self.ask.parallel(
            [lambda: self.ask.send("POST", path, json=body, secrets=given_away) for _ in range(2)]
        )
        made = [
            thing
            for answer in answers
            if (thing := self.tenants.taken(resource, "main", values, body, answer, None)) is not None
        ]
        if self._broken(MADE, kind, answers, kind) or len(made) < 2:
            return made
        self.found.asked[MADE] += 1
        if made[0].id == made[1].id:
            self._add(MADE, f"{kind}: two that were made at once are one", answers, kind)
        rows = self.tenants.list(made[0])
        if rows is not None and rows.status == 200 and not {thing.id for thing in made} <= listed(rows).keys():
            self._add(MADE, f"{kind}: one of two that were made at once is not listed", [*answers, rows], kind)
        return made

    def _changed(self, thing: Thing, kind: str) -> None:
        """Two changes at once: both succeed or one is refused, and one of them is what is read."""
        update, read = thing.resource.update, thing.resource.read
        assert update is not None
        bodies = [self.tenants.body(update, next(self._serial)) for _ in range(2)]
        answers = self.ask.parallel([_calling(self.tenants.call, update, thing, None, body) for body in bodies])
        if self._broken(CHANGED, kind, answers, kind) or read is None:
            return
        self.found.asked[CHANGED] += 1
        after = self.tenants.call(read, thing)
        node = shown(thing, after) if after.status == 200 else None
        if not isinstance(node, dict) or not any(all(node.get(n, v) == v for n, v in body.items()) for body in bodies):
            self._add(CHANGED, f"{kind}: after two changes at once, neither is there", [*answers, after], kind)

    def _deleted(self, thing: Thing, kind: str) -> None:
        """Two deletions and a reading at once: one deletion succeeds, none breaks, and it is gone."""
        delete, read = thing.resource.delete, thing.resource.read
        assert delete is not None
        calls = [delete, delete] if read is None else [delete, read, delete]
        answers = self.ask.parallel([_calling(self.tenants.call, action, thing) for action in calls])
        thing.gone = True
        if self._broken(DELETED, kind, answers, kind):
            return
        self.found.asked[DELETED] += 1
        deletions = [x for x in answers if x.request.method == "DELETE"]
        if not any(x.status < 300 for x in deletions):
            self._add(DELETED, f"{kind}: of two deletions at once, none succeeds", deletions, kind)
        if any(x.status >= 300 and x.status not in {404, 409, 410} for x in deletions):
            self._add(DELETED, f"{kind}: a second deletion is answered oddly", deletions, kind)

    def _broken(self, requirement: str, kind: str, answers: list[Exchange], place: str) -> bool:
        bad = [x for x in answers if x.head_status is None or (x.head_status >= 500 and x.head_status != 503)]
        if bad:
            self._add(requirement, f"{kind}: two requests at once bring a server error", bad, place)
        return bool(bad)

    def _add(self, requirement: str, said: str, answers: list[Exchange], place: str) -> None:
        statuses = ", ".join(str(x.head_status) for x in answers)
        self.found.causes.add(requirement, said, answers, place, observed=f"answers {statuses}")


def _calling(call: Callable[..., Exchange], *given: Any) -> Callable[[], Exchange]:
    return lambda: call(*given)


def _member(answer: Exchange, name: str) -> Any:
    return answer.json.get(name) if isinstance(answer.json, dict) else None


def _prompt_tokens(answer: Exchange) -> Any:
    usage = _member(answer, "usage") if answer.complete else None
    return usage.get("prompt_tokens") if isinstance(usage, dict) else None
