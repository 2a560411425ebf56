"""An older results.json is brought up to the current version and valid there; what is newer is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import results
from harness.results import versions
from tests.reports import sample


def of_1_0() -> dict[str, Any]:
    """The sample without everything that 1.1 added."""
    document = sample.results() | {"schema_version": "1.0"}
    for row in document["requirements"]:
        del row["at"]
    for excerpt in document["exchanges"].values():
        del excerpt["operation"]
    return document


def written(document: Any, folder: Path) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(document))
    return path


def test_an_older_file_is_read_and_nothing_is_guessed(tmp_path: Path) -> None:
    found = results.read(written(of_1_0(), tmp_path))
    assert found["schema_version"] == versions.CURRENT
    assert {row["at"] for row in found["requirements"]} == {None}


def test_every_known_version_leads_to_the_current_one() -> None:
    for version in versions.STEPS:
        assert versions.current({"schema_version": version})["schema_version"] == versions.CURRENT


@pytest.mark.parametrize("version", ["1.2", "2.0", "0.9", ""])
def test_another_version_is_refused_by_name(tmp_path: Path, version: str) -> None:
    with pytest.raises(results.BadResults, match=r"schema_version: .*use the assay that wrote it"):
        results.read(written(sample.results() | {"schema_version": version}, tmp_path))


@pytest.mark.parametrize("rows", [None, 7, [7], [None], {"a": 1}])
def test_an_older_file_of_another_shape_is_refused_in_words(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(results.BadResults, match=r"expected the results\.json"):
        results.read(written(of_1_0() | {"requirements": rows}, tmp_path))


def test_what_is_read_is_not_changed_in_place() -> None:
    before = of_1_0()
    versions.current(before)
    assert before == of_1_0()
