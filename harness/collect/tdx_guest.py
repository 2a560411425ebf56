"""The TD's own report through /dev/tdx_guest: what the module says of this TD before any quote is made of it.

Its MAC binds it to this machine and nobody else can check it, so it is no evidence: it only shows that a quote is ours.
"""

from __future__ import annotations

from harness.collect.faults import Absent, Refused
from harness.collect.guest import Files, Guest

DEVICE = "/dev/tdx_guest"
GET_REPORT0 = 0xC4405401  # _IOWR('T', 1, {u8 reportdata[64]; u8 tdreport[1024]})
REPORT_BYTES = 1024
_DATA = slice(128, 192)  # in REPORTMACSTRUCT
_FIELDS = {  # in TDINFO_STRUCT: name in a quote -> where; RTMR2 and RTMR3 may move between report and quote
    "td_attributes": slice(512, 520),
    "xfam": slice(520, 528),
    "mr_td": slice(528, 576),
    "mr_config_id": slice(576, 624),
    "mr_owner": slice(624, 672),
    "mr_owner_config": slice(672, 720),
    **{f"rt_mr{n}": slice(720 + 48 * n, 768 + 48 * n) for n in range(2)},
}


def is_there(files: Files) -> bool:
    return files.exists(DEVICE)


def local_report(guest: Guest, report_data: bytes) -> bytes:
    """The TDREPORT over `report_data`, 64 bytes. Raises Absent, Refused."""
    buffer = bytearray(report_data) + bytearray(REPORT_BYTES)
    try:
        guest.ioctl(guest.files.at(DEVICE), GET_REPORT0, buffer)
    except OSError as error:
        raise Absent(
            f"{DEVICE}: {error.strerror or error}; run as root in a TDX guest of Linux 6.2 or later"
        ) from error
    report = bytes(buffer[len(report_data) :])
    if report[_DATA] != report_data:
        raise Refused(f"{DEVICE}: the report is over other data than was given")
    return report


def differing(report: bytes, body: dict[str, bytes]) -> list[str]:
    """Fields in which a quote's body is not that of the TD which made this report."""
    return [name for name, where in _FIELDS.items() if body.get(name) != report[where]]
