"""What holds for every operation: it is described, it wants a key, and an id is an id whatever it holds."""

from __future__ import annotations

import re

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness.judge import errors
from suites.orgs.operations import LISTED

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LARGEST = 4 * 1024 * 1024  # bytes of a description that is read
ODD_IDS = (
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    "'%20OR%20'1'%3D'1",
    "%22%3E%3Cscript%3E",
    "a%00b",
    "%F0%9F%94%91",
    "%FF%FE",
    "*",
    "%25",
    "x" * 3000,
)
REFUSED = {400, 404, 414, 431}
DOORS = (
    ("GET", "/fine-tuning/jobs/{}"),
    ("GET", "/models/{}"),
    ("GET", "/orgs/{}/api-keys"),
    ("GET", "/orgs/{}/audit"),
)


@pytest.fixture
def description(ask):
    """The published description; asked for with a key where it is not open to all."""
    answer = ask.send("GET", "/openapi.yaml", key=None, from_host=True)
    if answer.status in (401, 403):
        answer = ask.send("GET", "/openapi.yaml", from_host=True)
    assert answer.status == 200, f"/openapi.yaml was answered with {answer.status}"
    assert len(answer.body) <= LARGEST, f"/openapi.yaml has {len(answer.body)} bytes"
    try:
        return yaml.load(answer.body, Loader=LOADER)
    except yaml.YAMLError as error:
        raise AssertionError(f"/openapi.yaml is not YAML: {str(error)[:200]}") from error


@pytest.mark.requirement("VL-004")
@pytest.mark.cost(calls=2)
def test_the_description_is_openapi_31(description):
    assert str(description.get("openapi", "")).startswith("3.1"), f"it is OpenAPI {description.get('openapi')!r}"
    problems = [found.message for found in OpenAPIV31SpecValidator(description).iter_errors()]
    assert not problems, f"the description is not valid: {problems[0][:200]} (and {len(problems) - 1} more)"


@pytest.mark.requirement("VL-004")
@pytest.mark.cost(calls=2)
def test_the_description_is_complete(description):
    found = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", _base(description, item) + path))
        for path, item in description["paths"].items()
        for method in item
    }
    missing = [f"{method} {path}" for method, path in LISTED if (method, path) not in found]
    assert not missing, f"the description leaves out {missing}"


def _base(description, item):
    servers = item.get("servers") or description.get("servers") or [{"url": ""}]
    return "/" + re.sub(r"^[a-z]+://[^/]*", "", servers[0]["url"]).strip("/") if servers[0]["url"] != "/" else ""


@pytest.mark.requirement("VL-010")
@pytest.mark.cost(calls=2 * len(LISTED))
@pytest.mark.parametrize("key", [None, "wrong"])
def test_every_operation_wants_a_key(ask, key):
    open_to_all = []
    for method, path in LISTED:
        below = path.removeprefix("/v1").format(ask.named("org") if "orgs" in path else "assay")
        answer = ask.send(method, below, key=key, **({"json": {}} if method == "POST" else {}))
        if answer.status != 401:
            open_to_all.append(f"{method} {path}: {answer.status}")
    assert not open_to_all, f"with {key or 'no'} key these were not answered with 401: {open_to_all}"


@pytest.mark.requirement("VL-141")
@pytest.mark.cost(calls=len(ODD_IDS) * len(DOORS))
@pytest.mark.parametrize(("method", "path"), DOORS)
def test_an_odd_id_is_not_found(ask, holds, method, path):
    for odd in ODD_IDS:
        answer = ask.send(method, path.format(odd))
        assert answer.status in REFUSED, f"{method} {path} with {odd[:40]} was answered with {answer.status}"
        if answer.status == 404:
            holds(errors.error_has_the_envelope, answer)


@pytest.mark.requirement("VL-141", "VL-118")
@pytest.mark.cost(calls=len(ODD_IDS))
def test_an_odd_key_id_is_not_found(ask, issuer):
    for odd in ODD_IDS:
        answer = issuer.revoke(odd)
        assert answer.status in REFUSED, f"revoking the key {odd[:40]} was answered with {answer.status}"
