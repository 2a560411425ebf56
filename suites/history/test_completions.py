"""Completions that are kept: read again, rated, and nobody else's."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.judge import chat
from harness.wire.exchange import Exchange
from suites.denials import invalid
from suites.reading import accepted, said

pytestmark = pytest.mark.cost(calls=4, completion_tokens=32)
NOWHERE = "chatcmpl-assay-no-such-completion-7f3a"
RATED = {200, 201, 204}
MEMBERS = {"id", "created", "model", "choices", "usage"}
WRONG_VOTES = {"none": OMIT, "sideways": "sideways", "empty": "", "capitals": "UP", "a number": 1, "true": True}


@probe(calls=2, completion_tokens=32)
def remembered(ask: Ask) -> tuple[Exchange, Exchange]:
    """An answer, and the same read again by its id."""
    answer = accepted(ask.chat("Count from 1 to 8, separated by spaces.", max_tokens=32))
    return answer, read(ask, answer.json["id"])


def read(ask: Ask, completion: str, key: str = "main") -> Exchange:
    return ask.send("GET", f"/chat/completions/{completion}", key=key)


def rate(ask: Ask, completion: str, vote: object, key: str = "main") -> Exchange:
    body = {} if vote is OMIT else {"vote": vote}
    return ask.send("POST", f"/chat/completions/{completion}", json=body, key=key)


@pytest.mark.requirement("VU-045")
def test_a_completion_is_read_again(remembered):
    answer, kept = remembered
    assert kept.status == 200, f"reading a completion again was answered with {kept.status}"
    for name in ("id", "model"):
        assert kept.json[name] == answer.json[name], f"a completion was kept with another {name}"
    assert chat.content(kept) == said(answer), f"a completion was kept with the text {chat.content(kept)[:80]!r}"


@pytest.mark.requirement("VU-047")
def test_a_kept_completion_has_its_members(remembered):
    answer, kept = remembered
    missing = MEMBERS - kept.json.keys()
    assert not missing, f"a kept completion lacks {sorted(missing)}"
    assert chat.usage(kept) == chat.usage(answer), (
        f"the usage was {chat.usage(answer)}, and is kept as {chat.usage(kept)}"
    )


@pytest.mark.requirement("VU-046")
def test_an_unknown_completion_is_404(ask):
    answer = read(ask, NOWHERE)
    assert answer.status == 404, f"a completion that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-170")
def test_a_stream_is_kept(ask):
    streamed = ask.chat("Count from 1 to 8, separated by spaces.", max_tokens=32, stream=True)
    text = said(streamed)
    kept = read(ask, chat.chunks(streamed)[0]["id"])
    assert kept.status == 200, f"reading a streamed completion again was answered with {kept.status}"
    assert chat.content(kept) == text, f"a stream was kept with the text {chat.content(kept)[:80]!r}"


@pytest.mark.requirement("VU-048", "VU-050")
@pytest.mark.parametrize("vote", ["up", "down"])
def test_a_vote_is_taken(ask, remembered, vote):
    answer = rate(ask, remembered[0].json["id"], vote)
    assert answer.status in RATED, f"a vote {vote} was answered with {answer.status}"


@pytest.mark.requirement("VU-050")
@pytest.mark.parametrize("wrong", WRONG_VOTES)
def test_another_vote_is_refused(ask, contract, remembered, wrong):
    invalid(rate(ask, remembered[0].json["id"], WRONG_VOTES[wrong]), contract, f"a vote that is {wrong}")


@pytest.mark.requirement("VU-050")
def test_a_second_vote_is_taken(ask, remembered):
    completion = remembered[0].json["id"]
    statuses = [rate(ask, completion, vote).status for vote in ("up", "down", "down")]
    assert set(statuses) <= RATED, f"three votes on one completion were answered with {statuses}"


@pytest.mark.requirement("VU-049")
def test_rating_needs_a_completion(ask):
    answer = rate(ask, NOWHERE, "up")
    assert answer.status == 404, f"a vote on a completion that there is not was answered with {answer.status}"


@pytest.mark.requirement("VU-156")
def test_nobody_reads_a_strangers_completion(ask, remembered):
    answer, _ = remembered
    strangers = read(ask, answer.json["id"], key="second_tenant")
    assert strangers.status == 404, f"a stranger's completion was answered with {strangers.status}"
    assert said(answer) not in strangers.text, "a stranger's completion is told"
    vote = rate(ask, answer.json["id"], "down", key="second_tenant").status
    assert vote == 404, f"a vote on a stranger's completion was answered with {vote}"
