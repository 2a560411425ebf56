"""What many streams at once are asked, and what is wrong with their answers. Pure; the control is one stream alone.

A rule that a single stream breaks as well, or a text that the model does not repeat even alone, is no effect of load.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.judge import Rule, judge, rules_for
from harness.judge.chat import (
    chunks,
    content,
    finish_reason,
    is_chunked,
    is_filled,
    is_finished,
    is_served,
    member,
    stream_errors,
)
from harness.judge.limits import number
from harness.model import Finding, NotObserved
from harness.wire.exchange import Exchange
from specs import Contract

RULES_OF_STREAMS = {"harness.judge.framing", "harness.judge.chunks"}
MAX_TOKENS = 48
SHOWN = 5  # exchanges a finding names; there may be hundreds
# fmt: off
WORDS = (
    "amber", "anchor", "basket", "bridge", "candle", "canyon", "cedar", "copper", "cradle", "dragon", "ember",
    "fabric", "falcon", "garden", "glacier", "hammer", "harbor", "island", "kettle", "ladder", "lantern", "maple",
    "marble", "meadow", "mirror", "needle", "orchard", "pepper", "quartz", "river", "saddle", "shadow", "silver",
    "temple", "thunder", "timber", "tunnel", "velvet", "violet", "walnut", "willow", "window", "winter",
)
# fmt: on


@dataclass(frozen=True)
class Crowd:
    """One stream alone, and the streams that were read at once."""

    alone: Exchange
    exchanges: tuple[Exchange, ...]  # all of them, or a sample and the failures
    in_flight_max: int
    asked: tuple[str, ...] = ()  # the markers of all requests, kept or not

    @property
    def streams(self) -> list[Exchange]:
        return [x for x in self.exchanges if is_chunked(x)]

    def observed(self) -> Crowd:
        """This crowd. Raises NotObserved when it tells nothing: too few streams, or never two at once."""
        throttled = sum(x.head_status == 429 for x in self.exchanges)
        if self.in_flight_max < 2:
            raise NotObserved("no two requests were in flight at once")
        if throttled and len(self.streams) < 2:
            raise NotObserved(f"the target throttled {throttled} of {len(self.exchanges)} requests")
        return self


def markers(count: int, seed: int) -> list[str]:
    """As many texts that no two requests share: words around a number of six digits that only one of them has."""
    rng = random.Random(seed)
    numbers = rng.sample(range(100_000, 1_000_000), count)
    return [" ".join([*rng.sample(WORDS, 5), str(unique), *rng.sample(WORDS, 4)]) for unique in numbers]


def request(model: str, marker: str) -> dict[str, Any]:
    """The request that asks for one marker."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": f"Repeat exactly: {marker}"}],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def marker_of(x: Exchange) -> str:
    """The marker that an exchange asked for."""
    asked: str = x.request.json["messages"][0]["content"]
    return asked.removeprefix("Repeat exactly: ")


# --- Answers are not mixed --------------------------------------------------------------------------------------


def mixed(crowd: Crowd) -> list[Finding]:
    """Answers that hold what another request asked for, lack what their own did, or bear another's id.

    Raises NotObserved when nothing of this was seen and the model does not repeat texts: answers that say something
    else, or nothing, could be mixed without anybody seeing it.
    """
    found = together("OC-160", [*_foreign(crowd), *_incomplete(crowd), *_shared_ids(crowd)])
    if not found and not repeats(crowd.alone):
        raise NotObserved("the model does not repeat a text, so that answers cannot be told apart")
    return found


def _foreign(crowd: Crowd) -> Iterator[Finding]:
    texts = (*crowd.asked, *(marker_of(x) for x in crowd.exchanges))
    numbers = {found for text in texts for found in _numbers(text)}
    for x in crowd.streams:
        if others := (_numbers(content(x)) & numbers) - _numbers(marker_of(x)):
            message = "an answer holds the text that another request asked for"
            yield Finding("OC-160", message, marker_of(x), f"{sorted(others)} in {content(x)[:200]!r}", (x.id,))


