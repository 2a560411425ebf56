"""Defects of images: how many, how large, in which form, what they accept, what they cost."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.defects import defect, within
from mockserver.services.images.operation import document, entry, members_of, size_of
from mockserver.services.images.picture import paint
from mockserver.services.members import Member, anything, integer, text

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.gateway import Gateway

_SERIAL = itertools.count()


def _accepting(gateway: Gateway, **members: Member) -> Gateway:
    return within(gateway, "images", members_of=lambda call: {**members_of(call), **members})


@defect("IM-001")
def dates_no_images(gateway: Gateway) -> Gateway:
    """created is missing."""

    def undated(call: Call, data: list[Any], usage: dict[str, int]) -> dict[str, Any]:
        return {name: value for name, value in document(call, data, usage).items() if name != "created"}

    return within(gateway, "images", document=undated)


@defect("IM-001")
def sends_images_in_another_member(gateway: Gateway) -> Gateway:
    """Entries hold image_base64 instead of b64_json or url."""
    shown = {"image_base64": "eA=="}
    return within(gateway, "images", entry=lambda call, png, form: shown)


@defect("IM-002")
def paints_one_image_too_few(gateway: Gateway) -> Gateway:
    """Of several images the last is missing."""
    return within(gateway, "images", count_of=lambda given: max(1, given["n"] - 1))


@defect("IM-002")
def paints_two_images_by_default(gateway: Gateway) -> Gateway:
    """Without n two images come, and are charged."""
    return within(
        gateway, "images", members_of=lambda call: {**members_of(call), "n": Member(integer(1, 10), default=2)}
    )


@defect("IM-003")
def cuts_images_in_half(gateway: Gateway) -> Gateway:
    """base64 holds the first half of the file."""

    def half(call: Call, png: bytes, form: str) -> dict[str, Any]:
        return entry(call, png[: len(png) // 2], form)

    return within(gateway, "images", entry=half)


@defect("IM-003")
def encodes_images_as_data_urls(gateway: Gateway) -> Gateway:
    """b64_json holds a data URL and not base64."""

    def shown(call: Call, png: bytes, form: str) -> dict[str, Any]:
        made = "data:image/png;base64," + base64.b64encode(png).decode()
        return {"b64_json": made} if form == "b64_json" else entry(call, png, form)

    return within(gateway, "images", entry=shown)


@defect("IM-004")
def answers_dead_image_addresses(gateway: Gateway) -> Gateway:
    """The address of a picture leads nowhere."""
    return within(gateway, "images", address=lambda call, name: f"{call.origin}/v1/images/files/{name[::-1]}x")


@defect("IM-004")
def serves_thumbnails_at_addresses(gateway: Gateway) -> Gateway:
    """The address of a picture leads to a small one."""

    async def small(call: Call) -> Reply:
        return Reply(200, paint("small", 0, 16, 16), [("Content-Type", "image/png")])

    return within(gateway, "images", download=small)


@defect(("IM-005", "IM-006"), also=("IM-003",))
def paints_half_the_size(gateway: Gateway) -> Gateway:
    """Images are half as wide and half as high as asked for."""

    def halved(given: Mapping[str, Any]) -> tuple[int, int]:
        width, height = size_of(given)
        return width // 2, height // 2

    return within(gateway, "images", size_of=halved)


@defect("IM-005")
def turns_images_on_their_side(gateway: Gateway) -> Gateway:
    """Width and height are swapped."""
    return within(gateway, "images", size_of=lambda given: size_of(given)[::-1])


@defect("IM-006")
def paints_small_by_default(gateway: Gateway) -> Gateway:
    """Without size an image has 512x512 pixels."""

    def members(call: Call) -> Mapping[str, Member]:
        known = members_of(call)
        return {**known, "size": replace(known["size"], default="512x512")}

    return within(gateway, "images", members_of=members)


@defect("IM-007")
def paints_the_same_image_again(gateway: Gateway) -> Gateway:
    """All images of a request are the same."""
    return within(
        gateway, "images", paint=lambda prompt, n, width, height, media: paint(prompt, 0, width, height, media)
    )


@defect("IM-008")
def encodes_images_by_default(gateway: Gateway) -> Gateway:
    """Without response_format the pictures come in base64."""

    def members(call: Call) -> Mapping[str, Member]:
        known = members_of(call)
        return {**known, "response_format": replace(known["response_format"], default="b64_json")}

    return within(gateway, "images", members_of=members)


@defect(("IM-010", "IM-011"))
def ignores_accept(gateway: Gateway) -> Gateway:
    """Whatever a client accepts, it gets JSON."""
    return within(gateway, "images", media_of=lambda call: None)


@defect("IM-011")
def sends_png_as_jpeg(gateway: Gateway) -> Gateway:
    """A client that accepts JPEG gets a PNG under that name."""

    def drawn(prompt: str, n: int, width: int, height: int, media: str) -> bytes:
        return paint(prompt, n, width, height, "image/png")

    return within(gateway, "images", paint=drawn)


@defect("IM-010")
def sends_png_at_another_size(gateway: Gateway) -> Gateway:
    """The bytes of a picture that is sent alone have another size than asked for."""

    def drawn(prompt: str, n: int, width: int, height: int, media: str) -> bytes:
        return paint(prompt, n, width // 2, height, media)

    return within(gateway, "images", paint=drawn)


@defect("IM-012")
def prefers_images_to_json(gateway: Gateway) -> Gateway:
    """A client that accepts an image at all gets one."""
    media_of = gateway.images.media_of

    def first(call: Call) -> str | None:
        return "image/png" if "image/png" in call.headers.get("accept", "") else media_of(call)

    return within(gateway, "images", media_of=first)


@defect("IM-020")
def paints_without_a_prompt(gateway: Gateway) -> Gateway:
    """A request without a prompt is answered with a picture."""
    return _accepting(gateway, prompt=Member(text(0), default=""))


@defect("IM-021")
def paints_any_number(gateway: Gateway) -> Gateway:
    """n has no upper bound."""
    return _accepting(gateway, n=Member(integer(1), default=1))


@defect("IM-021")
def rounds_the_number_of_images(gateway: Gateway) -> Gateway:
    """A fraction as n is cut off to a whole number."""

    def check(call: Call, where: str, value: Any) -> None:
        integer(1, 10)(call, where, int(value) if isinstance(value, int | float) else value)

    return _accepting(gateway, n=Member(check, default=1))


@defect("IM-022")
def paints_any_size(gateway: Gateway) -> Gateway:
    """A size that is not documented is answered with the default size."""

    def known(given: Mapping[str, Any]) -> tuple[int, int]:
        sizes = {"256x256", "512x512", "1024x1024", "1792x1024", "1024x1792"}
        return size_of(given) if given["size"] in sizes else (1024, 1024)

    return within(_accepting(gateway, size=Member(anything, default="1024x1024")), "images", size_of=known)


@defect("IM-023")
def takes_any_form_of_images(gateway: Gateway) -> Gateway:
    """An unknown response_format is answered with an address."""
    return _accepting(gateway, response_format=Member(anything, default="url"))


@defect("IM-024", also=("VC-098",))
def paints_by_another_model(gateway: Gateway) -> Gateway:
    """An unknown image model is replaced by the first there is."""
    found = gateway.find_model

    def find(call: Call, model: str) -> Any:
        rows = call.state.catalogue.rows.values()
        fits = call.path.endswith("/images/generations")
        return found(call, model) or (next((r for r in rows if r.kind == "image"), None) if fits else None)

    return replace(gateway, find_model=find)


@defect("IM-025")
def paints_for_anybody(gateway: Gateway) -> Gateway:
    """Images ask for no key."""

    def needs_key(call: Call) -> bool:
        return not call.path.endswith("/images/generations") and gateway.needs_key(call)

    async def nothing(call: Call) -> None:
        """No account, no hold."""

    return replace(gateway, needs_key=needs_key, afford=nothing)


@defect("IM-026")
def ignores_the_bounds_of_guidance(gateway: Gateway) -> Gateway:
    """guidance_scale may be anything."""
    return _accepting(gateway, guidance_scale=Member(anything))


@defect("IM-026")
def ignores_the_bounds_of_steps(gateway: Gateway) -> Gateway:
    """num_inference_steps has no upper bound."""
    return _accepting(gateway, num_inference_steps=Member(integer(10)))


@defect("IM-030")
def paints_for_nothing(gateway: Gateway) -> Gateway:
    """Images are not charged."""
    charge = gateway.charge

    def free(call: Call, usage: dict[str, int]) -> int:
        return 0 if call.path.endswith("/images/generations") else charge(call, usage)

    return replace(gateway, charge=free)


@defect("IM-030")
def charges_refused_images(gateway: Gateway) -> Gateway:
    """A request for a picture costs something before its prompt is looked at."""
    decided = gateway.images.members_of

    def charging(call: Call) -> Mapping[str, Member]:
        name = f"{call.request_id}-{next(_SERIAL)}"
        call.state.ledger.reserve(name, call.gateway.account_of(call), 1000)
        from mockserver.ledger import Use

        call.state.ledger.settle(name, 1000, Use("an image", 0, 0))
        return decided(call)

    return within(gateway, "images", members_of=charging)
