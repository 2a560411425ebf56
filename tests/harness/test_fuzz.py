"""Generated requests: what is asked goes where the target is, and what was not answered decides nothing."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import specs
from harness.asking.ask import Ask
from harness.fuzz.alike import Alike, Rewriter, alike_again
from harness.fuzz.cases import BYTES_PER_TOKEN, EFFORTS, Batch, Effort, batches, combined, tamed
from harness.fuzz.causes import Causes, Inquiry
from harness.fuzz.conversing import DECIDED, ENOUGH, Converser, lost
from harness.fuzz.explorer import Explorer, is_bodily_wrong
from harness.fuzz.hostile import REFUSED_OR_CLOSED, Attack
from harness.fuzz.judging import told
from harness.fuzz.links import resources
from harness.fuzz.names import misspelt
from harness.fuzz.ordinary import IN_PARTS, in_one, requests
from harness.fuzz.rewrite import REWRITINGS, Subject, differences
from harness.fuzz.schedule import LEAST, Schedule
from harness.fuzz.secrets import given_away
from harness.fuzz.shelves import shelves
from harness.fuzz.shrink import smaller
from harness.fuzz.siege import Besieger, judged
from harness.fuzz.socket import Speaker, Spoken
from harness.fuzz.things import targets
from harness.model import NotObserved
from harness.wire.exchange import Chunk, Exchange, Request
from suites.fuzz.conftest import held_by
from tests.harness import hostile
from tests.harness.hostile import serving

EFFORT = EFFORTS["quick"]


@pytest.mark.parametrize(("n", "asked"), [(9, 2), (1, 1), ("many", "many"), (None, None), ([3], [3])])
def test_results_are_few_where_their_number_is_one(n: object, asked: object) -> None:
    assert tamed({"n": n}, "image", "a/model", stream=False)["n"] == asked


@pytest.mark.parametrize("profile", ["quick", "standard"])  # generating for the full one takes 15 s
def test_the_valid_requests_cost_no_more_than_the_plan_says(profile: str) -> None:
    effort = EFFORTS[profile]
    for batch in batches("openai-core", effort, 1):
        if not batch.pays:
            continue
        bodies = [
            json.dumps(tamed(case.body, batch.kind, "maker/a-model-of-some-name", stream=True)) for case in batch.cases
        ]
        assert sum(map(len, bodies)) // BYTES_PER_TOKEN <= effort.cost.prompt_tokens
        assert len(bodies) >= effort.paid // 2  # each holds several values


def _paid_for(effort: Effort) -> Batch:
    return next(batch for batch in batches("openai-core", effort, 1) if batch.pays)


def test_what_is_free_is_asked_first_and_what_costs_money_though_time_is_out() -> None:
    schedule = Schedule(batches("openai-core", EFFORTS["standard"], 1))
    assert not any(lane.batch.pays for lane, _ in schedule.first())
    assert sum(lane.batch.pays for lane, _ in schedule.last()) == LEAST


@pytest.mark.parametrize("contract", ["openai-core", "vultr-inference", "voltagegpu-openapi"])
def test_ordinary_requests_are_valid_and_promised(contract: str) -> None:
    stated = specs.load(contract)
    valid = _validator(stated, "/chat/completions")
    made = requests(stated, 1)
    assert made == requests(stated, 1)
    for one in made:
        body = {"model": "m", "messages": list(one.messages), **one.members, "stream": False}
        assert list(valid.iter_errors(body)) == []
        assert {message["role"] for message in one.messages} <= {
            *(stated.trait("chat.roles", None) or ("system", "user", "assistant", "tool")),
            "developer" if stated.trait("chat.developer_role", True) else "user",
        }


def _validator(contract: specs.Contract, path: str) -> jsonschema.Draft202012Validator:
    schema = contract.openapi["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator({**schema, "components": contract.openapi.get("components", {})})


@given(st.text("abc é🦊\n", min_size=30))
def test_only_blanks_and_odd_characters_are_lost_characters(text: str) -> None:
    assert not lost(text, text)
    assert not lost(text, text.replace("a", "c") + "b")  # another text is chance
    plain = [char for char in text if "!" <= char <= "~"]
    assert lost(text, "".join(plain)) is (len(plain) >= ENOUGH and len(plain) < len(text))


def test_lists_whose_entries_have_a_path_are_found() -> None:
    assert [shelf.path for shelf in shelves(specs.load("openai-core"))] == ["/models"]
    assert list(shelves(specs.load("voltagegpu-openapi"))) == []


def test_a_case_without_a_whole_answer_is_no_case(connect: Callable[..., Ask]) -> None:
    batch = _paid_for(EFFORT)
    with serving(hostile.half_closed) as server:
        explorer = Explorer(connect(server.url, default_model="m"), EFFORT, 1)
        explorer._round([replace(batch, cases=batch.cases[:1])], {})
    assert not explorer.found.cases
    assert len(explorer.found.broken) == 1


@pytest.mark.parametrize(
    ("look", "missed"),
    [
        (lambda ask: Converser(ask, "main", 1, lambda *_, **__: "m").explore(), DECIDED),
        (lambda ask: Rewriter(ask, "main", 1).ask_rest(), {f"FZ-02{n}" for n in range(7)}),
        (lambda ask: Besieger(ask, "main").explore(), {"FZ-049", "FZ-051"}),
    ],
    ids=["ordinary", "rewritten", "hostile"],
)
def test_what_no_money_was_left_for_is_missed(
    connect: Callable[..., Ask], look: Callable[[Ask], Inquiry], missed: set[str]
) -> None:
    with serving(hostile.answer(b"{}", hostile.JSON, b"Connection: close"), requests=1000) as server:
        found = look(connect(server.url, cap="0", default_model="m"))
    assert missed <= found.missed


def test_what_was_missed_is_missed_when_it_is_judged_again() -> None:
    assert alike_again(Alike(missed={"FZ-020"}).notes(), {}).missed == {"FZ-020"}


def test_a_requirement_that_was_not_asked_in_full_is_not_observed() -> None:
    found = Inquiry(asked=Counter({"FZ-050": 3, "FZ-051": 3}), missed={"FZ-049", "FZ-051"})
    check = held_by(found, "no such attack was made")
    check("FZ-050")
    with pytest.raises(NotObserved, match="cap"):
        check("FZ-051")
    with pytest.raises(NotObserved, match="no such attack"):
        check("FZ-052")


def test_the_path_is_below_the_base_url_however_its_host_is_spelled(connect: Callable[..., Ask]) -> None:
    batch = next(found for found in batches("openai-core", EFFORT, 1) if found.operation == "listModels")
    with serving(hostile.answer(b"{}", hostile.JSON, b"Connection: close")) as server:
        explorer = Explorer(connect(server.url.replace("127.0.0.1", "LOCALHOST"), default_model="m"), EFFORT, 1)
        explorer._round([replace(batch, cases=batch.cases[:1])], {})
    assert server.heads[0].split(b" ")[1] == b"/v1/models"


VIOLATION = """0 is less than the minimum of 1

