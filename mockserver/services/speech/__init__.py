"""Speech: a text becomes a sound."""

from __future__ import annotations

from mockserver.services.service import Route, Service
from mockserver.services.speech.decisions import Decisions

SERVICE = Service(
    "speech",
    routes=(Route("POST", "/audio/speech", "speech.create"), Route("GET", "/audio/voices", "speech.list_voices")),
)

__all__ = ["SERVICE", "Decisions"]
