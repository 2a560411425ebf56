"""A voice: 16-bit mono PCM in a WAV container, a tone a letter. The longer the text, the longer it speaks.

It is no human voice, but it is a sound: each letter has its formant over the voice's own pitch, and spaces are silent.
"""

from __future__ import annotations

import functools
import io
import math
import wave
from array import array

RATE = 16_000  # samples a second
LETTER_S = 0.06  # what one character takes
_SAMPLES = int(RATE * LETTER_S)
_FADE = _SAMPLES // 8


def spoken(text: str, pitch: float) -> bytes:
    """The WAV file of a text; `pitch` in hertz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(_letter(_formant(letter), pitch) for letter in text))
    return out.getvalue()


def _formant(letter: str) -> int:
    """Hertz of a letter's own tone; 0 is silence."""
    return 400 + ord(letter.lower()) % 64 * 25 if letter.isalnum() else 0


@functools.lru_cache(maxsize=1024)
def _letter(formant: int, pitch: float) -> bytes:
    if formant == 0:
        return bytes(2 * _SAMPLES)
    samples = array("h", (round(9_000 * _fade(n) * _wave(n / RATE, formant, pitch)) for n in range(_SAMPLES)))
    return samples.tobytes()


def _wave(second: float, formant: int, pitch: float) -> float:
    turn = 2 * math.pi * second
    return 0.6 * math.sin(turn * pitch) + 0.4 * math.sin(turn * formant)


def _fade(n: int) -> float:
    """Letters begin and end softly, or their edges would click."""
    return min(1.0, n / _FADE, (_SAMPLES - 1 - n) / _FADE)