Validated against the response schema for status code 200.

Schema at /components/schemas/Chat/properties/created:

    {
        "minimum": 1,
        "type": "integer"
    }

Value:

    0"""


def test_a_violation_is_told_in_parts() -> None:
    message, expected, observed = told(VIOLATION)
    assert message == "0 is less than the minimum of 1 at /components/schemas/Chat/properties/created"
    assert (expected, observed) == ('{ "minimum": 1, "type": "integer" }', "0")


def test_other_words_stay() -> None:
    assert told("Received: 418\n\nDocumented: 200, 400") == ("Received: 418 Documented: 200, 400", None, None)
    assert len(told("x" * 1000)[0]) == 300


def test_one_cause_is_one_finding_shown_by_its_shortest_request() -> None:
    causes = Causes()
    for size in (30, 5, 12):
        causes.add("FZ-001", "it breaks", [_answered(b"x" * size, str(size))], f"operation {size}")
    (found,) = causes.of("FZ-001")
    assert found.exchanges == ("5",)
    assert "in 3 answers of operation 12, operation 30, operation 5" in (found.observed or "")


def test_the_signature_does_not_know_what_was_asked() -> None:
    one, two = Causes(), Causes()
    one.add("FZ-001", "it breaks", [_answered(b"a", "1")], "first", observed="this")
    two.add("FZ-001", "it breaks", [_answered(b"b", "2")], "second", observed="that")
    assert one.of("FZ-001")[0].signature == two.of("FZ-001")[0].signature


def test_combined_values_hold_every_single_one() -> None:
    single = [case for case in _paid_for(EFFORTS["standard"]).cases if case.meta is not None]
    packs = combined(single)
    assert len(packs) < len(single)
    named = {name for case in single for name in case.body}
    assert named == {name for pack in packs for name in pack.body}


@given(
    st.dictionaries(
        st.text("abcxyz_", min_size=1),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
        max_size=6,
    ),
    st.integers(0, 1000),
)
def test_a_rewriting_says_the_same(body: dict[str, Any], seed: int) -> None:
    sent = json.dumps(body).encode()
    headers = (("Host", "h"), ("Content-Type", "application/json"), ("Content-Length", str(len(sent))))
    subject = Subject("any", "POST", "/v1/chat/completions", headers, sent)
    for name, (_, rewritten) in REWRITINGS.items():
        pieces = rewritten(subject, random.Random(seed))
        assert pieces is not None
        head, _, rest = b"".join(p for p in pieces if isinstance(p, bytes)).partition(b"\r\n\r\n")
        if b"chunked" in head:
            continue
        assert f"content-length: {len(rest)}".encode() in head.lower().replace(b" \t", b" ").replace(b":  ", b": "), (
            name
        )
        read = json.loads(rest)
        assert {n: v for n, v in read.items() if not n.startswith("x_assay_")} == body, name


def test_a_difference_is_told_and_what_varies_is_not() -> None:
    first, second = {"status": "200", "/id": "str", "/n": "1"}, {"status": "200", "/id": "str", "/n": "2"}
    assert differences(first, second, {"status": "200", "/id": "str", "/n": "3"}) == []
    assert differences(first, second, {"status": "400", "/id": "str", "/n": "1"}) == ["status: 200, then 400"]


def test_a_hostile_request_may_be_refused_and_nothing_else() -> None:
    attack = Attack("FZ-046", "any", (b"",), REFUSED_OR_CLOSED, one_answer=True)
    refused, served = (_answered(b"", "1", status) for status in (400, 200))
    assert judged(attack, Spoken((refused,), True, False)) is None
    assert judged(attack, Spoken((), True, False)) is None
    assert judged(attack, Spoken((served,), False, False)) == "a hostile request is not refused"
    assert judged(attack, Spoken((refused, refused), True, False)) == "what was smuggled into a request is answered"


def test_a_socket_counts_the_answers_that_nobody_asked_for(connect: Callable[..., Ask]) -> None:
    twice = hostile.answer(b"{}", hostile.JSON) * 2
    with serving(twice) as server:
        ask = connect(server.url, default_model="m")
        spoken = Speaker(ask, None).say([b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n"], listen_on=True)
    assert [answer.head_status for answer in spoken.answers] == [200, 200]
    assert all("role" in x.intent for x in ask.client.journal.exchanges)


def test_resources_come_from_links() -> None:
    (documents,) = [one for one in resources(specs.load("vultr-inference")) if one.delete is not None]
    assert (documents.create.name, documents.pointer, documents.above) == (
        "createCollection",
        "/collection/id",
        "/collection",
    )
    assert [one.create.name for one in documents.inside] == ["addItem"]
    assert resources(specs.load("openai-core")) == []


def test_what_is_left_out_makes_a_request_smaller() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a long text to be cut"}]}
    made = list(smaller(body))
    assert {"model": "m"} in made
    assert {"messages": body["messages"]} in made
    assert all(len(json.dumps(each)) < len(json.dumps(body)) for each in made)


def _answered(body: bytes, name: str, status: int = 200) -> Exchange:
    asked = Request("POST", "http://h/v1/chat/completions", (), body)
    return Exchange(name, "fuzz", asked, status, (), (), None, "2026-01-01T00:00:00Z", 1, 1)


@given(name=st.text("abcXYZ-/.0189", min_size=1, max_size=20), known=st.sets(st.text("abX-", max_size=3)))
def test_a_misspelt_name_is_another_one_that_nobody_knows(name: str, known: set[str]) -> None:
    made = list(misspelt(name, {name, *known}))
    assert not {name, "", *known} & set(made)
    assert all(abs(len(other) - len(name)) <= 1 for other in made)


def test_parts_are_joined_and_nothing_else() -> None:
    parts = next(one for one in requests(specs.load("openai-core"), 1) if one.name == IN_PARTS)
    same = in_one(parts)
    assert same is not None
    texts = [part["text"] for part in parts.messages[-1]["content"]]
    assert same.messages == (*parts.messages[:-1], {**parts.messages[-1], "content": "".join(texts)})
    assert in_one(same) is None


@given(text=st.text(min_size=1).filter(lambda text: not text.isascii()))
def test_a_cut_inside_characters_loses_nothing(text: str) -> None:
    body = json.dumps({"content": text}).encode()
    subject = Subject("s", "POST", "/v1/x", (("Host", "h"), ("Content-Length", str(len(body)))), body)
    pieces = REWRITINGS["cut inside characters"][1](subject, random.Random(1))
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return
    assert pieces is not None
    sent = [piece for piece in pieces if isinstance(piece, bytes)]
    head, _, said = b"".join(sent).partition(b"\r\n\r\n")
    assert json.loads(said) == {"content": text}
    assert f"Content-Length: {len(said)}".encode() in head
    assert all(not _is_utf_8(piece) for piece in sent[:-1])


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except ValueError:
        return False
    return True


def test_where_a_secret_is_to_be_had_is_no_secret() -> None:
    told = {"kubeconfig_endpoint": "/v1/a", "kubeconfig": "b", "client_secret": "c", "id_token": "d", "paid_token": "e"}
    answer = replace(_answered(b"", "x1"), chunks=(Chunk(1, json.dumps(told).encode()),))
    assert given_away(answer) == ["b", "c", "d"]


def test_links_lead_to_operations_with_bodies() -> None:
    contract = specs.load("vultr-inference")
    assert {"updateCollection", "searchCollection"} <= set(targets(contract, "createCollection"))
    wrong = [case for batch in batches(contract.name, EFFORT, 1) for case in batch.cases if is_bodily_wrong(case)]
    assert any("{id}" in case.path for case in wrong)
    assert all(case.method in {"POST", "PATCH", "PUT"} for case in wrong)
