"""Kubeconfigs: what a client reads in one, for whom it is, how long it lives, and that nobody keeps it."""

from __future__ import annotations

import pytest

from harness.judge import kubeconfig
from harness.judge.leases import moment
from suites.forge.leasing import Held
from suites.orders import between, refused

TTL = 3600  # of the probe


@pytest.mark.requirement("VL-046")
def test_a_client_can_use_it(minted):
    assert minted.answer.status == 201, f"a kubeconfig was answered with {minted.answer.status}"
    wrong = kubeconfig.unsafe(minted.open())
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-159")
def test_it_is_the_identity_that_the_answer_names(minted):
    wrong = kubeconfig.mistaken(minted.open(), minted.answer.json["spiffe_id"], minted.lease["id"])
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-160")
def test_the_key_is_the_certificates(minted):
    assert kubeconfig.fits(minted.open()), "the private key is not that of the certificate"


@pytest.mark.requirement("VL-161")
def test_it_lives_as_long_as_was_asked(minted):
    expires = moment(minted.answer.json["expires_at"])
    wrong = kubeconfig.untimely(minted.open(), expires, TTL, minted.between)
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-158", "VL-161")
@pytest.mark.cost(calls=4)
def test_without_a_lifetime_it_lives_the_usual_one(ask, leasing, lease, contract):
    held = Held()
    answer, times = between(ask, lambda: leasing.mint(lease, held))
    assert answer.status == 201, f"a kubeconfig without ttl_seconds was answered with {answer.status}"
    wrong = kubeconfig.untimely(
        held.open(), moment(answer.json["expires_at"]), contract.trait("forge.ttl.usual"), times
    )
    assert not wrong, "; ".join(wrong)


@pytest.mark.requirement("VL-158")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize(("which", "beyond"), [("shortest", -1), ("longest", 1)])
def test_a_lifetime_has_bounds(ask, leasing, lease, contract, which, beyond):
    bound = contract.trait(f"forge.ttl.{which}")
    inside, outside = leasing.mint(lease, ttl_seconds=bound), leasing.mint(lease, ttl_seconds=bound + beyond)
    assert inside.status == 201, f"ttl_seconds of {bound} was answered with {inside.status}"
    assert refused(ask, outside), f"ttl_seconds of {bound + beyond} was answered with {outside.status}"


@pytest.mark.requirement("VL-158")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("value", ["3600", 3600.5, True, -3600, 10**18, [3600]], ids=str)
def test_a_lifetime_is_a_number(ask, leasing, lease, value):
    answer = leasing.mint(lease, ttl_seconds=value)
    assert refused(ask, answer), f"ttl_seconds of {value!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-162")
@pytest.mark.cost(calls=4)
def test_each_is_minted_anew_and_kept_nowhere(leasing, lease, minted):
    other = Held()
    leasing.mint(lease, other, ttl_seconds=TTL)
    first, second = minted.open(), other.open()
    assert first.key.public_key() != second.key.public_key(), "two kubeconfigs have one key"
    assert first.certificate.serial_number != second.certificate.serial_number, "two certificates have one number"
    shown = leasing.read(lease).text + str(leasing.rows())
    leaked = [name for name in ("client-key-data", "PRIVATE KEY") if name in shown]
    assert not leaked, f"the lease or the list shows {', '.join(leaked)}"
    assert "ISSUED_SECRET" not in shown, "the lease or the list shows the key of a kubeconfig"


@pytest.mark.requirement("VL-163")
@pytest.mark.cost(calls=12)
def test_an_ended_lease_lets_nobody_in(leasing):
    lease = leasing.lease()
    leasing.end(lease)
    early = leasing.mint(lease)
    leasing.ended(lease)
    for answer in (early, leasing.mint(lease)):
        assert answer.status in {404, 409, 410}, f"a kubeconfig of an ended lease was answered with {answer.status}"
