"""The operations of speech."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.services.answers import json_answer
from mockserver.services.members import read_members, refuse, required, text

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row

DEFAULT_PITCH = 120.0  # hertz
LONGEST = 2000  # characters, which are code points
PITCHES = {f"en_speaker_{n}": 90.0 + 17 * n for n in range(6)} | {f"de_speaker_{n}": 98.0 + 17 * n for n in range(4)}

check_input = text(1, LONGEST)


def check_voice(call: Call, where: str, value: Any) -> None:
    if not isinstance(value, str) or call.gateway.speech.pitch_of(value) is None:
        refuse(call, where, "the name of a voice of the list")


def find_model(call: Call, model: str) -> Row | None:
    """A model that speaks; one that only chats is none."""
    row = call.gateway.find_model(call, model)
    return row if row is not None and row.kind == "speech" else None


def voices(call: Call) -> list[Any]:
    return list(PITCHES)


def pitch_of(voice: str) -> float | None:
    """Hertz; None for a voice that there is not."""
    return PITCHES.get(voice)


async def create(call: Call) -> Reply:
    speech = call.gateway.speech
    members = {
        "model": required(text()),
        "input": required(speech.check_input),
        "voice": required(speech.check_voice),
    }
    given = await read_members(call, members)
    row = speech.find_model(call, given["model"])
    if row is None:
        raise call.gateway.refuse_unknown_model(call, given["model"])
    pitch = speech.pitch_of(given["voice"]) or DEFAULT_PITCH
    sound = await asyncio.to_thread(speech.spoken, given["input"], pitch)
    call.used[row.tags[0] if row.tags else "tts"] = speech.characters(given["input"])
    return Reply(200, sound, [("Content-Type", speech.content_type)])


async def list_voices(call: Call) -> Reply:
    return json_answer(call, {"voices": call.gateway.speech.voices(call)})
