"""The folder of a run as a bundle: which files it holds and their digests. Follows no link."""

from __future__ import annotations

import hashlib
import itertools
import re
import stat
from pathlib import Path

from harness.certificate.problem import Code, Problem, Refused

CERTIFICATE = "certificate.json"
_SURROGATE = re.compile("[\ud800-\udfff]")  # stands for a byte that is none of any letter
MAX_FILES = 10_000
MAX_DEPTH = 32  # folders within folders; a run has four
MAX_BYTES = 4 * 1024**3  # of all files; a run of six thousand exchanges takes 11 MB


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 by path within the bundle, in order. Raises Refused for what is no plain file."""
    found: dict[str, str] = {}
    for name, size in sorted(_sizes(folder).items()):
        if size is None:
            found[f"{name}/"] = ""  # a folder that holds nothing is no part of any run
        elif name != CERTIFICATE:
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _sizes(folder: Path) -> dict[str, int | None]:
    """Bytes of each file, None for an empty folder; nothing is read for it. Raises Refused for what is no bundle."""
    found, left, total = dict[str, int | None](), [folder], 0
    while left:
        here = left.pop()
        paths = list(itertools.islice(here.iterdir(), MAX_FILES + 1))
        if not paths and here != folder:
            found[here.relative_to(folder).as_posix()] = None
        for path in paths:
            name, mode = path.relative_to(folder), path.lstat()
            if _SURROGATE.search(path.name):
                raise Refused(Code.BUNDLE_UNREADABLE, f"{name.as_posix()[:300]}: the name is no UTF-8")
            if stat.S_ISDIR(mode.st_mode) and len(name.parts) < MAX_DEPTH:
                left.append(path)
            elif stat.S_ISREG(mode.st_mode):
                found[name.as_posix()] = mode.st_size
                total += mode.st_size
            else:
                said = "is neither a file nor a folder, or too deep within others; a bundle holds nothing else"
                raise Refused(Code.BUNDLE_UNREADABLE, f"{name.as_posix()[:300]} {said}")
        if len(found) + len(left) > MAX_FILES:
            raise Refused(Code.BUNDLE_UNREADABLE, f"more than {MAX_FILES} files and folders")
        if total > MAX_BYTES:
            raise Refused(Code.BUNDLE_UNREADABLE, f"more than {MAX_BYTES} bytes")
    return found


def changes(stated: dict[str, str], found: dict[str, str]) -> list[Problem]:
    """What the bundle has otherwise than its certificate says, file by file."""
    problems = []
    for name in sorted(stated.keys() | found.keys()):
        if name not in found:
            problems.append(Problem(Code.MISSING, f"{name} is missing", name))
        elif name not in stated:
            problems.append(Problem(Code.STRANGE, f"{name} is no part of what was certified", name))
        elif stated[name] != found[name]:
            problems.append(Problem(Code.CHANGED, f"{name} is not what was certified: some byte of it differs", name))
    return problems
