"""The device flow, RFC 8628."""

from __future__ import annotations

import pytest

from suites.sign_in.conftest import problem


def refusal(answer, due):
    """Fails when a poll was answered with a token, or with another error."""
    assert answer.status == 400, f"a poll that is due {due} was answered with {answer.status}"
    assert problem(answer) == due, f"a poll was answered with {problem(answer)} and not with {due}"


@pytest.mark.requirement("VL-014")
@pytest.mark.cost(calls=4)
def test_a_device_gets_a_token_once_it_is_approved(ask, device):
    answer, token = device.token("read")
    assert answer.json["token_type"].lower() == "bearer", f"token_type is {answer.json['token_type']!r}"
    assert answer.json.get("scope", "read") == "read", f"read was asked for and {answer.json['scope']!r} given"
    assert answer.json["expires_in"] > 0, f"expires_in is {answer.json['expires_in']}"
    used = ask.send("GET", "/models", key=token)
    assert used.status == 200, f"a token of the device flow was answered with {used.status}"


@pytest.mark.requirement("VL-014")
@pytest.mark.cost(calls=2)
def test_a_code_can_be_typed_and_not_guessed(ask, device):
    first, second = device.begin(), device.begin()
    for begun in (first, second):
        letters = [char for char in begun.json["user_code"] if char.isalnum()]
        assert 6 <= len(letters) <= 12, f"{begun.json['user_code']} is too short to be safe or too long to be typed"
        assert 0 < begun.json["expires_in"] <= 1800, f"the codes live for {begun.json['expires_in']} s"
    assert first.json["user_code"] != second.json["user_code"], "two devices were given the same code"
    for begun in (first, second):
        code = ask.inside(ask.issued(begun, "/device_code").reveal())
        assert len(code) >= 20, "the device code is short enough to be guessed"


@pytest.mark.requirement("VL-122")
@pytest.mark.cost(calls=2)
def test_a_device_waits_until_it_is_approved(device):
    refusal(device.poll(device.begin()), "authorization_pending")


@pytest.mark.requirement("VL-123")
@pytest.mark.cost(calls=3)
def test_a_device_that_polls_too_fast_is_told_so(device):
    begun = device.begin()
    refusal(device.poll(begun), "authorization_pending")
    refusal(device.poll(begun), "slow_down")


@pytest.mark.requirement("VL-124")
@pytest.mark.cost(calls=4)
def test_a_device_code_expires(ask, device):
    begun, control = device.begin(), ask.control
    try:
        control.advance(begun.json["expires_in"] + 1)
        late = device.decide(begun)
        answer = device.poll(begun)
    finally:
        control.set_clock(None)
    refusal(answer, "expired_token")
    assert late.status >= 400, f"a code that had expired was approved: {late.status}"


@pytest.mark.requirement("VL-125")
@pytest.mark.cost(calls=3)
def test_a_refused_device_gets_nothing(device):
    begun = device.begin()
    device.decided(begun, "deny")
    refusal(device.poll(begun), "access_denied")


@pytest.mark.requirement("VL-126")
@pytest.mark.cost(calls=5)
def test_a_device_code_is_good_for_one_token(device):
    begun = device.begin()
    device.decided(begun)
    first, second = device.poll(begun), device.poll(begun)
    assert first.status == 200, f"an approved device was answered with {first.status}"
    assert second.status == 400, f"a device code gave a second token: {second.status}"


@pytest.mark.requirement("VL-127")
@pytest.mark.cost(calls=6, completion_tokens=4)
def test_a_read_token_cannot_write(ask, device):
    _, token = device.token("read")
    read = ask.send("GET", "/usage", key=token)
    assert read.status == 200, f"the usage with the scope read was answered with {read.status}"
    spent = ask.chat(max_tokens=4, key=token)
    assert spent.status == 403, f"a chat with the scope read was answered with {spent.status}"
    body = {"name": "assay by a reader", "scopes": ["spark.read"], "ttl_days": 1}
    made = ask.send("POST", f"/orgs/{ask.named('org')}/api-keys", json=body, key=token, secrets=("/secret",))
    assert made.status == 403, f"a new key with the scope read was answered with {made.status}"


@pytest.mark.requirement("VL-127")
@pytest.mark.cost(calls=5, completion_tokens=4)
def test_a_write_token_can_write(ask, device):
    answer, token = device.token("read write")
    assert set(answer.json.get("scope", "read write").split()) == {"read", "write"}, "other scopes than asked for"
    spent = ask.chat(max_tokens=4, key=token)
    assert spent.status == 200, f"a chat with the scope write was answered with {spent.status}"
