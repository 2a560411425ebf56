"""The documentation: every command in it is run, every link leads somewhere, generated pages are current."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mockserver.serve import Options, Server

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATE = [sys.executable, "-m", "suites.selftest.pages"]
GATEWAY = "https://gateway.example/v1"  # stands for a deployment of the reader's
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[tuple[str, int]]:
    """The commands of a page in order, each with the exit code that it is said to have."""
    lines = [line for block in _BLOCK.findall(page.read_text()) for line in block.splitlines() if line.startswith("$ ")]
    return [_command(line[2:]) for line in lines]


def _command(line: str) -> tuple[str, int]:
    words, _, comment = line.partition("  # ")
    said = re.fullmatch(r"exits (\d)", comment)
    return words.strip(), int(said[1]) if said else 0


PAGES = [page for page in sorted(DOCS.rglob("*.md")) if commands(page)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    target = tmp_path_factory.mktemp("mock") / "target.toml"
    options = Options(control_token="a token of the test", target=target)
    with Server("voltagegpu-confidential", options=options) as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[Server]:
    """What the reader's deployment is taken for."""
    with Server("openai-core") as running:
        yield running


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_commands_of_a_page_work(page: Path, server: Server, gateway: Server, tmp_path: Path) -> None:
    assert server.target_path is not None
    for file in server.target_path.parent.iterdir():
        copy = shutil.copytree if file.is_dir() else shutil.copy
        copy(file, tmp_path / file.name)
    script = tmp_path / "assay"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m harness.cli "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "ASSAY_API_KEY": gateway.main_key, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_ADDOPTS", None)
    environment["PATH"] = f"{tmp_path}:{Path(sys.executable).parent}:{environment['PATH']}"
    for command, due in commands(page):
        line = command.replace(GATEWAY, gateway.base_url)
        ended = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert ended.returncode == due, f"{command}\nended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"


def test_generated_pages_are_current(tmp_path: Path) -> None:
    # In an interpreter of its own, as `nox -s docs` does it: other tests import libraries that change what click shows.
    subprocess.run([*GENERATE, str(tmp_path)], cwd=ROOT, check=True)
    made = {page.relative_to(tmp_path).as_posix() for page in tmp_path.rglob("*.md")}
    assert made == {"requirements.md", "reference/commands.md", "reference/schemas.md"}
    for page in made:
        assert (tmp_path / page).read_text() == (DOCS / page).read_text(), f"{page} is stale: run `nox -s docs`"


@pytest.mark.parametrize(("given", "code", "said"), [([], 2, "Usage:"), (["--help"], 0, "Usage:"), (["no"], 2, "'no'")])
def test_the_generator_writes_only_where_it_is_told(given: list[str], code: int, said: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([*GENERATE, *given], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ended.returncode, list(tmp_path.iterdir())) == (code, [])
    assert said in ended.stdout + ended.stderr


def test_every_page_is_in_the_navigation_and_every_link_leads_to_a_file() -> None:
    def listed(node: object) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from listed(inner)

    named = set(listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    existing = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page.parent.name != "decisions"}
    assert existing - named == set()
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).is_file(), f"{page.relative_to(DOCS)} links to {link}"
