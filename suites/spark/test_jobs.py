"""LoRA jobs: what is submitted is what is trained, states go forward only, and tenants do not meet."""

from __future__ import annotations

import pytest

from harness.model import NotObserved
from suites.spark.conftest import with_capability

STATES = ("queued", "running", "succeeded", "failed", "cancelled")
ENDS = STATES[2:]
STEPS = (0, 1, 1, 1, 2, 4, 8, 16, 32, 64, 128)  # seconds of the deployment's clock: less than five minutes in all
INVALID = (
    {"base_model": "assay-no-such-model"},
    {"method": "full"},
    {"method": 7},
    {"rank": 0},
    {"rank": -8},
    {"rank": 1.5},
    {"rank": "16"},
    {"epochs": 0},
    {"epochs": "three"},
    {"training_file": None},
    {"base_model": None},
)
ADDRESSES = (
    "http://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1:1/train.jsonl",
    "file:///etc/passwd",
    "../../etc/passwd",
    "//[::1]/train.jsonl",
    "gopher://127.0.0.1:11211/_stats",
    "file-a\r\nX-Injected: 1",
    "file-a\x00.jsonl",
)


@pytest.fixture
def asked(ask):
    return {"base_model": with_capability(ask, "fine_tuning"), "training_file": ask.named("training_file")}


@pytest.fixture
def moving(ask):
    """Moves the deployment's clock on, and back to the present in the end."""
    control = ask.control
    yield control.advance
    control.set_clock(None)


def states(ask, moving, job_id):
    """The job as it was after each step of the clock, until it has ended."""
    seen = []
    for seconds in STEPS:
        if seconds:
            moving(seconds)
        seen.append(ask.send("GET", f"/fine-tuning/jobs/{job_id}").json)
        if seen[-1]["status"] in ENDS:
            return seen
    raise NotObserved(f"the job did not end within {sum(STEPS)} seconds of the deployment's clock")


@pytest.mark.requirement("VL-037")
def test_a_job_is_submitted_with_defaults(job):
    assert job.status == 202, f"a LoRA job was answered with {job.status}"
    found = {name: job.json[name] for name in ("method", "rank", "epochs")}
    assert found == {"method": "lora", "rank": 16, "epochs": 3}, f"what was left out became {found}"
    assert job.json["status"] in ("queued", "running"), f"a new job is {job.json['status']}"


@pytest.mark.requirement("VL-037")
@pytest.mark.cost(calls=1)
def test_a_job_repeats_what_was_asked_for(ask, asked):
    wanted = {**asked, "method": "qlora", "rank": 8, "epochs": 2}
    answer = ask.send("POST", "/fine-tuning/jobs", json=wanted)
    assert answer.status == 202, f"a LoRA job was answered with {answer.status}"
    other = {name: answer.json.get(name) for name, value in wanted.items() if answer.json.get(name, value) != value}
    assert not other, f"{wanted} was asked for, and the job has {other}"


@pytest.mark.requirement("VL-038")
def test_a_job_can_be_read(job, job_read):
    assert job_read.status == 200, f"reading a job was answered with {job_read.status}"
    assert job_read.json["id"] == job.json["id"], "reading a job gives another one"
    assert job_read.json["status"] in STATES, f"the state of a job is {job_read.json['status']!r}"
    kept = ("base_model", "method", "rank", "epochs", "created_at")
    changed = [name for name in kept if job_read.json.get(name) != job.json.get(name)]
    assert not changed, f"reading a job gives other values for {changed}"


@pytest.mark.requirement("VL-119")
@pytest.mark.cost(calls=3)
def test_another_tenants_job_is_not_found(ask, job):
    assert job.status == 202, f"a LoRA job was answered with {job.status}"
    theirs = ask.send("GET", f"/fine-tuning/jobs/{job.json['id']}", key="second_tenant")
    missing = ask.send("GET", f"/fine-tuning/jobs/{job.json['id'][:-4]}zzzz", key="second_tenant")
    assert theirs.status == 404, f"another tenant's job was answered with {theirs.status}"
    assert missing.status == 404, f"a job that does not exist was answered with {missing.status}"


@pytest.mark.requirement("VL-119")
@pytest.mark.cost(calls=2)
def test_ids_of_jobs_cannot_be_guessed(ask, asked):
    ids = [ask.send("POST", "/fine-tuning/jobs", json=asked).json["id"] for _ in range(2)]
    numbers = ["".join(char for char in job_id if char.isalnum()) for job_id in ids]
    same = sum(one == other for one, other in zip(*numbers, strict=False))
    assert max(map(len, numbers)) - same >= 8, f"two ids differ in {max(map(len, numbers)) - same} characters: {ids}"


@pytest.mark.requirement("VL-137")
@pytest.mark.cost(calls=len(INVALID))
def test_a_job_that_cannot_run_is_refused(ask, asked):
    for wrong in INVALID:
        answer = ask.send("POST", "/fine-tuning/jobs", json={**asked, **wrong})
        assert 400 <= answer.status < 500, f"a job with {wrong} was answered with {answer.status}"


@pytest.mark.requirement("VL-138")
@pytest.mark.cost(calls=1 + len(STEPS))
def test_a_job_goes_forward_only(ask, asked, moving):
    seen = states(ask, moving, ask.send("POST", "/fine-tuning/jobs", json=asked).json["id"])
    places = [min(STATES.index(found["status"]), 2) for found in seen]
    assert places == sorted(places), f"the job went back: {[found['status'] for found in seen]}"
    early = [found["status"] for found in seen[:-1] if found.get("artifact_id") or found.get("finished_at")]
    assert not early, f"a job that is {early} has an artefact or a finishing time"
    assert seen[-1]["status"] == "succeeded", f"the job ended as {seen[-1]['status']}"
    assert seen[-1]["artifact_id"], "a job that has succeeded has no artefact"
    assert seen[-1]["finished_at"] >= seen[-1]["created_at"], "the job was finished before it was made"


@pytest.mark.requirement("VL-138")
@pytest.mark.cost(calls=3 + len(STEPS))
def test_a_job_that_has_ended_stays_so(ask, asked, moving):
    job_id = ask.send("POST", "/fine-tuning/jobs", json=asked).json["id"]
    end = states(ask, moving, job_id)[-1]
    moving(30)
    later = ask.send("GET", f"/fine-tuning/jobs/{job_id}").json
    kept = ("status", "artifact_id", "finished_at")
    changed = [name for name in kept if later[name] != end[name]]
    assert not changed, f"thirty seconds after it ended a job has another {changed}"


@pytest.mark.requirement("VL-139")
@pytest.mark.cost(calls=len(ADDRESSES))
def test_a_training_file_is_no_address(ask, asked, contract):
    due = contract.trait("errors.invalid_status")
    for address in ADDRESSES:
        answer = ask.send("POST", "/fine-tuning/jobs", json={**asked, "training_file": address})
        assert answer.status in due, f"the training file {address!r} was answered with {answer.status}"


@pytest.mark.requirement("VL-140")
@pytest.mark.cost(calls=1 + len(STEPS))
def test_a_broken_training_file_fails_the_job(ask, asked, moving):
    wanted = {**asked, "training_file": ask.named("broken_training_file")}
    end = states(ask, moving, ask.send("POST", "/fine-tuning/jobs", json=wanted).json["id"])[-1]
    assert end["status"] == "failed", f"a job with a broken training file ended as {end['status']}"
    assert not end["artifact_id"], "a job that has failed has an artefact"
    assert end["error"], "a job that has failed does not say why"
