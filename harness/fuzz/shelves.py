"""What is listed can be read, and what is not in the document is not there. Sends requests that cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.ask import Ask
from harness.budget import BudgetExceeded
from harness.credentials import Credential
from harness.exchange import Exchange, TargetFault
from harness.fuzz.causes import Inquiry
from harness.fuzz.judging import Judges
from harness.fuzz.links import Action
from harness.fuzz.names import misspelt, named_models
from harness.fuzz.tenants import listed, steady
from harness.model import NotObserved
from specs import Contract

READABLE, ABSENT, NEARLY = "FZ-015", "FZ-016", "FZ-017"
METHODS = ("GET", "PUT", "PATCH", "DELETE")
MOST = 4  # entries of a list that are read
LASTING = frozenset({"id", "object", "created", "created_at", "owned_by"})  # members that no time changes
NOBODY = "assay/no-such-entry"
STREAMING = {"chat", "completion"}
ELSEWHERE = {402, 429, 503}  # says something about the account or the moment, not about the name


@dataclass(frozen=True)
class Shelf:
    """A list, and the path of one entry up to its id."""

    name: str
    path: str


def shelves(contract: Contract) -> Iterator[Shelf]:
    """The lists without parameters that are followed by a path with one parameter, both read with GET."""
    paths = contract.openapi["paths"]
    for path, item in paths.items():
        above, _, last = path.rpartition("/")
        whole = paths.get(above, {})
        if last.startswith("{") and "{" not in above and "get" in item and "get" in whole and "servers" not in item:
            yield Shelf(whole["get"].get("operationId", above), above)


class Browser:
    """Reads what is listed under its id, spelled as it is and with every reserved character escaped."""

    def __init__(self, ask: Ask) -> None:
        self.ask, self.judges, self.found = ask, Judges(ask.contract), Inquiry()

    def explore(self) -> Inquiry:
        """Browses every list of the contract once; what was found."""
        for shelf in shelves(self.ask.contract):
            self._browse(shelf)
        self._models()
        self._elsewhere()
        return self.found

    def _elsewhere(self) -> None:
        """Methods that no path of the document has, and a path that is not in it."""
        refused = self.ask.contract.trait("errors.method_not_allowed_status")
        for path, item in self.ask.contract.openapi["paths"].items():
            if "{" not in path and "servers" not in item:
                undeclared = next(method for method in METHODS if method.lower() not in item)
                self._absent(undeclared, path, refused, "a method that is not documented is answered otherwise")
        for path in ("/assay-not-there", "/models-assay/not-there"):
            self._absent("GET", path, [404], "a path that is not documented is answered otherwise")

    def _absent(self, method: str, path: str, due: list[int], said: str) -> None:
        answer = self.ask.send(method, path)
        if not answer.complete or answer.head_status in {429, 503}:
            return
        self.found.asked[ABSENT] += 1
        self.judges.tell(self.found.causes, answer, path)
        if answer.status not in due:
            told = f"{method} {path} answered {answer.status}"
            expected = " or ".join(map(str, due))
            self.found.causes.add(ABSENT, said, [answer], path, expected=expected, observed=told)

    def _browse(self, shelf: Shelf) -> None:
        rows = self._get(shelf, shelf.path)
        if not rows.complete or rows.status != 200:
            return
        again = listed(self._get(shelf, shelf.path))
        for name, row in list(listed(rows).items())[:MOST]:
            for safe in ("/:", ""):
                self._read(shelf, name, row, again.get(name, {}), safe)
        for name in (NOBODY, *self._nearly(listed(rows))):
            self._stranger(shelf, name)
        self._without_a_key(shelf, next(iter(listed(rows)), None))

    def _read(self, shelf: Shelf, name: str, row: dict[str, Any], again: dict[str, Any], safe: str) -> None:
        answer = self._get(shelf, f"{shelf.path}/{quote(name, safe=safe, errors='replace')}")
        if not answer.complete or answer.head_status in {429, 503}:
            return None
        self.found.asked[READABLE] += 1
        spelled = "as it is" if safe else "escaped"
        if answer.status != 200:
            return self._add(shelf, f"what is listed cannot be read under its id, spelled {spelled}", answer)
        entry = answer.json if isinstance(answer.json, dict) else {}
        if str(entry.get("id")) != name:
            return self._add(shelf, "what is read under an id has another one", answer)
        lasting = steady(row, again)
        if missing := sorted(lasting.keys() - entry.keys()):
            return self._add(shelf, f"what is read leaves out what the list tells: {', '.join(missing)}", answer)
        if differing := sorted(lasting.keys() - steady(row, entry).keys()):
            return self._add(shelf, f"what is read differs from the list: {', '.join(differing)}", answer)
        if fleeting := sorted(member for member in LASTING & row.keys() & again.keys() if again[member] != row[member]):
            return self._add(shelf, f"a list differs from the one before: {', '.join(fleeting)}", answer)
        return None

    @staticmethod
    def _nearly(rows: dict[str, Any]) -> Iterator[str]:
        """Misspelt ids of a list."""
        for name in list(rows)[:1]:
            yield from misspelt(name, rows)

    def _stranger(self, shelf: Shelf, name: str) -> None:
        answer = self._get(shelf, f"{shelf.path}/{quote(name, safe='/:', errors='replace')}")
        if answer.complete and answer.head_status == 200:
            self._add(shelf, "what nobody listed can be read", answer)

    def _models(self) -> None:
        """Every operation that names a model, with a name that is nearly one's: nobody answers to it."""
        for action, kind, example in named_models(self.ask.contract):
            try:
                model = self.ask.model_for(kind or "chat")
                known = {str(row["id"]) for row in self.ask.catalogue}
            except (NotObserved, TargetFault):
                continue
            for n, name in enumerate(misspelt(model, known)):
                streamed = {"stream": n % 2 == 1} if kind in STREAMING else {}
                try:
                    answer = self.ask.send("POST", action.path, json={**example, "model": name, **streamed})
                except BudgetExceeded:
                    self.found.missed.add(NEARLY)  # an answer would cost something, and there is nothing left
                    return
                self._unknown(action, answer)

    def _unknown(self, action: Action, answer: Exchange) -> None:
        if not answer.complete or answer.head_status in ELSEWHERE:
            return
        self.found.asked[NEARLY] += 1
        self.judges.tell(self.found.causes, answer, action.name)
        if not 400 <= answer.status < 500:
            said = "a model that nobody listed is not refused"
            told = f"answered {answer.status}"
            self.found.causes.add(NEARLY, said, [answer], action.name, expected="a 4xx status", observed=told)

    def _without_a_key(self, shelf: Shelf, name: str | None) -> None:
        """Who may not see the list may not see what is on it."""
        if name is None or self._get(shelf, shelf.path, key=None).head_status not in {401, 403}:
            return
        answer = self._get(shelf, f"{shelf.path}/{quote(name, safe='/:', errors='replace')}", key=None)
        if answer.head_status == 200:
            self._add(shelf, "what cannot be listed without a key can be read without one", answer)

    def _get(self, shelf: Shelf, path: str, key: Credential = "main") -> Exchange:
        answer = self.ask.send("GET", path, key=key)
        if answer.complete:
            self.judges.tell(self.found.causes, answer, shelf.name)
        return answer

    def _add(self, shelf: Shelf, said: str, answer: Exchange) -> None:
        self.found.causes.add(READABLE, said, [answer], shelf.name, observed=f"answered {answer.head_status}")
