"""The requirement catalogue is whole: nothing is stated and unchecked, nothing is checked and unstated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import specs
from harness.commands.explain import defects
from harness.judge import all_rules
from harness.running.checks import checks_by_requirement
from mockserver.defects import Defect, all_defects, measured

STATED = {r.id: r for name in specs.names() for r in specs.load(name).requirements.values()}


@pytest.mark.parametrize("name", specs.names())
def test_every_requirement_has_a_check_or_a_reason(name: str) -> None:
    rows = specs.load(name).requirements.values()
    unchecked = [r.id for r in rows if not r.excluded and not r.same_as and r.id not in checks_by_requirement()]
    assert not unchecked


def test_every_check_names_a_requirement_that_exists() -> None:
    assert not checks_by_requirement().keys() - STATED.keys()


def test_every_rule_decides_a_requirement_that_exists() -> None:
    assert not {rule.requirement for rule in all_rules()} - STATED.keys()


@pytest.mark.parametrize("defect", all_defects(), ids=lambda defect: defect.name)
def test_every_defect_names_requirements_that_exist(defect: Defect) -> None:
    assert not {*defect.breaks, *defect.also} - STATED.keys()
    assert not set(defect.breaks) & set(defect.also)


def test_what_else_was_measured_is_of_defects_and_requirements_that_exist() -> None:
    assert not measured().keys() - {defect.name for defect in all_defects()}
    assert not {i for ids in measured().values() for i in ids} - STATED.keys()


def test_the_mock_lists_its_defects() -> None:
    assert [row["name"] for row in defects()] == [defect.name for defect in all_defects()]


@pytest.mark.parametrize("name", specs.names())
def test_openapi_documents_are_31_and_load(name: str) -> None:
    assert specs.load(name).openapi["openapi"].startswith("3.1")


@pytest.mark.parametrize("name", specs.names())
def test_every_reference_of_an_openapi_document_leads_somewhere(name: str) -> None:
    document = specs.load(name).openapi
    assert not [pointer for pointer in references(document) if not leads_somewhere(document, pointer)]


def references(node: Any) -> Iterator[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref" and isinstance(value, str))
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(inner)


def leads_somewhere(document: Any, pointer: str) -> bool:
    node = document
    for step in pointer.removeprefix("#/").split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node is not None


@pytest.mark.parametrize("path", sorted((specs.HERE / "schema").glob("*.json")), ids=lambda path: path.name)
def test_schemas_are_schemas(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(yaml.safe_load(path.read_text()))
