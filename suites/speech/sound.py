"""Sound as it came: which container it is in, and how long a WAV file plays. It listens to nothing."""

from __future__ import annotations

import io
import wave
from typing import NamedTuple

MAGIC = {
    "wav": (b"RIFF", b"WAVE"),
    "mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "ogg": (b"OggS",),
    "flac": (b"fLaC",),
}
TYPES = {
    "wav": {"audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave"},
    "mp3": {"audio/mpeg", "audio/mp3"},
    "ogg": {"audio/ogg", "audio/opus", "application/ogg"},
    "flac": {"audio/flac", "audio/x-flac"},
}


class Wave(NamedTuple):
    seconds: float
    loudest: int  # of 32,768


def container(data: bytes) -> str | None:
    """The container by its first bytes, or None."""
    if data[:4] == b"RIFF":
        return "wav" if data[8:12] == b"WAVE" else None
    return next((name for name, marks in MAGIC.items() if name != "wav" and data.startswith(marks)), None)


def played(data: bytes) -> Wave:
    """A 16-bit WAV file, read to its end. Raises ValueError for one that no player would play."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, rate, count = file.getsampwidth(), file.getframerate(), file.getnframes()
            samples = file.readframes(count)
            channels = file.getnchannels()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a WAV file: {error}") from error
    if len(samples) != count * width * channels or rate <= 0:
        raise ValueError(f"the header tells of {count} samples, and {len(samples) // (width * channels)} follow")
    loudest = max(map(abs, memoryview(samples).cast("h")), default=0) if width == 2 else 1
    return Wave(count / rate, loudest)
