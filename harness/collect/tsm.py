"""A quote through configfs-tsm, Linux 6.7 and later: one folder per request, one value per write.

It refuses a quote when another writer used the folder meanwhile: the quote may be over their report data.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass

from harness.collect.faults import Absent, Refused
from harness.collect.guest import Files, Guest

REPORTS = "/sys/kernel/config/tsm/report"
PROVIDER = "tdx_guest"
MAX_QUOTE_BYTES = 64 * 1024
TRIES = 3
WAIT_S = 10.0
_BUSY = {errno.EBUSY, errno.EINTR, errno.ETIMEDOUT, errno.EAGAIN}
_SETUP = "needs Linux 6.7 or later in the guest: `modprobe tdx_guest`, `mount -t configfs none /sys/kernel/config`"


@dataclass(frozen=True)
class TsmQuote:
    quote: bytes
    generation: int  # of the folder after our write


class _RacedError(Exception):
    """Somebody else wrote into our folder."""


def is_there(files: Files) -> bool:
    return files.exists(REPORTS)


def fetch(guest: Guest, report_data: bytes) -> TsmQuote:
    """`report_data` is 64 bytes. Raises Absent, Refused."""
    folder = f"{REPORTS}/assay-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        guest.files.make_folder(folder)
    except PermissionError as error:
        raise Absent(f"{REPORTS}: only root may ask for a quote here: {error.strerror}") from error
    except OSError as error:
        raise Absent(f"{REPORTS}: {error.strerror}; {_SETUP}") from error
    try:
        _check_provider(guest.files, folder)
        return _tried(guest, folder, report_data)
    finally:
        with suppress(OSError):  # a folder that stays is no reason to lose the quote, or why there is none
            guest.files.remove_folder(folder)


def _check_provider(files: Files, folder: str) -> None:
    try:
        provider = files.read(f"{folder}/provider", 64).decode("ascii", "replace").strip()
    except OSError as error:
        raise Absent(f"{folder}/provider: {error.strerror}; {_SETUP}") from error
    if provider != PROVIDER:
        raise Absent(f"configfs-tsm is served by {provider!r}: this collector reads quotes of {PROVIDER} only")


def _tried(guest: Guest, folder: str, report_data: bytes) -> TsmQuote:
    """The quoting service runs outside the guest and may be busy; a raced write is worth another try as well."""
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            guest.wait(WAIT_S)
        try:
            return _once(guest.files, folder, report_data)
        except _RacedError as raced:
            reason = str(raced)
        except OSError as error:
            if error.errno not in _BUSY:
                advice = "is the quote generation service of the host running?"
                raise Absent(f"{folder}: no quote: {error.strerror or error}; {advice}") from error
            reason = f"the quoting service is busy: {error.strerror}"
    if reason.startswith("generation"):
        raise Refused(f"{folder}: {reason}; another process writes into this folder, after {TRIES} tries")
    raise Absent(f"{folder}: {reason}, after {TRIES} tries; try again later")


def _once(files: Files, folder: str, report_data: bytes) -> TsmQuote:
    before = _generation(files, folder)
    files.write_once(f"{folder}/inblob", report_data)
    quote = files.read(f"{folder}/outblob", MAX_QUOTE_BYTES)
    after = _generation(files, folder)
    if after != before + 1:
        raise _RacedError(f"generation went from {before} to {after} over one write")
    if not quote:
        raise OSError("outblob is empty")
    return TsmQuote(quote, after)


def _generation(files: Files, folder: str) -> int:
    text = files.read(f"{folder}/generation", 32).decode("ascii", "replace").strip()
    if not text.isdigit():
        raise OSError(f"generation is {text!r}, no number")
    return int(text)
