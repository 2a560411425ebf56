"""Judges of images: what an answer holds, and what its bytes are. Pictures are decoded within bounds."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from typing import Any

from PIL import Image

from harness.judge import Problem, Problems, rule
from harness.judge.calls import path
from harness.judge.chat import asked, is_filled, is_integer, member, objects
from harness.wire.exchange import Exchange
from specs import Contract

MOST_PIXELS = 64_000_000  # of a picture that is decoded: a small file can claim to be enormous
FORMATS = ("PNG", "JPEG", "WEBP")


def is_generation(x: Exchange) -> bool:
    """A whole answer to an image request that was accepted."""
    made = x.request.method == "POST" and path(x).endswith("/images/generations")
    return made and x.complete and 200 <= (x.head_status or 0) < 300


def is_listed(x: Exchange) -> bool:
    """An accepted image request that was answered as JSON."""
    return is_generation(x) and x.media_type == "application/json"


def entries(x: Exchange) -> list[dict[str, Any]]:
    return objects(member(x.json, "data"))


def encoded(x: Exchange) -> list[bytes | None]:
    """What each entry holds in base64; None where it is no base64."""
    return [_decoded(entry["b64_json"]) for entry in entries(x) if "b64_json" in entry]


def measured(data: bytes) -> tuple[str, tuple[int, int]] | str:
    """Format and size in pixels of a whole picture, or what is wrong with it. Every pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    return f"it claims {picture.width}x{picture.height} pixels"
                picture.load()
                return str(picture.format), picture.size
    except Exception as error:  # a decoder may raise anything on hostile bytes
        return f"it cannot be decoded: {type(error).__name__}"


def size_due(x: Exchange, contract: Contract) -> tuple[int, int]:
    """Width and height that the request asked for, or the contract's default."""
    wanted = asked(x).get("size")
    if not isinstance(wanted, str) or not re.fullmatch(r"[0-9]{1,5}x[0-9]{1,5}", wanted):
        wanted = contract.trait("images.default_size")
    width, _, height = wanted.partition("x")
    return int(width), int(height)


def wrong_size(data: bytes, due: tuple[int, int]) -> str | None:
    """What is wrong with a picture that should have this size."""
    found = measured(data)
    if isinstance(found, str):
        return found
    return None if found[1] == due else f"it has {found[1][0]}x{found[1][1]} pixels instead of {due[0]}x{due[1]}"


@rule("IM-001", on=is_listed)
def answer_has_created_and_data(x: Exchange, contract: Contract) -> Problems:
    """created is an integer, data a non-empty array of objects that hold a picture."""
    if x.head_status != 200:
        yield Problem("images were not answered with 200", "200", str(x.head_status))
    if not is_integer(member(x.json, "created")):
        yield Problem("created is not an integer", "unix seconds", repr(member(x.json, "created"))[:80])
    if not entries(x):
        yield Problem("data holds no image", "a non-empty array", repr(member(x.json, "data"))[:80])
    for entry in entries(x):
        if not any(is_filled(entry.get(name)) for name in ("url", "b64_json")):
            yield Problem("an entry holds neither url nor b64_json", "one of both", ", ".join(entry)[:80])


@rule("IM-002", on=is_listed)
def as_many_images_as_asked(x: Exchange, contract: Contract) -> Problems:
    """n entries; one where n was not given."""
    due = asked(x)["n"] if is_integer(asked(x).get("n")) else 1
    if len(entries(x)) != due:
        yield Problem("another number of images than asked for", str(due), str(len(entries(x))))


@rule("IM-003", on=lambda x: is_listed(x) and asked(x).get("response_format") == "b64_json")
def base64_is_an_image_of_the_size(x: Exchange, contract: Contract) -> Problems:
    """Each entry decodes to a whole picture of the size."""
    found = encoded(x)
    if len(found) != len(entries(x)):
        yield Problem("an entry has no b64_json", "b64_json", f"{len(found)} of {len(entries(x))}")
    for data in found:
        said = "it is no base64" if data is None else wrong_size(data, size_due(x, contract))
        if said:
            yield Problem(f"b64_json is not the picture asked for: {said}")


def _decoded(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
