"""From a prompt to pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.routes import json_reply
from mockserver.behaviours.tokens import count
from mockserver.call import Reply
from mockserver.services import paid
from mockserver.services.images.picture import FORMATS
from mockserver.services.members import Member, Members, integer, number, one_of, read_members, text

if TYPE_CHECKING:
    from mockserver.call import Call

PIXELS_PER_TOKEN = 1024  # a picture of 1024x1024 is 1,024 output tokens


async def serve(call: Call) -> Reply:
    """n pictures: one body of image bytes where the client accepts nothing else, or a list."""
    decide = call.gateway.images
    given = await read_members(call, decide.members_of(call))
    (width, height), wanted = decide.size_of(given), decide.count_of(given)
    media = decide.media_of(call)
    if media is not None and wanted > 1:
        raise call.gateway.refuse_parameter(call, "n", "An answer of image bytes holds one image: ask for n of 1.")
    each = max(1, width * height // PIXELS_PER_TOKEN)
    await paid.admit(call, given["model"] or decide.default_model(call), {"image"}, count(given["prompt"]), each)
    painted = [decide.paint(given["prompt"], n, width, height, media or "image/png") for n in range(wanted)]
    usage = paid.settle(call, wanted * each)
    if media is not None:
        return Reply(200, painted[0], [("Content-Type", media)])
    entries = [decide.entry(call, png, given["response_format"]) for png in painted]
    return json_reply(call, decide.document(call, entries, usage))


def members_of(call: Call) -> Members:
    """The members of a request, with the bounds and defaults that the contract gives them."""
    bounds = call.state.traits.images
    return {
        "model": Member(text(), required=bounds["model_required"]),
        "prompt": Member(text(), required=True),
        "n": Member(integer(*bounds["n"]), default=1),
        "size": Member(one_of(bounds["sizes"]), default=bounds["default_size"]),
        "response_format": Member(one_of(["url", "b64_json"]), default="url"),
        "guidance_scale": Member(number(*bounds["guidance_scale"])),
        "num_inference_steps": Member(integer(*bounds["num_inference_steps"])),
    }


def default_model(call: Call) -> str:
    """The first image model of the catalogue."""
    return next(row.id for row in call.state.catalogue.rows.values() if row.kind == "image")


def size_of(given: Mapping[str, Any]) -> tuple[int, int]:
    width, height = given["size"].split("x")
    return int(width), int(height)


def count_of(given: Mapping[str, Any]) -> int:
    return int(given["n"])


def media_of(call: Call) -> str | None:
    """The image type that the client prefers to JSON, where the contract offers it."""
    if not call.state.traits.images["binary"]:
        return None
    best, chosen = 0.0, None
    for part in call.headers.get("accept", "*/*").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [float(p[2:]) for p in parameters if re.fullmatch(r"q=[01](\.\d{0,3})?", p)]
        weight = weights[0] if weights else 1.0
        if weight > best and (name in FORMATS or name in {"application/json", "*/*", "application/*"}):
            best, chosen = weight, name if name in FORMATS else None
    return chosen


def entry(call: Call, png: bytes, form: str) -> dict[str, Any]:
    """One picture: its address, or its bytes in base64."""
    if form == "b64_json":
        return {"b64_json": base64.b64encode(png).decode()}
    return {"url": call.gateway.images.address(call, call.state.parts["images"].keep(png))}


def address(call: Call, name: str) -> str:
    """Below the host that the client called, which it can reach."""
    return f"{call.origin}{call.state.traits.base_path}/images/files/{name}"


def document(call: Call, data: list[Any], usage: dict[str, int]) -> dict[str, Any]:
    told = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
    told["total_tokens"] = usage["total_tokens"]
    return {"created": int(call.state.clock.now()), "data": data, "usage": told}


async def download(call: Call) -> Reply:
    """A kept picture, to whoever has its address."""
    png = call.state.parts["images"].get(call.params["id"])
    if png is None:
        raise call.gateway.refuse_path(call)
    return Reply(200, png, [("Content-Type", "image/png")])
