"""How a check asks: one method a kind of call, an Exchange back. Says nothing about what the answer should be."""

from __future__ import annotations

import contextlib
import functools
import json as jsonlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from harness.asides import PLACEHOLDER, SECRET, Asides, Memory, Notes, NotOnTape
from harness.budget import Price
from harness.control import Control
from harness.credentials import Credential, Credentials, intent
from harness.exchange import Exchange, TargetFault
from harness.listing import Listing
from harness.model import NotObserved
from harness.operations import Operations
from harness.pace import Pace
from harness.sources import BalanceSource, CostSource, EvidenceSource, pointed
from harness.target import ControlPoint, Secret, Target
from harness.tokenizer import Tokenizer
from harness.wire import Client, Finder, tls
from specs import Contract

FORM = "application/x-www-form-urlencoded"
PROMPT = "Say hello in one short sentence."


class Omit:
    """A member or a body that is left out, where None would be sent as null."""

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = Omit()


class Ask:
    """Calls to the target under one contract. Session-wide; `seen` begins anew with every test."""

    def __init__(self, contract: Contract, target: Target, client: Client, memory: Memory | None = None) -> None:
        self.contract, self.target, self.client = contract, target, client
        self.notes = Notes(memory or Asides(None, client.redactor), lambda: self.probe)
        self.alone = True  # no other process of this run uses the target's keys at the same time
        self.probe = "assay"
        self.seen: list[Exchange] = []
        self._lock = threading.RLock()
        self._listing, self._credentials = Listing(contract, target, self._list), Credentials(contract, target)
        self._operations = Operations(contract)
        self._pace = Pace(contract)  # of the main key; checks use up others on purpose
        client.budget.price_of, client.budget.context_of = self.price, self._listing.context

    def chat(
        self,
        prompt: str | None = None,
        *,
        model: str | Omit | None = None,
        messages: Any = None,
        stream: Any = None,
        max_tokens: Any = 16,
        key: Credential = "main",
        headers: Mapping[str, str] | None = None,
        abort_after: int | None = None,
        during: Callable[[], None] | None = None,
        at_event: int = 1,
        **members: Any,
    ) -> Exchange:
        """POST chat/completions. A member given as OMIT is left out; `stream=None` leaves it out as well."""
        body = {
            "model": self.default_model if model is None else model,
            "messages": [{"role": "user", "content": PROMPT if prompt is None else prompt}]
            if messages is None
            else messages,
            "max_tokens": max_tokens,
            "stream": OMIT if stream is None else stream,
            **members,
        }
        return self._exchange(
            "POST",
            f"{self.target.base_url}/chat/completions",
            _encoded(_given(body)),
            self._credentials.headers(key, headers, json=True),
            intent(key),
            abort_after=abort_after,
            during=during,
            at_event=at_event,
        )

    def complete(self, prompt: Any = PROMPT, *, key: Credential = "main", **members: Any) -> Exchange:
        """POST completions. A member given as OMIT is left out."""
        body = {"model": self.model_for("completion"), "prompt": prompt, "max_tokens": 16, **members}
        return self.send("POST", "/completions", json=_given(body), key=key)

    def embed(self, text: Any, *, key: Credential = "main", **members: Any) -> Exchange:
        """POST embeddings of a text or of several."""
        body = {"model": self.model_for("embedding"), "input": text, **members}
        return self.send("POST", "/embeddings", json=_given(body), key=key)

    def paint(
        self, prompt: Any, *, key: Credential = "main", headers: Mapping[str, str] | None = None, **members: Any
    ) -> Exchange:
        """POST images/generations."""
        model = self.model_for("image") if self.contract.trait("images.model_required") else OMIT
        body = {"model": model, "prompt": prompt, **members}
        return self.send("POST", "/images/generations", json=_given(body), key=key, headers=headers)

    def model_for(self, kind: str) -> str:
        """The model of a kind: the target's, the contract's example, or for text the default one."""
        named = self.target.models.get(kind) or self.contract.trait(f"{kind}s.example", None)
        if named is None and kind not in ("chat", "completion"):
            raise NotObserved(f"neither the contract nor the target file names a model for {kind}s")
        return self.default_model if named is None else str(named)

    def models(self, *, key: Credential = "main") -> Exchange:
        """GET the list of models; nothing is kept, so each call asks again."""
        return self.send("GET", "/models", key=key)

    def model(self, model_id: str, *, encoded: bool = False, key: Credential = "main") -> Exchange:
        """GET one model; a slash in the id is sent as it is, or as %2F when `encoded`."""
        return self.send("GET", f"/models/{quote(model_id, safe='' if encoded else '/:', errors='replace')}", key=key)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = OMIT,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        key: Credential = "main",
        from_host: bool = False,
        secrets: Sequence[str] | Finder = (),
    ) -> Exchange:
        """Any request: `path` below the base URL, or below the host. `content` goes out as it is.

        `secrets` are JSON pointers to what the answer gives away; `issued` finds it, and nothing else ever shows it.
        Where no pointer leads to it, a function that is given the answer as it came finds it.
        """
        url = (self.target.host_url if from_host else self.target.base_url) + path
        body = _encoded(json) if json is not OMIT else content or b""
        is_json = json is not OMIT or content is not None
        extra = headers
        if form is not None:
            body, extra = urlencode(form).encode(), {"Content-Type": FORM, **(headers or {})}
        sent = self._credentials.headers(key, extra, json=is_json)
        return self._exchange(method, url, body, sent, intent(key), secrets=secrets)

    def issued(self, answer: Exchange, pointer: str) -> Secret:
        """A secret that an answer gave away and that was named when it was asked for. Raises NotObserved."""
        found = self.client.issued.get(str(pointed(answer.json, pointer)))
        if found is None:
            raise NotObserved(f"the answer with status {answer.status} gives no secret at {pointer}")
        return found

    def named(self, name: str) -> str:
        """What the target file names. Raises NotObserved when it does not."""
        if name not in self.target.names:
            raise NotObserved(f"the target file has no {name} under [names]")
        return self.target.names[name]

    def parallel(self, calls: Sequence[Callable[[], Exchange]]) -> list[Exchange]:
        """All calls, as many at a time as the target allows; answers in the order of the calls."""
        with ThreadPoolExecutor(min(len(calls), self.target.limits.concurrency) or 1) as pool:
            futures = [pool.submit(call) for call in calls]
            return [future.result() for future in futures]

    def _list(self) -> Exchange:
        with self.asking("catalogue"):
            return self.models()

    @property
    def catalogue(self) -> list[dict[str, Any]]:
        """The rows of GET /models, asked for until it is answered once. Raises TargetFault, NotObserved."""
        return self._listing.rows

    @property
    def chatting(self) -> list[dict[str, Any]]:
        """The rows of the catalogue that chat, as far as they tell; all of them where none seems to."""
        return self._listing.chatting

    @property
    def default_model(self) -> str:
        """The model of the target file, or the cheapest row of the catalogue."""
        return self._listing.default

    @property
    def chosen_model(self) -> str | None:
        """The default model if it is known by now; asks nobody."""
        return self._listing.chosen

    def price(self, model: str) -> Price | None:
        """USD per million prompt and completion tokens as the catalogue lists them, or None; asks at most once."""
        return self._listing.price(model)

    def model_or_none(self) -> str | None:
        """The default model, or None when the target does not tell one."""
        try:
            return self.default_model
        except (TargetFault, NotObserved):
            return None

    @functools.cached_property
    def control(self) -> Control:
        """The control API of a mock, closed with the client. Raises NotObserved where the target offers none."""
        if self.target.control is None:
            raise NotObserved("the target offers no control API")
        made = self._control(self.target.control)
        self.client.closing.callback(made.close)
        return made

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        """The default model's tokenizer, as the target names it. Raises NotObserved, TokenizerError."""
        if self.target.tokenizer is None:
            raise NotObserved("the target names no tokenizer.json")
        return Tokenizer(self.target.tokenizer)

    @property
    def has_provider(self) -> bool:
        """Whether the log and the faults of the provider behind the target are at hand."""
        return self.target.upstream is not None or self.target.control is not None

    @functools.cached_property
    def provider(self) -> Control:
        """The control API that the provider's log and faults are in: its own, or the deployment's."""
        if self.target.upstream is None:
            return self.control
        made = self._control(self.target.upstream)
        self.client.closing.callback(made.close)
        return made

    def _control(self, point: ControlPoint) -> Control:
        return Control(point, self.client.redactor, self.target.timeouts, tls(self.target), self.notes)

    @functools.cached_property
    def balance(self) -> BalanceSource:
        """Where the balance is read. Raises NotObserved where the target names no place."""
        if self.target.balance is None:
            raise NotObserved("the target names no balance source")
        return BalanceSource(self.target.balance, self._get)

    @functools.cached_property
    def costs(self) -> CostSource:
        """Where costs are stated. Raises NotObserved where the target names no place."""
        if self.target.costs is None:
            raise NotObserved("the target names no place where costs are stated")
        return CostSource(self.target.costs, self._get)

    @functools.cached_property
    def evidence(self) -> EvidenceSource:
        """Where evidence of attestation is had. Raises NotObserved where the target names no place."""
        if self.target.evidence is None:
            raise NotObserved("the target names no evidence source")
        return EvidenceSource(self.target.evidence, self._get)

    def draw(self, size: int) -> bytes:
        """Random bytes that nobody can have seen before; when a run is played, those that it drew."""
        return self.notes.draw(size)

    def inside(self, secret: str) -> str:
        """A secret that a check looks into. Raises NotOnTape when a run is played: no secret is kept."""
        if self.notes.plays and PLACEHOLDER.search(secret):
            raise NotOnTape(SECRET)
        return secret

    def begin(self, test: str) -> None:
        """A test begins: exchanges bear its name, and `seen` is empty."""
        self.probe = test
        self.seen = []

    @contextlib.contextmanager
    def asking(self, probe: str) -> Iterator[None]:
        """Exchanges made inside bear this name."""
        outer, self.probe = self.probe, probe
        try:
            yield
        finally:
            self.probe = outer

    def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], intent: Mapping[str, Any], **reading: Any
    ) -> Exchange:
        pairs = tuple(headers.items())
        paced = "key" not in intent
        if paced:
            self._pace.wait()
        called = self._operations.of(method, url)
        free = called is not None and not called.paid
        made = self.client.exchange(self.probe, method, url, pairs, body, intent, free=free, **reading)
        if paced:
            self._pace.note(made)
        with self._lock:
            self.seen.append(made)
        return made

    def _get(self, url: str, role: str, *, key: Credential = "main") -> Exchange:
        return self._exchange("GET", url, b"", self._credentials.headers(key, None), {**intent(key), "role": role})


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not OMIT}


def _encoded(value: Any) -> bytes:
    return jsonlib.dumps(value, default=_number).encode()


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)  # a sampling parameter, never money
    raise TypeError(f"{value!r} is not JSON")
