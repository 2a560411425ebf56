"""Defects of speech: the sound, its model, its voice, its bounds."""

from __future__ import annotations

from typing import Any

from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.members import anything, refuse
from mockserver.services.speech import handlers, voice


@defect(breaks="VU-060")
def speaks_without_a_sound(gateway: Gateway) -> Gateway:
    """Answers a speech with 200 and no body."""
    return within(gateway, "speech", spoken=lambda text, pitch: b"")


@defect(breaks="VU-061")
def speaks_with_any_model(gateway: Gateway) -> Gateway:
    """Speaks whatever model was asked for, one that chats or one that there is not."""

    def find(call: Call, model: str) -> Row | None:
        rows = call.state.catalogue.rows.values()
        return handlers.find_model(call, model) or next(row for row in rows if row.kind == "speech")

    return within(gateway, "speech", find_model=find)


@defect(breaks="VU-062")
def counts_characters_in_bytes(gateway: Gateway) -> Gateway:
    """Bounds the text by its bytes, so that most of the world's scripts get less."""

    def check(call: Call, where: str, value: Any) -> None:
        handlers.check_input(call, where, value)
        if len(value.encode()) > handlers.LONGEST:
            refuse(call, where, "at most 2000 bytes")

    return within(gateway, "speech", check_input=check)


@defect(breaks="VU-062")
def cuts_a_long_text_without_a_word(gateway: Gateway) -> Gateway:
    """Speaks the first 2,000 characters of a longer text."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or not value:
            refuse(call, where, "a text")

    return within(gateway, "speech", check_input=check, spoken=lambda text, pitch: voice.spoken(text[:2000], pitch))


@defect(breaks="VU-063")
def speaks_with_its_own_voice(gateway: Gateway) -> Gateway:
    """Takes a voice of its own for one that it does not know."""
    return within(gateway, "speech", check_voice=anything, pitch_of=lambda name: 120.0)


@defect(breaks="VU-064")
def calls_its_sound_mp3(gateway: Gateway) -> Gateway:
    """Sends a WAV file as audio/mpeg."""
    return within(gateway, "speech", content_type="audio/mpeg")


@defect(breaks="VU-064")
def speaks_for_a_second_whatever_the_text(gateway: Gateway) -> Gateway:
    """Answers every text with a sound of the same length."""
    return within(gateway, "speech", spoken=lambda text, pitch: voice.spoken((text * 20)[:16], pitch))


@defect(breaks="VU-064")
def sends_half_a_sound(gateway: Gateway) -> Gateway:
    """Sends the header of a whole WAV file and half of its samples."""

    def spoken(text: str, pitch: float) -> bytes:
        whole = voice.spoken(text, pitch)
        return whole[: len(whole) // 2]

    return within(gateway, "speech", spoken=spoken)


@defect(breaks="VU-064")
def speaks_in_silence(gateway: Gateway) -> Gateway:
    """Sends as many samples as are due, all of them zero."""
    return within(gateway, "speech", spoken=lambda text, pitch: voice.spoken(" " * len(text), pitch))


@defect(breaks="VU-065")
def lists_no_voices(gateway: Gateway) -> Gateway:
    """Answers with an empty list of voices."""
    return within(gateway, "speech", voices=lambda call: [])


@defect(breaks="VU-065")
def lists_a_voice_that_does_not_speak(gateway: Gateway) -> Gateway:
    """Lists a voice that it refuses."""
    return within(gateway, "speech", voices=lambda call: [*handlers.voices(call)[:1], "en_speaker_retired"])
