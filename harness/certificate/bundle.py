"""The folder of a run as a bundle: which files it holds and their digests. Follows no link."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.certificate.problem import Code, Problem, Refused

CERTIFICATE = "certificate.json"
MAX_FILES = 10_000


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 by path within the bundle, in order. Raises Refused for what is no plain file."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(Code.BUNDLE_UNREADABLE, f"{name} is neither a file nor a folder; a bundle holds nothing else")
        if path.is_dir() and not any(path.iterdir()):
            found[f"{name}/"] = ""  # a folder that holds nothing is no part of any run
        elif path.is_file() and name != CERTIFICATE:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        if len(found) > MAX_FILES:
            raise Refused(Code.BUNDLE_UNREADABLE, f"more than {MAX_FILES} files")
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
