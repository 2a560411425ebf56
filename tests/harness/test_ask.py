"""A call says exactly what its arguments say, and the default model is the cheapest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from harness.asking.ask import OMIT, PROMPT, Ask
from harness.asking.listing import CATALOGUE_TRIES
from harness.asking.probe import FREE, Cost, cost_of, probe
from harness.model import NotObserved
from harness.record.curl import curl
from harness.wire.exchange import TargetFault
from tests.harness.conftest import KEY
from tests.harness.hostile import answer, serving

pytest_plugins = ["pytester"]

Connect = Callable[..., Ask]
URL = "http://api.test/v1"
ROWS: list[Any] = [
    {"id": "dear", "pricing": {"prompt": 3, "completion": 3}},
    {"id": "cheap", "pricing": {"prompt": 0.5, "completion": 1.25}},
    {"id": "odd", "pricing": {"prompt": "0", "completion": None}},
    {"no": "id"},
    7,
]


def chat(router: respx.MockRouter) -> respx.Route:
    return router.post(f"{URL}/chat/completions").mock(httpx.Response(200, json={}))


def sent(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


@respx.mock
def test_a_chat_has_the_usual_members(connect: Connect, respx_mock: respx.MockRouter) -> None:
    route = chat(respx_mock)
    connect(URL, default_model="m").chat(temperature=0)
    assert sent(route) == {
        "model": "m",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": 16,
        "temperature": 0,
    }


@respx.mock
def test_members_are_replaced_omitted_or_null(connect: Connect, respx_mock: respx.MockRouter) -> None:
    route = chat(respx_mock)
    connect(URL).chat(model=OMIT, messages="wrong", max_tokens=OMIT, stream=False, stop=None)
    assert sent(route) == {"messages": "wrong", "stream": False, "stop": None}


@respx.mock
def test_a_body_goes_out_as_it_is(connect: Connect, respx_mock: respx.MockRouter) -> None:
    route = chat(respx_mock)
    found = connect(URL).send("POST", "/chat/completions", content=b'{"a": NaN', headers={"content-type": "text/odd"})
    request = route.calls.last.request
    assert request.content == b'{"a": NaN'
    assert request.headers.get_list("content-type") == ["text/odd"]
    assert found.request.json is None


@respx.mock
def test_the_default_model_is_the_cheapest_row(connect: Connect) -> None:
    route = respx.get(f"{URL}/models").mock(httpx.Response(200, json={"data": ROWS}))
    ask = connect(URL, contract="voltagegpu-confidential")
    before, default, after = ask.chosen_model, ask.default_model, ask.chosen_model
    assert (before, default, after) == (None, "cheap", "cheap")
    assert [row["id"] for row in ask.catalogue] == ["dear", "cheap", "odd"]
    assert (str(ask.price("cheap")), ask.price("odd")) == ("(Decimal('0.5'), Decimal('1.25'))", None)
    assert route.call_count == 1


@respx.mock
def test_an_unlisted_model_is_as_dear_as_the_dearest(connect: Connect) -> None:
    respx.get(f"{URL}/models").mock(httpx.Response(200, json={"data": ROWS}))
    ask = connect(URL, contract="voltagegpu-confidential")
    listed = [price for row in ask.catalogue if (price := ask.price(row["id"])) is not None]
    assert ask.price("none") == (max(p for p, _ in listed), max(c for _, c in listed))


@respx.mock
def test_a_catalogue_that_fails_is_not_asked_for_again_and_again(connect: Connect) -> None:
    route = respx.get(f"{URL}/models").mock(httpx.Response(500, json={}))
    ask = connect(URL)
    for _ in range(10):
        with pytest.raises(TargetFault, match=r"answered 500"):
            _ = ask.default_model
    assert route.call_count == CATALOGUE_TRIES


def test_a_target_that_does_not_answer_is_not_asked_to_name_a_model(connect: Connect) -> None:
    with pytest.raises(TargetFault, match="is it running, and the address right"):
        _ = connect("http://127.0.0.1:1/v1").default_model


@pytest.mark.parametrize("body", [{"data": []}, {"data": 3}, [], {}])
@respx.mock
def test_an_empty_catalogue_is_not_observed(connect: Connect, body: Any) -> None:
    respx.get(f"{URL}/models").mock(httpx.Response(200, json=body))
    ask = connect(URL)
    with pytest.raises(NotObserved, match="no models"):
        _ = ask.catalogue
    assert ask.model_or_none() is None


@respx.mock
def test_a_refused_catalogue_is_a_fault(connect: Connect) -> None:
    respx.get(f"{URL}/models").mock(httpx.Response(401, json={}))
    with pytest.raises(TargetFault, match="answered 401"):
        _ = connect(URL).catalogue


@respx.mock
def test_a_key_that_the_answer_echoes_is_not_seen(connect: Connect) -> None:
    respx.get(f"{URL}/models").mock(httpx.Response(200, json={"you": KEY}))
    ask = connect(URL)
    assert ask.models().json == {"you": "${THE_KEY}"}
    assert KEY not in repr(ask.seen)


@respx.mock
def test_seen_begins_anew_with_every_test_and_names_who_asked(connect: Connect) -> None:
    respx.get(f"{URL}/models").mock(httpx.Response(200, json={}))
    ask = connect(URL)
    ask.begin("first")
    ask.models()
    ask.begin("second")
    with ask.asking("a probe"):
        ask.models()
    ask.models()
    assert [exchange.probe for exchange in ask.seen] == ["a probe", "second"]


def test_a_probe_bears_its_price_and_its_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from harness.asking.ask import Ask
        from harness.asking.listing import CATALOGUE_TRIES
        from harness.asking.probe import Cost, cost_of, probe

        class Fake(Ask):
            def __init__(self): self.probe = "outside"

        @pytest.fixture(scope="session")
        def ask(): return Fake()

        @probe(calls=2, prompt_tokens=5, completion_tokens=7)
        def plain(ask): return ask.probe

        def test_it(plain, ask, request):
            (definition,) = request._fixturemanager.getfixturedefs("plain", request.node)
            assert (plain, ask.probe, definition.scope) == ("plain", "outside", "session")
            assert cost_of(definition.func) == Cost(2, 5, 7)
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:assay").assert_outcomes(passed=1)


def test_costs_add_up_and_the_rest_is_free() -> None:
    assert Cost(1, 2, 3, "image") * 2 == Cost(2, 4, 6, "image")
    assert cost_of(len) is FREE
    assert callable(probe(calls=1))


def test_the_curl_line_asks_the_same_again(connect: Connect, tmp_path: Path) -> None:
    nasty = 'it\'s $HOME `id` "x" \\ ${THE_KEY}\n'
    with serving(answer(b"{}")) as server:
        found = connect(server.url).chat(nasty, model="m")
        line = curl(found, connect(server.url).target)
    assert KEY not in line
    # The shell's own view of the words: what curl would be given.
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{line}"
    words = subprocess.run(["/bin/sh", "-c", script], env={"THE_KEY": KEY}, capture_output=True, check=True).stdout
    arguments = words.decode().split("\0")
    assert f"Authorization: Bearer {KEY}" in arguments
    body = arguments[arguments.index("--data-binary") + 1]
    assert json.loads(body)["messages"][0]["content"] == nasty.replace("${THE_KEY}", KEY)


def test_the_main_key_stands_for_one_that_was_made_for_the_run(connect: Connect) -> None:
    """A line with a key that nobody has any more would only ever be refused."""
    with serving(answer(b"{}")) as server:
        ask = connect(server.url)
        found = ask.chat("hello", model="m")
    issued = replace(found.request, headers=(("Authorization", "Bearer ${ISSUED_KEY_3}"),))
    line = curl(replace(found, request=issued), ask.target)
    assert """-H 'Authorization: Bearer '"$THE_KEY\"""" in line
    assert line.endswith("# the run had ISSUED_KEY_3 made; THE_KEY stands for it")


def test_a_large_body_is_named_and_not_written_out(connect: Connect) -> None:
    with serving(answer(b"{}")) as server:
        ask = connect(server.url, default_model="m", cap="9")
        found = ask.chat("x" * 100_000)
        line = curl(found, ask.target)
    assert len(line) < 1000
    assert line.endswith(
        f"--data-binary @{found.id}.body # {found.id}.body: {len(found.request.body)} bytes, "
        f"request.body of {found.id} in exchanges.jsonl"
    )
