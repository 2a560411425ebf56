"""What the documentation names is there: commands, their options, files, exit codes, and the code that it quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import mockserver.__main__ as mock
import mockserver.upstream.__main__ as upstream
from harness.cli import main
from harness.model import Exit
from suites.selftest import prove

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
AUTOMATED = [ROOT / "action.yml", *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())]
MADE_BY_A_RUN = re.compile(r"^(counterexamples|first|out)/")
NOT_OURS = {"--pyargs"}  # of pytest
_CALL = re.compile(r"\bassay ((?:attest )?[a-z][a-z-]*)((?: (?:\\\n)?[^\n`|;&>]*)?)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def _options(command: click.Command) -> set[str]:
    found = [option for option in command.params if isinstance(option, click.Option)]
    return {"--help", *(name for option in found for name in (*option.opts, *option.secondary_opts))}


def _commands(group: click.Group, above: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        yield f"{above}{name}", _options(command)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above}{name} ")


def _known() -> dict[str, set[str]]:
    """The options of every command, also of those that hand over to a module of their own."""
    known = dict(_commands(main))
    for name, parser in (("mock", mock._parser()), ("upstream", upstream._parser())):
        known[name] |= {word for action in parser._actions for word in action.option_strings}
    known["prove"] |= _options(prove.main)
    known["watch"] |= known["run"]
    return known


OPTIONS = _known()
SCRIPTS = "".join(path.read_text() for top in ("bench", "foreign") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("page", [*WRITTEN, *AUTOMATED], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_has_the_options_that_are_named(page: Path) -> None:
    wrong = []
    for name, rest in _CALL.findall(page.read_text()):
        if name in OPTIONS:  # otherwise it is prose that begins with our name
            wrong += [(name, option) for option in _OPTION.findall(rest) if option not in OPTIONS[name]]
    assert wrong == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_option_and_file_in_the_text_exists(page: Path) -> None:
    text = page.read_text()
    ours = set[str]().union(*OPTIONS.values(), NOT_OURS)
    assert {word for word in _OPTION.findall(text) if word not in ours and f'"{word}"' not in SCRIPTS} == set()
    named = {*re.findall(r"`([\w.-]+/[\w./-]+)`", text), *re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)}
    missing = {name for name in named if not (ROOT / name).exists() and not (page.parent / name).exists()}
    assert {name for name in missing if not MADE_BY_A_RUN.match(name)} == set()


@pytest.mark.parametrize("page", [*WRITTEN, ROOT / "action.yml"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_exit_code_that_is_named_is_one_of_ours(page: Path) -> None:
    named = re.findall(r"\b(?:exit code|exits with|exits|ends with) `?(\d+)\b", page.read_text())
    assert {int(code) for code in named} <= {int(code) for code in Exit}


def test_the_table_of_exit_codes_is_complete() -> None:
    table = (ROOT / "docs/reference/outcomes.md").read_text()
    assert [int(code) for code in re.findall(r"^\| (\d) \|", table, re.MULTILINE)] == sorted(map(int, Exit))


def test_the_code_that_contributing_quotes_is_the_code() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"^```(?:yaml|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    code = [path for top in ("harness", "suites", "mockserver") for path in (ROOT / top).rglob("*.py")]
    sources = [path.read_text() for path in (*(ROOT / "specs").rglob("*.yaml"), *code)]
    assert len(blocks) == 4
    for block in blocks:
        assert any(block in source for source in sources), block