def _incomplete(crowd: Crowd) -> Iterator[Finding]:
    if not repeats(crowd.alone):
        return
    for x in crowd.streams:
        if is_finished(x) and finish_reason(x) == "stop" and not repeats(x):
            message = "an answer lacks what its own request asked for, and a single stream holds it"
            yield Finding("OC-160", message, marker_of(x), content(x)[:200], (x.id,))


def _shared_ids(crowd: Crowd) -> Iterator[Finding]:
    ids = {x.id: member(next(iter(chunks(x)), None), "id") for x in crowd.streams}
    times = Counter(value for value in ids.values() if is_filled(value))
    for exchange, value in ids.items():
        if is_filled(value) and times[value] > 1:
            yield Finding("OC-160", "several answers bear one id", "an id of its own", value[:80], (exchange,))


def repeats(x: Exchange) -> bool:
    """Whether an answer holds its own marker; case and punctuation do not matter."""
    return _plain(marker_of(x)) in _plain(content(x))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<!\d)\d{6}(?!\d)", text))


# --- Requests are answered --------------------------------------------------------------------------------------


def unanswered(crowd: Crowd, contract: Contract) -> list[Finding]:
    """Requests that were refused or broke off although the rate limit left room for them."""
    found = [(x, why) for x in crowd.exchanges if (why := _why_unanswered(x, contract)) is not None]
    return together("OC-161", [Finding("OC-161", why, "200", x.text[:200], (x.id,)) for x, why in found])


def _why_unanswered(x: Exchange, contract: Contract) -> str | None:
    if x.fault is not None and (x.fault.kind == "aborted" or "kept connection" in x.fault.message):
        return None  # we closed it, or the server closed an idle connection while we wrote: nobody's breach
    if x.head_status is None:
        return f"a request among many got no answer: {x.fault.message if x.fault else 'nothing came'}"
    if x.head_status == 429:
        left = number(x, contract, "remaining") if contract.trait("limits.headers", None) else None
        return f"a request was throttled although {left} remained of the limit" if left else None
    if x.head_status != 200:
        return f"a request among many was answered {x.head_status}"
    return "a stream among many ended with an error" if is_chunked(x) and stream_errors(x) else None


# --- Streams keep their rules -----------------------------------------------------------------------------------


def broken(crowd: Crowd, contract: Contract) -> list[Finding]:
    """Rules of streams that a single stream keeps and one of many does not."""
    kept = rules_kept(crowd.alone, contract)
    if not kept:
        raise NotObserved("a single stream was no subject of any rule")
    found = [finding for rule in kept for finding in judge(rule, crowd.exchanges, contract).findings]
    named = [replace(f, requirement="OC-162", message=f"{f.message} (only under load; {f.requirement})") for f in found]
    return together("OC-162", [*named, *_cut(crowd)])


def rules_kept(alone: Exchange, contract: Contract) -> list[Rule]:
    """The rules of streams whose subject the single stream is, and which it does not break."""
    of_streams = [rule for rule in rules_for(contract) if rule.judge.__module__ in RULES_OF_STREAMS]
    return [r for r in of_streams if (j := judge(r, [alone], contract)).subjects and not j.findings]


def _cut(crowd: Crowd) -> Iterator[Finding]:
    for x in crowd.exchanges:
        if is_served(x) and x.fault is not None and x.fault.kind != "aborted":
            yield Finding("OC-162", f"a stream among many broke off: {x.fault.message}", exchanges=(x.id,))


def together(requirement: str, findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each kind of breach, with how often it was seen and the first few exchanges."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.signature, []).append(finding)
    made = []
    for same in kinds.values():
        ids = tuple(dict.fromkeys(i for finding in same for i in finding.exchanges))
        times = f" ({len(ids)} times)" if len(ids) > 1 else ""
        made.append(replace(same[0], requirement=requirement, message=same[0].message + times, exchanges=ids[:SHOWN]))
    return made
