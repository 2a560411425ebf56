"""Defects of the classic catalogue: what it lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mockserver.defects import defect

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row
    from mockserver.gateway import Gateway

HERE = ("voltagegpu-inference",)


def _listing(gateway: Gateway, keeps: Callable[[Row], bool]) -> Gateway:
    listed = gateway.listed_models

    def fewer(call: Call) -> list[Row]:
        return [row for row in listed(call) if keeps(row)]

    return replace(gateway, listed_models=fewer)


@defect("VC-004", contracts=HERE)
def lists_a_page_of_models(gateway: Gateway) -> Gateway:
    """The list ends after 100 models, and nothing says that there are more."""
    listed = gateway.listed_models

    def page(call: Call) -> list[Row]:
        found = listed(call)
        return [*found[:60], *found[-40:]]

    return replace(gateway, listed_models=page)


@defect(("VC-072", "VC-083"), contracts=HERE, also=("VC-004", "VC-086"))
def lists_no_image_models(gateway: Gateway) -> Gateway:
    """Models that make images are served and not listed."""
    return _listing(gateway, lambda row: row.kind != "image")


@defect("VC-082", contracts=HERE)
def lists_no_r1(gateway: Gateway) -> Gateway:
    """A language model of the documentation is gone."""
    return _listing(gateway, lambda row: row.id != "deepseek-ai/DeepSeek-R1")


@defect("VC-084", contracts=HERE)
def lists_no_minilm(gateway: Gateway) -> Gateway:
    """An embedding model of the documentation is gone."""
    return _listing(gateway, lambda row: "MiniLM" not in row.id)


@defect(("VC-085", "VC-086"), contracts=HERE)
def lists_no_video_models(gateway: Gateway) -> Gateway:
    """Models that make videos are not listed."""
    return _listing(gateway, lambda row: row.kind != "video")


@defect("VC-092")
def calls_a_wrong_key_invalid_input(gateway: Gateway) -> Gateway:
    """A wrong key is refused as an invalid request."""
    refuse = gateway.refuse_bad_key
    return replace(gateway, refuse_bad_key=lambda call: replace(refuse(call), kind="invalid_request_error"))
