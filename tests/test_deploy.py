"""What runs elsewhere stays in step with what runs here: the container, the action, the GitLab job."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from harness import cli

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    return [
        (word, rest) for line in lines if line and not line.startswith("#") for word, _, rest in [line.partition(" ")]
    ]


def test_the_container_is_linted() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed; `pip install -e .[dev]` brings it")
    ended = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_the_container_is_what_certify_installs() -> None:
    """nox installs the package as it is, without extras, and so does the container; nobody runs it as root."""
    certify = re.search(r"def certify\(.*?\n\n\n", (ROOT / "noxfile.py").read_text(), re.DOTALL)
    assert certify is not None
    assert 'session.install(".")' in certify.group()
    assert any(word == "RUN" and rest.endswith("pip install --no-cache-dir .") for word, rest in instructions())
    *_, user = [rest for word, rest in instructions() if word == "USER"]
    assert user not in {"root", "0"}
    assert [rest for word, rest in instructions() if word == "ENTRYPOINT"] == ['["assay"]']


def test_the_containers_python_is_one_that_is_tested() -> None:
    tested = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    versions = tested["jobs"]["test"]["strategy"]["matrix"]["python"]
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    assert {base.removeprefix("python:").removesuffix("-slim") for base in bases} <= set(versions)


def options_of(script: str) -> list[str]:
    """The options of `assay run` in a shell script."""
    line = next(line for line in script.splitlines() if line.strip().startswith("assay run"))
    return [word for word in shlex.split(line) if word.startswith("--")]


@pytest.mark.parametrize("name", ["action.yml", "deploy/gitlab-ci.yml"])
def test_the_jobs_use_options_that_exist(name: str) -> None:
    document: Any = yaml.safe_load((ROOT / name).read_text())
    steps = document["runs"]["steps"] if "runs" in document else [{"run": "\n".join(document[".assay"]["script"])}]
    script = next(step["run"] for step in steps if "assay run" in step.get("run", ""))
    known = CliRunner().invoke(cli.main, ["run", "--help"]).output
    assert all(option in known for option in options_of(script))


def test_the_action_takes_no_key_as_an_input() -> None:
    """An input is printed in the log of a job; a variable of the environment is masked."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert not [name for name in action["inputs"] if re.search(r"key|token|secret|password", name)]
    assert all("${{" not in step.get("run", "") for step in action["runs"]["steps"])  # no script injection by inputs
