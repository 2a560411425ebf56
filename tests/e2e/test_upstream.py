"""A gateway that is a closed box in front of a provider of ours: what the provider does wrong is seen on the bill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.model import Exit
from mockserver.behaviours import routes
from mockserver.call import Call
from mockserver.defects import find_defect
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server
from mockserver.upstream import Script
from mockserver.upstream.provider import provider
from tests.e2e.conftest import CONTRACT, Assay

TOKEN = "a token of the provider"
ASKED = ("BL-013", "BL-014", "BL-015", "BL-016", "BL-017", "VT-095", "VT-098")
TARGET = """
base_url = "{gateway}"
[keys]
main = "GATEWAY_KEY"
[spend]
cap_usd = "1"
[upstream]
url = "{provider}/control/v1"
token = "PROVIDER_TOKEN"
[balance]
url = "{origin}/api/volt/balance"
pointer = "/balance"
drain_s = 0.2
"""


@pytest.fixture
def judged(run: Assay, tmp_path: Path) -> Iterator[object]:
    """Runs the checks that need a provider of ours against a gateway without a control API."""
    with ExitStack() as stack:
        behind = stack.enter_context(provider(Script(), Options(control_token=TOKEN, ttft=0, itl=0)))

        def against(gateway: Gateway) -> tuple[int, dict[str, str]]:
            front = stack.enter_context(Server(CONTRACT, gateway, Options(upstream=behind.base_url)))
            path = tmp_path / "target.toml"
            path.write_text(TARGET.format(gateway=front.base_url, origin=front.origin, provider=behind.origin))
            only = [word for i in ASKED for word in ("--only", i)]
            environ = {"GATEWAY_KEY": front.main_key, "PROVIDER_TOKEN": TOKEN}
            done = run(CONTRACT, "--target", str(path), *only, environ=environ)
            return done.code, {i: outcome for i, outcome in done.outcomes().items() if i in ASKED}

        yield against


def test_an_honest_gateway_is_right_behind_every_fault(judged) -> None:  # type: ignore[no-untyped-def]
    code, outcomes = judged(Gateway())
    assert outcomes == dict.fromkeys(ASKED, "pass")
    assert code == Exit.CONFORMS


def test_a_gateway_that_adds_up_cumulative_usage_is_found(judged) -> None:  # type: ignore[no-untyped-def]
    code, outcomes = judged(find_defect("adds-up-cumulative-usage").apply(Gateway()))
    assert (code, outcomes["BL-014"]) == (Exit.DOES_NOT_CONFORM, "fail")


USAGE = """
base_url = "{gateway}"
[keys]
main = "GATEWAY_KEY"
[costs]
source = "usage"
url = "{origin}/api/volt/usage"
pointer = "/total_cost"
"""


def spent_more(call: Call) -> int:
    return routes.spent(call) * 2


@pytest.mark.parametrize(("gateway", "outcome"), [(Gateway(), "pass"), (Gateway(spent=spent_more), "fail")])
def test_a_stated_total_is_held_against_what_was_used(
    run: Assay, tmp_path: Path, gateway: Gateway, outcome: str
) -> None:
    with Server(CONTRACT, gateway) as front:
        path = tmp_path / "target.toml"
        path.write_text(USAGE.format(gateway=front.base_url, origin=front.origin))
        done = run(CONTRACT, "--target", str(path), "--only", "BL-041", environ={"GATEWAY_KEY": front.main_key})
    assert done.outcomes()["BL-041"] == outcome
