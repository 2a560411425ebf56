"""Writes mockserver/defects/also.yaml: what else each defect turned red in a wide proof. Measured, not guessed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mockserver.defects import ALSO, all_defects, measured

HEAD = """# What else each defect turns red, beside what it breaks. Measured by wide proofs; do not edit:
#   assay prove --wide --out out/wide, then python -m suites.selftest.also out/wide/*/proof.json
"""


def merged(known: Mapping[str, Iterable[str]], proofs: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The measured lists: those of the proofs' defects are replaced, those of others kept, of vanished ones dropped."""
    seen: dict[str, set[str]] = {}
    for proof in proofs:
        for row in proof["rows"]:
            if row["outcome"] == "killed":
                seen.setdefault(row["defect"], set()).update(row["unlisted"], row["also_failed"])
    names = {defect.name for defect in all_defects()}
    whole = {**{name: set(ids) for name, ids in known.items()}, **seen}
    return {name: sorted(ids) for name, ids in sorted(whole.items()) if ids and name in names}


def text(lists: Mapping[str, Iterable[str]]) -> str:
    return HEAD + "".join(f"{name}: [{', '.join(ids)}]\n" for name, ids in lists.items())


def main() -> None:
    proofs = [json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:]]
    ALSO.write_text(text(merged(measured(), proofs)), encoding="utf-8")


if __name__ == "__main__":
    main()
