"""Which contract a deployment speaks: the mocks are told apart, strangers are not taken for one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from click.testing import CliRunner, Result

import specs
from harness import cli
from harness.commands.recognition import Likeness, Sign, likely
from mockserver.serve import Server


def typed(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli.main, ["probe", *words], env=environ)


@pytest.fixture(scope="module", params=specs.names())
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as running:
        yield running


def test_a_mock_is_recognised(server: Server) -> None:
    found = json.loads(typed(str(server.target_path), "--json").stdout)
    first = found["ranking"][0]
    assert (found["likely"], first["differing"]) == (server.contract.name, 0)
    assert first["agreeing"] >= 5
    assert found["calls"] <= 12
    assert all(row["differing"] > 0 for row in found["ranking"][1:])


def test_the_page_names_the_contract_and_a_reason(server: Server) -> None:
    said = typed(str(server.target_path))
    assert said.exit_code == 0
    assert f"most likely speaks {server.contract.name}" in said.stdout
    assert "is taken in" in said.stdout


def test_without_a_key_only_what_needs_none_is_compared() -> None:
    with Server("voltagegpu-confidential") as running:
        found = json.loads(typed(running.base_url, "--json", ASSAY_API_KEY="").stdout)
    first, second = found["ranking"][:2]
    assert found["likely"] is None  # the older contract of the same host refuses strangers in the same words
    assert {first["contract"], second["contract"]} == {"voltagegpu-confidential", "voltagegpu-inference"}
    assert "a chat request for an unknown model" not in {sign["what"] for sign in first["signs"]}


STRANGE: dict[str, httpx.Response] = {
    "HTML": httpx.Response(404, headers={"Content-Type": "text/html"}, text="<h1>no</h1>"),
    "everything is well": httpx.Response(200, json={"data": "yes"}),
    "error as text": httpx.Response(500, json={"error": "no"}),
    "lists": httpx.Response(200, json=[[[]]]),
}


@pytest.mark.parametrize("name", STRANGE)
@respx.mock
def test_a_stranger_is_not_taken_for_one_of_ours(name: str) -> None:
    respx.route(host="api.test").mock(STRANGE[name])
    said = typed("http://api.test/v1", "--json", ASSAY_API_KEY="sk-0123456789")
    assert (said.exit_code, json.loads(said.stdout)["likely"]) == (1, None)


def test_nobody_there_is_told_and_nothing_is_guessed(tmp_path: Path) -> None:
    said = typed("http://127.0.0.1:9/v1")
    assert said.exit_code == 4
    assert "refused" in said.output


def signs(agreeing: int, differing: int) -> tuple[Sign, ...]:
    return tuple(Sign("x", "y", "z", n < agreeing) for n in range(agreeing + differing))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([(5, 0), (3, 2)], "c0"),
        ([(5, 0), (5, 0)], None),
        ([(2, 2)], None),
        ([(0, 0)], None),
        ([(3, 1), (9, 2)], "c0"),
    ],
)
def test_what_is_unclear_is_called_unclear(counts: list[tuple[int, int]], expected: Any) -> None:
    assert likely([Likeness(f"c{n}", signs(*pair)) for n, pair in enumerate(counts)]) == expected


@pytest.mark.parametrize(
    ("spoken", "chosen"), [("voltagegpu-inference", "voltagegpu-openapi"), ("voltagegpu-openapi", "openai-core")]
)
def test_a_run_by_the_wrong_contract_names_the_right_one(spoken: str, chosen: str, tmp_path: Path) -> None:
    with Server(spoken) as running:
        words = ["run", chosen, "--target", str(running.target_path), "--suite", "contract", "--out", str(tmp_path)]
        said = CliRunner().invoke(cli.main, words)
    assert said.exit_code in {1, 2}
    assert f"most likely speaks {spoken}" in said.output
