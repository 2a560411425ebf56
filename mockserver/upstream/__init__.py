"""The inference provider behind the gateway: inside the mock, or a process of its own that any gateway can call."""

from mockserver.upstream.faults import FAULTS, OF_THE_ANSWER, Fault, FaultError, Script, fault_of, read_script
from mockserver.upstream.local import Job, LocalUpstream, Pace
from mockserver.upstream.log import KEPT_CALLS, CallRecord
from mockserver.upstream.pieces import Aborted, Generation, Piece, Text, Upstream, UpstreamFailure, text_pieces

__all__ = [
    "FAULTS",
    "KEPT_CALLS",
    "OF_THE_ANSWER",
    "Aborted",
    "CallRecord",
    "Fault",
    "FaultError",
    "Generation",
    "Job",
    "LocalUpstream",
    "Pace",
    "Piece",
    "Script",
    "Text",
    "Upstream",
    "UpstreamFailure",
    "fault_of",
    "read_script",
    "text_pieces",
]
