"""Every observable decision about images."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.call import Call, Reply
from mockserver.services.images import operation
from mockserver.services.images.picture import paint
from mockserver.services.members import Members


@dataclass(frozen=True, kw_only=True)
class Decisions:
    serve: Callable[[Call], Awaitable[Reply]] = operation.serve
    members_of: Callable[[Call], Members] = operation.members_of  # as the contract bounds them
    default_model: Callable[[Call], str] = operation.default_model  # where the request names none
    size_of: Callable[[Mapping[str, Any]], tuple[int, int]] = operation.size_of  # width, height in pixels
    count_of: Callable[[Mapping[str, Any]], int] = operation.count_of
    paint: Callable[[str, int, int, int, str], bytes] = paint  # (prompt, number, width, height, media type)
    media_of: Callable[[Call], str | None] = operation.media_of  # by Accept; None is JSON
    entry: Callable[[Call, bytes, str], dict[str, Any]] = operation.entry  # (call, png, response_format)
    address: Callable[[Call, str], str] = operation.address  # URL of a kept picture
    document: Callable[[Call, list[Any], dict[str, int]], dict[str, Any]] = operation.document
    download: Callable[[Call], Awaitable[Reply]] = operation.download
