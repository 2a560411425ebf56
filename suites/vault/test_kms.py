"""The customer's KMS key: a name that is checked, and nothing that is fetched."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from suites.orders import refused

NAME = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_NAMES = {
    "the cloud's own metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "a file": "file:///etc/passwd",
    "a path": "../../etc/shadow",
    "a bucket": "arn:aws:s3:::customer-secrets",
    "an ARN without an account": "arn:aws:kms:eu-central-1::key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "an ARN with a host in it": "arn:aws:kms:evil.example/:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "a header": NAME + "\r\nHost: evil.example",
    "a line end": NAME + "\n",
    "a zero byte": NAME + "\x00",
    "digits of another script": NAME.replace("123456789012", "١٢٣٤٥٦٧٨٩٠١٢"),
    "a key that climbs": "arn:aws:kms:eu-central-1:123456789012:key/../../alias/other",
    "four thousand characters": NAME + "a" * 4000,
    "a list": [NAME],
}


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A port that notes whether somebody comes."""
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0.2)
        yield trap


def visited(trap: socket.socket) -> bool:
    try:
        trap.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.mark.requirement("VL-173")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES)
def test_what_is_no_name_of_a_key_is_refused(ask, racking, name):
    answer = racking.request(customer_kms_arn=name)
    assert refused(ask, answer), f"a key {str(name)[:60]!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-173")
@pytest.mark.cost(calls=1)
def test_nothing_is_fetched(ask, racking):
    with listening() as trap:
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/assay"
        answer = racking.request(customer_kms_arn=address)
        assert not visited(trap), "the service fetched what stood in customer_kms_arn"
    assert refused(ask, answer), f"an address for a key was answered with {answer.status}"


@pytest.mark.requirement("VL-173")
@pytest.mark.cost(calls=1)
def test_the_name_of_a_key_is_taken(racking):
    answer = racking.request(customer_kms_arn=NAME)
    assert answer.status in {201, 202}, f"the ARN of a KMS key was answered with {answer.status}"
