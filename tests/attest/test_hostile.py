"""Evidence, collateral and moments made to make a judge fall over, or say more than it knows: neither happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.attest import Code, Policy, Rejected
from harness.attest.adapters import read
from tests.attest.forge import QUOTE, Parts, Trial, stated
from tests.attest.formats import dumped, rack

_DEBUG = Parts().put(48 + 120, (int.from_bytes(QUOTE[168:176], "little") | 1).to_bytes(8, "little")).encode()
_TAKES_MUCH = Policy(statuses=frozenset({"UpToDate", "OutOfDate"}), grace_s=10**10, allow_debug=True)


def test_registers_given_as_text_are_read_like_registers_given_as_an_object() -> None:
    document = rack()
    values = document["nodes"][0]["tpm_pcr_values"]
    document["nodes"][0]["tpm_pcr_values"] = json.dumps(values)
    assert read(dumped(document)).nodes[0].registers == read(dumped(rack())).nodes[0].registers  # type: ignore[union-attr]
    document["nodes"][0]["tpm_pcr_values"] = json.dumps({"0": 7})
    with pytest.raises(Rejected):
        read(dumped(document))


def _listed(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """A structure given as a list, which the engine's reader takes as well."""

    def change(info: dict[str, Any]) -> None:
        info["tcbLevels"][0]["tcbStatus"] = "OutOfDate"
        at: Any = info
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = list(at[path[-1]].values())[:1]

    return change


@pytest.mark.parametrize("quote", [QUOTE, _DEBUG], ids=["quote", "debug"])
@pytest.mark.parametrize("name", ["sgxtcbcomponents", "tdxtcbcomponents"])
def test_signed_collateral_of_an_odd_shape_is_refused_and_not_stumbled_over(quote: bytes, name: str) -> None:
    trial = stated("tcb_info", _listed("tcbLevels", 0, "tcb", name, 15), quote=quote, policy=_TAKES_MUCH)
    assert trial.judged().code in (Code.COLLATERAL_MALFORMED, Code.TCB_INFO_MALFORMED)


@pytest.mark.parametrize("moment", [datetime(1960, 1, 1, tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
@pytest.mark.parametrize("quote", [QUOTE, _DEBUG], ids=["quote", "debug"])
def test_a_moment_before_1970_is_before_every_statement(quote: bytes, moment: datetime) -> None:
    assert Trial(quote=quote, at=moment, policy=_TAKES_MUCH).judged().code is Code.TCB_INFO_NOT_YET_VALID


@pytest.mark.parametrize("root", [b"", b"junk", bytes(100)], ids=["nothing", "text", "zeros"])
def test_a_root_that_is_no_certificate_is_collateral_that_cannot_be_read(root: bytes) -> None:
    assert Trial(root=root).judged().code is Code.COLLATERAL_MALFORMED
