"""GPUs and switches under test roots: reports, reference values, OCSP, tokens. Never the judge's code."""

from __future__ import annotations

from mockserver.tee.gpu.board import Board, build_board
from mockserver.tee.gpu.services import Services

__all__ = ["Board", "Services", "build_board"]
