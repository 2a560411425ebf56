"""Access to the machines of a rack: credentials of their controllers, and the Talos configuration."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from harness.judge import talos
from harness.judge.leases import moment
from suites.vault.racking import CREDENTIALS, TALOS

MINUTE = timedelta(minutes=1)


@pytest.mark.requirement("VL-054")
def test_credentials_lead_to_a_controller(credentials):
    (answer, _), _ = credentials
    assert answer.status == 201, f"credentials were answered with {answer.status}"
    where = urlsplit(answer.json["endpoint"])
    assert (where.scheme, bool(where.hostname)) == ("https", True), f"the endpoint is {answer.json['endpoint']!r}"
    assert moment(answer.json["expires_at"]) is not None, f"expires_at is {answer.json['expires_at']!r}"
    assert answer.json["username"], "there is no user name"
    assert answer.json["password"], "there is no password"


@pytest.mark.requirement("VL-174")
def test_credentials_end_within_the_hour(credentials, contract):
    life = timedelta(seconds=contract.trait("vault.credential_s"))
    for answer, (before, after) in credentials:
        expires = moment(answer.json["expires_at"])
        assert expires is not None, f"expires_at is {answer.json['expires_at']!r}"
        assert before < expires <= after + life + MINUTE, f"minted at {after}, the credentials end at {expires}"


@pytest.mark.requirement("VL-175")
@pytest.mark.cost(calls=2)
def test_passwords_are_new_and_shown_once(ask, racking, rack, credentials):
    given = [ask.issued(answer, "/password") for answer, _ in credentials]
    first, second = (secret.reveal() for secret in given)
    assert first != second, "two mintings gave one password"
    assert min(len(first), len(second)) >= 16, f"a password has {min(len(first), len(second))} characters"
    shown = str(racking.row(rack)) + str(racking.rows())
    assert not any(secret.name in shown for secret in given), "the rack or the list shows a password"


@pytest.mark.requirement("VL-055")
def test_the_talos_configuration_is_one(downloaded):
    wrong = talos.misshapen(downloaded.config)
    assert not wrong, "; ".join(wrong)
    media = downloaded.answer.media_type
    assert media in talos.MEDIA_TYPES, f"the configuration came as {media!r}"


@pytest.mark.requirement("VL-176")
@pytest.mark.cost(calls=14)
def test_the_talos_secrets_are_real_and_apart(racking, downloaded, requested):
    racking.built(requested.json)
    for config in (downloaded.config, racking.download(requested.json).config):
        racking.ask.inside(str(config))
        wrong = talos.unsound(config)
        assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-177")
@pytest.mark.cost(calls=2)
def test_a_rack_keeps_its_talos_secrets(racking, rack, downloaded, other_rack):
    own, again = talos.identity(downloaded.config), talos.identity(racking.download(rack).config)
    assert own == again, f"downloaded again, it has another {', '.join(n for n in own if own[n] != again.get(n))}"
    other = talos.identity(racking.download(other_rack).config)
    alike = [name for name in own if own[name] == other.get(name)]
    assert not alike, f"two racks have one {', '.join(alike)}"


@pytest.mark.requirement("VL-186")
@pytest.mark.cost(calls=4)
def test_a_rack_that_does_not_stand_lets_nobody_in(racking):
    for method, below in (("POST", CREDENTIALS), ("GET", TALOS)):
        rack = racking.rack()
        answer = racking.below(rack, below, method=method)
        state = racking.row(rack)["status"]
        early = answer.status in {404, 409} or state == "ready"  # it may have been ready by then
        assert early, f"{method} {below} of a rack that is {state} was answered with {answer.status}"
