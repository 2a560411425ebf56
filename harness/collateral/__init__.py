"""What the makers of CPU and GPU publish about a machine, fetched when asked for, every byte kept. Judges nothing."""

from __future__ import annotations

from harness.collateral.intel import (
    INTEL,
    MAX_BODY_BYTES,
    CollateralError,
    CollateralSource,
    Piece,
    assembled,
    read_bundle,
    wanted_by,
    write_bundle,
)
from harness.collateral.ledger import Ledger, LedgerError
from harness.collateral.nvidia import OCSP, RIM, File, NvidiaSource, sightings, write_files

__all__ = [
    "INTEL",
    "MAX_BODY_BYTES",
    "OCSP",
    "RIM",
    "CollateralError",
    "CollateralSource",
    "File",
    "Ledger",
    "LedgerError",
    "NvidiaSource",
    "Piece",
    "assembled",
    "read_bundle",
    "sightings",
    "wanted_by",
    "write_bundle",
    "write_files",
]
