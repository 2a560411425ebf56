"""A contract takes in a catalogue of requirements: its rows can be overridden and belong to the digest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import specs
from specs import SpecError

CONTRACT = "voltagegpu-confidential"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the specs that a test may change."""
    copy = tmp_path / "specs"
    shutil.copytree(specs.HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(specs, "HERE", copy)
    specs.load.cache_clear()
    yield copy
    specs.load.cache_clear()


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_rows_of_the_catalogue_are_rows_of_the_contract() -> None:
    taken = specs.load(CONTRACT).requirements["AT-053"]
    assert (taken.contract, taken.needs) == ("attestation", ("evidence", "control"))
    assert taken.line > 0


def test_every_row_needs_evidence() -> None:
    assert all("evidence" in row.needs for row in specs.catalogue("attestation").values())


def test_a_contract_without_catalogues_has_none_of_their_rows() -> None:
    assert not [i for i in specs.load("openai-core").requirements if i.startswith("AT-")]


def test_an_unknown_catalogue_is_told_with_file_and_key(folder: Path) -> None:
    changed(folder / CONTRACT / "contract.yaml", "catalogues: [attestation, billing]", "catalogues: [attestations]")
    said = r"contract\.yaml: catalogues: expected of .*attestation, billing, .*got 'attestations'"
    with pytest.raises(SpecError, match=said):
        specs.load(CONTRACT)


def test_a_row_of_a_catalogue_can_be_overridden(folder: Path) -> None:
    override = "overrides:\n  AT-062:\n    excluded: Not asked for here.\n"
    changed(folder / CONTRACT / "contract.yaml", "overrides:\n", override)
    assert specs.load(CONTRACT).requirements["AT-062"].excluded == "Not asked for here."


def test_an_override_of_nothing_is_told(folder: Path) -> None:
    changed(folder / CONTRACT / "contract.yaml", "overrides:\n", "overrides:\n  AT-999:\n    level: MAY\n")
    with pytest.raises(SpecError, match=r"contract\.yaml: overrides: neither base nor catalogue has AT-999"):
        specs.load(CONTRACT)


def test_the_digest_covers_the_catalogue(folder: Path) -> None:
    before = specs.load(CONTRACT).digest
    changed(folder / "catalogues" / "attestation" / "requirements.yaml", "level: MUST", "level: MAY")
    specs.load.cache_clear()
    assert specs.load(CONTRACT).digest != before
