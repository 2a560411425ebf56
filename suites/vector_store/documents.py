"""Documents to upload: a real PDF of a few lines, and some that mean harm."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

FONT = b"<< /Font << /F1 5 0 R >> >>"
EXPLODED = 100 * 1024 * 1024  # bytes that the bomb's one page inflates to


def pdf(lines: Sequence[str]) -> bytes:
    """A PDF 1.4 of one page with these lines in Helvetica; ASCII only."""
    shown = "".join(f"1 0 0 1 72 {720 - 20 * n} Tm ({_escaped(line)}) Tj\n" for n, line in enumerate(lines))
    return _document(f"BT /F1 12 Tf\n{shown}ET".encode("ascii"))


def bomb() -> bytes:
    """A PDF of some hundred kilobytes whose page inflates to 100 MB of blanks."""
    blank, times, total = b" " * (1024 * 1024), EXPLODED // (1024 * 1024), 1
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(blank) + packer.flush(zlib.Z_FULL_FLUSH)  # stands for itself wherever it is put
    for _ in range(times):
        total = zlib.adler32(blank, total)
    packed = b"\x78\xda" + block * times + packer.flush() + total.to_bytes(4, "big")  # RFC 1950
    return _document(packed, b" /Filter /FlateDecode")


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _document(content: bytes, more: bytes = b"") -> bytes:
    """Header, objects, the table of where they are, trailer."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources " + FONT + b" >>",
        b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(content), more, content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
