"""2,000 changes of a bundle or its certificate, none of which is accepted; what changed in a bundle is named."""

from __future__ import annotations

import random
import shutil

from harness.certificate.verify import verified
from tests.certificate import edits
from tests.certificate.conftest import Signed

EDITS = 2000


def test_no_edit_is_accepted(kept: Signed, copy: Signed) -> None:
    whim, demands = random.Random(2026), kept.demands()
    assert verified(copy.raw, copy.folder, demands).accepted
    for number in range(EDITS):
        of_bundle = number % 2 == 0
        edit = whim.choice(edits.BUNDLE if of_bundle else edits.CERTIFICATE)
        name = edit(copy, whim)
        found = verified(copy.raw, copy.folder, demands)
        assert not found.accepted, f"edit {number} was accepted: {edit.__name__} {name}"
        if of_bundle:
            subjects = {problem.subject for problem in found.problems}
            assert name in subjects, f"edit {number}, {edit.__name__}, changed {name}, and {subjects} are named"
        else:
            assert found.statement is None, f"edit {number}, {edit.__name__}: the statement was believed"
        restore(kept, copy, {"certificate.json"} if not of_bundle else subjects)


def restore(kept: Signed, copy: Signed, names: set[str]) -> None:
    """Undo an edit: what it changed are the names that were given, so the next edit would fail if one were missing."""
    for name in names:
        here, there = kept.folder / name, copy.folder / name
        if there.is_dir():
            there.rmdir()
        elif there.exists():
            there.unlink()
        if here.is_file():
            shutil.copyfile(here, there)
