"""The firmware's event log (CCEL) as the ACPI tables show it. Read as bytes: harness.attest replays it."""

from __future__ import annotations

from harness.collect.faults import Absent
from harness.collect.guest import Files

LOG = "/sys/firmware/acpi/tables/data/CCEL"
MAX_LOG_BYTES = 2 * 1024 * 1024


def fetch(files: Files) -> bytes:
    """Raises Absent."""
    try:
        raw = files.read(LOG, MAX_LOG_BYTES + 1)
    except PermissionError as error:
        raise Absent(f"{LOG}: only root may read it") from error
    except OSError as error:
        raise Absent(
            f"{LOG}: {error.strerror}; firmware without a CCEL table leaves RTMR0 to RTMR2 unexplained"
        ) from error
    if not raw or len(raw) > MAX_LOG_BYTES:
        raise Absent(f"{LOG}: {len(raw)} bytes, expected 1 to {MAX_LOG_BYTES}")
    return raw
