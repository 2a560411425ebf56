"""What changes between two contracts."""

from __future__ import annotations

import json

from click.testing import CliRunner

import specs
from harness import cli
from harness.commands.contracts import difference

OLD, NEW = "openai-core", "voltagegpu-confidential"


def test_a_contract_does_not_differ_from_itself() -> None:
    found = difference(specs.load(OLD), specs.load(OLD))
    assert not found["traits"]
    assert not any(rows for what in ("requirements", "operations") for rows in found[what].values())


def test_both_directions_tell_the_same() -> None:
    there, back = (difference(specs.load(a), specs.load(b)) for a, b in ((OLD, NEW), (NEW, OLD)))
    for what in ("requirements", "operations"):
        assert there[what]["added"] == back[what]["removed"]
    assert [(row["trait"], row["from"]) for row in there["traits"]] == [
        (row["trait"], row["to"]) for row in back["traits"]
    ]


def test_it_names_traits_requirements_and_operations() -> None:
    found = difference(specs.load(OLD), specs.load(NEW))
    traits = {row["trait"]: (row["from"], row["to"]) for row in found["traits"]}
    assert traits["errors.envelope"] == ("openai", "voltage")
    assert traits["limits.requests_per_minute"] == (None, 1000)
    assert "POST /embeddings (refused)" in found["operations"]["added"]
    assert "BL-040" in [row["id"] for row in found["requirements"]["added"]]
    changed = {row["id"]: row["members"] for row in found["requirements"]["changed"]}
    assert "decision" in changed["OC-137"]


def test_the_command_prints_and_knows_what_it_cannot_find() -> None:
    typed = CliRunner().invoke(cli.main, ["diff-contracts", OLD, NEW])
    assert typed.exit_code == 0
    assert "errors.envelope" in typed.stdout
    assert json.loads(CliRunner().invoke(cli.main, ["diff-contracts", OLD, NEW, "--json"]).stdout)["to"].startswith(NEW)
    assert CliRunner().invoke(cli.main, ["diff-contracts", OLD, "voltage"]).exit_code == 2
