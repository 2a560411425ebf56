"""What a service has acknowledged is there after kill -9: the process had no time to save anything."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest


@contextlib.contextmanager
def mock(folder: Path) -> Iterator[httpx.Client]:
    """A mock in a process of its own, which is killed at the end."""
    line = [sys.executable, "-m", "mockserver", "volt-control-plane", "--json", "--state", str(folder / "state.db")]
    target = folder / "target.toml"
    with subprocess.Popen([*line, "--write-target", str(target)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["ready"]
            lines = target.with_suffix(".env").read_text().splitlines()
            key = dict(line.split("=", 1) for line in lines)["ASSAY_MAIN_KEY"]
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as api:
                yield api
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("collection", "order"),
    [
        ("/forge/leases", {"metro": "fra", "gpu_type": "b200", "count": 8, "term": "on_demand"}),
        ("/vault/racks", {"metro": "fra", "gpu_type": "b200", "term": "36_month"}),
    ],
)
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, collection: str, order: dict[str, Any]) -> None:
    with mock(tmp_path) as api:
        made = [api.post(collection, json=order).json()["id"] for _ in range(3)]
        ended = api.delete(f"{collection}/{made[0]}").status_code == 204
    with mock(tmp_path) as api:
        rows = api.get(collection).json()["data"]
    assert [row["id"] for row in rows] == made
    assert not ended or rows[0]["ends_at"] is not None


def test_keys_jobs_and_the_trail_survive_a_kill(tmp_path: Path) -> None:
    job = {"base_model": "llama-3.3-70b-instruct", "training_file": "file-support-tone"}
    with mock(tmp_path) as api:
        key = api.post("/orgs/org_main/api-keys", json={"name": "one", "scopes": ["spark.read"]}).json()
        ended = api.post("/orgs/org_main/api-keys", json={"name": "two", "scopes": ["spark.read"]}).json()
        assert api.delete(f"/orgs/org_main/api-keys/{ended['id']}").status_code == 204
        made = api.post("/fine-tuning/jobs", json=job).json()["id"]
        chat = {"model": job["base_model"], "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
        assert api.post("/chat/completions", json=chat).status_code == 200
        usage = api.get("/usage").json()["series"]
        trail = api.get("/orgs/org_main/audit").json()["data"]
    with mock(tmp_path) as api:
        for secret, status in ((key["secret"], 200), (ended["secret"], 401)):
            assert api.get("/models", headers={"Authorization": f"Bearer {secret}"}).status_code == status
        assert api.get(f"/fine-tuning/jobs/{made}").json()["id"] == made
        assert api.get("/usage").json()["series"] == usage
        kept = api.get("/orgs/org_main/audit").json()["data"]
    assert [row for row in kept if row["id"] in {row["id"] for row in trail}] == trail
