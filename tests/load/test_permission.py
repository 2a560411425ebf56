"""What a worker may be told to do: nothing beside its own target."""

from __future__ import annotations

import pytest

from harness.load.permission import NotAllowed, Permission
from harness.load.scenario import Scenario

OWN = Permission("https://gateway.example/v1", frozenset({"KEY", "OTHER"}), "/own/ca.pem")


def scenario(url: str, *keys: str | None) -> Scenario:
    return Scenario(url, ("{}",), 1, 1.0, credential=keys[0], more_credentials=keys[1:], ca_bundle="/theirs")  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [("KEY",), ("OTHER", "KEY"), (None,)])
def test_its_own_target_with_its_own_keys(keys: tuple[str | None, ...]) -> None:
    assert OWN.within(scenario("https://gateway.example/v1/chat/completions", *keys)).ca_bundle == "/own/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example/v1/chat/completions",
        "https://gateway.example:444/v1/chat/completions",
        "https://gateway.example@elsewhere.example/v1/chat/completions",
        "https://gateway.example.elsewhere.example/v1/chat/completions",
        "https://gateway.example/v1/../admin",
        "https://gateway.example/v10/chat/completions",
        "https://gateway.example/v1",
        "/v1/chat/completions",
    ],
)
def test_nothing_else(url: str) -> None:
    with pytest.raises(NotAllowed, match="requests to"):
        OWN.within(scenario(url, "KEY"))


def test_no_other_variable() -> None:
    with pytest.raises(NotAllowed, match="asks for AWS_SECRET, and"):
        OWN.within(scenario("https://gateway.example/v1/chat/completions", "KEY", "AWS_SECRET"))
