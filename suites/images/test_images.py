"""Pictures: how many, how large, in which form, what is refused, what they cost."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.judge import pictures
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL, invalid, needs_a_key, no_such_model
from suites.purse import open_account

SQUARE = 1024  # tokens of a picture of 1024x1024, as the reference mock counts them
SUNSET = "A sunset over mountains, digital art"
B64: dict[str, Any] = {"response_format": "b64_json"}


def smallest(contract) -> str:
    """The size of fewest pixels that the contract lists."""
    return str(min(contract.trait("images.sizes"), key=lambda size: int(size.split("x")[0]) * int(size.split("x")[1])))


@probe(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def painted(ask: Ask) -> Exchange:
    """Two small pictures in base64."""
    return ask.paint(SUNSET, n=2, size=smallest(ask.contract), **B64)


@probe(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def plainly(ask: Ask) -> Exchange:
    """A request of a prompt alone."""
    return ask.paint(SUNSET)


@pytest.mark.requirement("IM-001")
def test_the_answer_has_created_and_data(painted, plainly, holds):
    holds(pictures.answer_has_created_and_data, painted, plainly)


@pytest.mark.requirement("IM-002")
def test_n_images_are_returned(painted, plainly, holds):
    holds(pictures.as_many_images_as_asked, painted, plainly)


@pytest.mark.requirement("IM-003")
def test_base64_is_an_image(painted, holds):
    holds(pictures.base64_is_an_image_of_the_size, painted)


@pytest.mark.requirement("IM-004")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def test_an_address_leads_to_an_image(ask, contract):
    answer = ask.paint(SUNSET, size=smallest(contract), response_format="url")
    url = urlsplit(answer.json["data"][0]["url"])
    if f"{url.scheme}://{url.netloc}" != ask.target.host_url:
        raise NotObserved(f"the picture is at {url.netloc[:80]}, where the harness does not go on a server's word")
    found = ask.send("GET", url.path + (f"?{url.query}" if url.query else ""), key=None, from_host=True)
    assert found.status == 200, f"the address of a picture was answered with {found.status}"
    said = pictures.wrong_size(found.body, pictures.size_due(answer, contract))
    assert said is None, f"the address does not lead to the picture asked for: {said}"


@pytest.mark.requirement("IM-005")
@pytest.mark.cost(calls=5, prompt_tokens=100, completion_tokens=5 * SQUARE, kind="image")
def test_every_size_is_honoured(ask, contract, holds):
    sizes = contract.trait("images.sizes")
    holds(pictures.base64_is_an_image_of_the_size, *(ask.paint(SUNSET, size=size, **B64) for size in sizes))


@pytest.mark.requirement("IM-006")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def test_the_default_size_is_honoured(ask, holds):
    holds(pictures.base64_is_an_image_of_the_size, ask.paint(SUNSET, **B64))


@pytest.mark.requirement("IM-007")
def test_several_images_differ(painted):
    found = pictures.encoded(painted)
    assert len(set(found)) == len(found), "two images of one request are the same bytes"


@pytest.mark.requirement("IM-008")
def test_an_address_is_the_default(plainly):
    entry = plainly.json["data"][0]
    assert "url" in entry, f"an image without response_format holds {', '.join(sorted(entry))[:80]}"


@pytest.mark.requirement("IM-010")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def test_png_is_sent_to_who_accepts_png(ask, contract):
    comes_as(ask, contract, "image/png", "PNG")


@pytest.mark.requirement("IM-011")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def test_jpeg_is_sent_to_who_accepts_jpeg(ask, contract):
    comes_as(ask, contract, "image/jpeg", "JPEG")


def comes_as(ask: Ask, contract, media: str, form: str) -> None:
    """A client that accepts this media type alone gets a picture of it."""
    answer = ask.paint(SUNSET, size=smallest(contract), headers={"Accept": media})
    sent = answer.media_type or "nothing"
    assert (answer.status, sent) == (200, media), f"Accept: {media} was answered with {answer.status} and {sent[:60]}"
    found = pictures.measured(answer.body)
    due = (form, pictures.size_due(answer, contract))
    assert found == due, f"Accept: {media} was answered with {found} instead of {due}"


@pytest.mark.requirement("IM-012")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
@pytest.mark.parametrize("accept", ["application/json", "image/png;q=0.5, application/json"])
def test_json_is_sent_to_who_prefers_json(ask, contract, accept):
    answer = ask.paint(SUNSET, size=smallest(contract), headers={"Accept": accept})
    sent = answer.media_type or "nothing"
    assert (answer.status, sent) == (200, "application/json"), f"Accept: {accept} got {answer.status} and {sent[:60]}"


@pytest.mark.requirement("IM-020")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", [OMIT, "", 7], ids=["nothing", "an empty text", "a number"])
def test_a_prompt_is_required(ask, contract, wrong):
    invalid(ask.paint(wrong), contract, f"prompt {wrong!r}")


@pytest.mark.requirement("IM-021")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("beyond", ["below", "above", "between"])
def test_n_is_bounded(ask, contract, beyond):
    low, high = contract.trait("images.n")
    n = {"below": low - 1, "above": high + 1, "between": low + 0.5}[beyond]
    invalid(ask.paint(SUNSET, n=n), contract, f"n of {n}")


@pytest.mark.requirement("IM-022")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("size", ["3x3", "100000x100000", "large", 1024])
def test_an_undocumented_size_is_refused(ask, contract, size):
    invalid(ask.paint(SUNSET, size=size), contract, f"size {size!r}")


@pytest.mark.requirement("IM-023")
@pytest.mark.cost(calls=1)
def test_an_unknown_form_is_refused(ask, contract):
    invalid(ask.paint(SUNSET, response_format="bitmap"), contract, "response_format bitmap")


@pytest.mark.requirement("IM-024")
@pytest.mark.cost(calls=1)
def test_an_unknown_model_is_refused(ask, contract):
    no_such_model(ask.paint(SUNSET, model=UNKNOWN_MODEL), contract, "an image")


@pytest.mark.requirement("IM-025")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_images_need_a_key(ask, key):
    needs_a_key(ask.paint(SUNSET, key=key), key)


@pytest.mark.requirement("IM-026")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
@pytest.mark.parametrize("name", ["guidance_scale", "num_inference_steps"])
def test_tuning_is_bounded(ask, contract, name):
    low, high = contract.trait(f"images.{name}")
    for beyond in (low - 1, high + 1):
        invalid(ask.paint(SUNSET, **{name: beyond}), contract, f"{name} of {beyond}")
    for bound in (low, high):
        answer = ask.paint(SUNSET, size=smallest(contract), **{name: bound})
        assert answer.status == 200, f"{name} of {bound} was answered with {answer.status}"


@pytest.mark.requirement("IM-030")
@pytest.mark.cost(calls=3, prompt_tokens=20, completion_tokens=SQUARE, kind="image")
def test_only_answered_images_cost(ask, contract):
    purse = open_account(ask)
    before = purse.read()
    invalid(ask.paint("", key=purse.key), contract, "an empty prompt")
    assert purse.read() == before, f"a refused image cost {before - purse.read():f} USD"
    answer = ask.paint(SUNSET, size=smallest(contract), key=purse.key)
    assert answer.status == 200, f"an image was answered with {answer.status}"
    assert purse.read() < before, "an image that was answered cost nothing"
