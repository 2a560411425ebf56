"""Every observable decision of speech, one field each; the defaults are the honest ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.services.members import Check
from mockserver.services.speech import handlers, voice

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.catalogue import Row

Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Held by the gateway as `speech`."""

    create: Handler = handlers.create
    list_voices: Handler = handlers.list_voices
    check_input: Check = handlers.check_input
    check_voice: Check = handlers.check_voice
    find_model: Callable[[Call, str], Row | None] = handlers.find_model
    pitch_of: Callable[[str], float | None] = handlers.pitch_of  # hertz of a voice; None = no such voice
    voices: Callable[[Call], list[Any]] = handlers.voices  # as they are told
    spoken: Callable[[str, float], bytes] = voice.spoken  # (text, pitch) to a WAV file
    content_type: str = "audio/wav"
    characters: Callable[[str], int] = len  # that are counted
