"""Walks through the life of every resource, by two tenants in turn: made, read, changed, deleted, and asked for after.

The walk is random and seeded; a short tour before it shows every property once.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from harness.asking.ask import Ask
from harness.fuzz.causes import Inquiry
from harness.fuzz.links import Resource, resources
from harness.fuzz.names import misspelt
from harness.fuzz.tenants import Tenants, Thing, listed, shown, status_of, steady
from harness.wire.exchange import Exchange

READ, GONE, CHANGED, OTHERS, LISTED = "FZ-010", "FZ-011", "FZ-012", "FZ-013", "FZ-014"
MOST = 4  # things of one kind that live at once
REFUSALS = {401, 403, 404, 410}


@dataclass
class Walk(Inquiry):
    """How often each property was looked at, and where it did not hold."""

    unmade: list[str] = field(default_factory=list)  # resources of which none could be made
    steps: int = 0


class Walker:
    """One walk over all resources of a contract."""

    def __init__(self, ask: Ask, seed: int) -> None:
        self.ask, self.tenants = ask, Tenants(ask)
        self.rng = random.Random(seed)  # noqa: S311 - a reproducible walk
        self.found = Walk()
        self._last: dict[int, Exchange] = {}

    def explore(self, steps: int, seconds: float) -> Walk:
        """A tour of every resource, then so many random steps of each, for at most so long."""
        end = time.monotonic() + seconds
        with self.ask.asking("fuzz"):
            try:
                for resource in resources(self.ask.contract):
                    self._tour(resource)
                for _ in range(steps * len(resources(self.ask.contract))):
                    if time.monotonic() > end:
                        break
                    self._step()
            finally:
                self.tenants.clear()
        return self.found

    def _tour(self, resource: Resource, tenant: str = "main", above: Thing | None = None) -> None:
        first = self.tenants.make(resource, tenant, above)
        if first is None:
            self.found.unmade.append(resource.create.name)
            return
        self._read(first)
        self._list(first)
        self._same_in_list(first)
        self._nearly(first)
        self._strangers(first)
        self._twin(first)
        for inner in resource.inside:
            self._tour(inner, tenant, first)
        self._change(first)
        self._read(first)
        if resource.delete is not None:
            kept = self.tenants.make(resource, tenant, above)
            if kept is not None:
                self._list(kept)
            self._delete(first)
            self._look_after(first)
            if kept is not None:
                self._read(kept)

    def _step(self) -> None:
        """One random call on a random thing; the dead are asked for as well."""
        self.found.steps += 1
        things = self.tenants.things
        thing = self.rng.choice(things) if things else None
        if thing is None or self.rng.random() < 0.15:
            self._make_one()
        elif thing.is_gone:
            self._look_after(thing)
        else:
            self.rng.choice([self._read, self._list, self._strangers, self._change, self._read, self._delete])(thing)

    def _make_one(self) -> None:
        resource = self.rng.choice(resources(self.ask.contract))
        alive = [t for t in self.tenants.things if t.resource == resource and not t.is_gone]
        if len(alive) < MOST and (resource.delete is not None or len(alive) < 2):
            self.tenants.make(resource, self.rng.choice(self.tenants.names))

    def _twin(self, thing: Thing) -> None:
        """The same by another tenant, and deleted there: that is another thing."""
        for other in self.tenants.others(thing)[:1]:
            delete = thing.resource.delete
            twin = None if thing.above or delete is None else self.tenants.make(thing.resource, other, body=thing.body)
            if twin is not None:
                self._delete(twin)
                self._look_after(twin)
                self._read(thing, OTHERS)

    # -- one call each, and what must hold of it

    def _read(self, thing: Thing, requirement: str = READ) -> None:
        read = thing.resource.read
        if read is None:
            return None
        answer = self.tenants.call(read, thing)
        self.found.asked[requirement] += 1
        if answer.status != 200:
            return self._add(requirement, "what was made cannot be read", thing, answer)
        node = shown(thing, answer)
        thing.seen.append(status_of(node))
        if str(node.get("id") if isinstance(node, dict) else None) != thing.id:
            return self._add(requirement, "what is read is another thing", thing, answer)
        differing = [n for n, value in thing.body.items() if n in node and node[n] != value]
        if differing:
            self._add(
                CHANGED if thing in self._changed else requirement,
                "what is read is not what was written",
                thing,
                answer,
            )
        return None

    @property
    def _changed(self) -> list[Thing]:
        return [thing for thing in self.tenants.things if id(thing) in self._last]

    def _change(self, thing: Thing) -> None:
        update = thing.resource.update
        if update is None or not update.examples:
            return
        body = self.tenants.body(update, self.rng.randrange(10**6))
        answer = self.tenants.call(update, thing, body=body)
        self.found.asked[CHANGED] += 1
        self._last[id(thing)] = answer
        if answer.status not in {200, 202, 204}:
            self._add(CHANGED, "what was made cannot be changed", thing, answer)
            return
        thing.body = {**thing.body, **body}
        self._read(thing)

    def _delete(self, thing: Thing) -> None:
        delete = thing.resource.delete
        if delete is None:
            return
        answer = self.tenants.call(delete, thing)
        self.found.asked[GONE] += 1
        thing.gone = True
        if answer.status not in {200, 202, 204}:
            self._add(GONE, "what was made cannot be deleted", thing, answer)

    def _look_after(self, thing: Thing) -> None:
        """Asks for what is gone: it is not there, or shows that it has ended; and cannot be changed."""
        self.found.asked[GONE] += 1
        if thing.resource.read is not None:
            answer = self.tenants.call(thing.resource.read, thing)
            if answer.status == 200:
                self._is_over(thing, shown(thing, answer), "what was deleted can still be read", answer)
            elif answer.status not in REFUSALS:
                self._add(GONE, f"what was deleted is answered with {answer.status}", thing, answer)
        if thing.resource.update is not None and thing.resource.update.examples:
            answer = self.tenants.call(thing.resource.update, thing, body=self.tenants.body(thing.resource.update, 0))
            if not 400 <= answer.status < 500:
                self._add(GONE, "what was deleted can still be changed", thing, answer)
        if thing.above is None or not thing.above.is_gone:
            answer_or_none = self.tenants.list(thing)
            row = None if answer_or_none is None else listed(answer_or_none).get(thing.id)
            if answer_or_none is not None and row is not None:
                self._is_over(thing, row, "what was deleted is still listed", answer_or_none)

    def _is_over(self, thing: Thing, node: object, said: str, answer: Exchange) -> None:
        status = status_of(node)
        if status is None or status in thing.seen:
            self._add(GONE, said, thing, answer)

    def _strangers(self, thing: Thing) -> None:
        """Another tenant reads, changes, deletes and lists: nothing of the thing shows, and nothing happens to it."""
        same = {t.tenant for t in self.tenants.things if t.id == thing.id and not t.is_gone}
        for other in self.tenants.others(thing):
            if other in same:
                continue  # the id is one of its own as well
            self.found.asked[OTHERS] += 1
            for action in (thing.resource.read, thing.resource.update, thing.resource.delete):
                if action is None or (action.method in {"patch", "put"} and not action.examples):
                    continue
                body = {} if action.method in {"get", "delete"} else {"body": self.tenants.body(action, 0)}
                answer = self.tenants.call(action, thing, other, **body)
                if answer.status not in REFUSALS:
                    self._add(OTHERS, f"another tenant may {action.method} what is not its own", thing, answer)
            seen = self.tenants.list(thing, other)
            if seen is not None and seen.status == 200 and thing.id in listed(seen):
                self._add(OTHERS, "another tenant sees it in its list", thing, seen)
            self._read(thing, OTHERS)

    def _list(self, thing: Thing) -> None:
        answer = self.tenants.list(thing)
        if answer is None:
            return
        self.found.asked[LISTED] += 1
        rows = listed(answer) if answer.status == 200 else {}
        if thing.id not in rows:
            self._add(LISTED, "what was made is not listed", thing, answer)
        alive = [
            t
            for t in self.tenants.things
            if t.resource == thing.resource and t.tenant == thing.tenant and t.above is thing.above and not t.is_gone
        ]
        if missing := [t for t in alive if t.id not in rows and t is not thing]:
            self._add(LISTED, "what was made is not listed", missing[0], answer)

    def _same_in_list(self, thing: Thing) -> None:
        """What is read says what the list says, as far as that does not change from one list to the next."""
        read = thing.resource.read
        if read is None or thing.resource.listing is None:
            return
        rows, answer, again = self.tenants.list(thing), self.tenants.call(read, thing), self.tenants.list(thing)
        if rows is None or again is None or not {rows.status, answer.status, again.status} <= {200}:
            return
        row, later, node = listed(rows).get(thing.id), listed(again).get(thing.id), shown(thing, answer)
        if not (isinstance(row, dict) and isinstance(later, dict) and isinstance(node, dict)):
            return
        self.found.asked[LISTED] += 1
        if differing := sorted(steady(row, later).keys() - steady(row, node).keys()):
            self._add(LISTED, f"what is read says otherwise than the list: {', '.join(differing)}", thing, answer)

    def _nearly(self, thing: Thing) -> None:
        """Nothing is there under an id that is nearly its own, and nothing happens to it by such an id."""
        last, own = thing.resource.parameter, {other.id for other in self.tenants.things}
        for name in misspelt(thing.id, own):
            self.found.asked[READ] += 1
            for action in (thing.resource.read, thing.resource.delete):
                if action is not None:
                    near = replace(thing, values={**thing.values, last: quote(name, safe="")})
                    answer = self.tenants.call(action, near)
                    if not 400 <= answer.status < 500:
                        self._add(READ, f"{action.method} takes an id that is nearly one for that one", thing, answer)
        self._read(thing)

    def _add(self, requirement: str, said: str, thing: Thing, answer: Exchange) -> None:
        shown_ = [thing.made, answer] if (before := self._last.get(id(thing))) is None else [thing.made, before, answer]
        kind = thing.resource.create.name
        self.found.causes.add(
            requirement, f"{kind}: {said}", shown_, kind, observed=f"status {answer.head_status}: {answer.text[:200]}"
        )
