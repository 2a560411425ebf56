"""Jobs as they were submitted. Their state follows from the clock alone, so that a restart changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass

QUEUED, RUNNING, SUCCEEDED, FAILED = "queued", "running", "succeeded", "failed"
SCHEMA = """
CREATE TABLE IF NOT EXISTS fine_tuning_jobs (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, created REAL NOT NULL, starts REAL NOT NULL, ends REAL NOT NULL,
  base_model TEXT NOT NULL, training_file TEXT NOT NULL, method TEXT NOT NULL, rank INTEGER NOT NULL,
  epochs INTEGER NOT NULL, tokens INTEGER NOT NULL, problem TEXT, pod TEXT NOT NULL, tier TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Job:
    """Times in unix seconds; `problem` is why it will fail, None for one that will succeed."""

    id: str
    account: str
    created: float
    starts: float
    ends: float
    base_model: str
    training_file: str
    method: str
    rank: int
    epochs: int
    tokens: int
    problem: str | None
    pod: str
    tier: str


class Jobs:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, job: Job) -> None:
        self._db.execute(f"INSERT INTO fine_tuning_jobs VALUES ({', '.join('?' * 14)})", astuple(job))  # noqa: S608

    def get(self, job_id: str) -> Job | None:
        row = self._db.execute("SELECT * FROM fine_tuning_jobs WHERE id = ?", (job_id,)).fetchone()
        return Job(*row) if row else None

    def reset(self) -> None:
        self._db.execute("DELETE FROM fine_tuning_jobs")


def status_of(job: Job, now: float) -> str:
    """Queued until it starts, running until it ends, and then what became of it."""
    if now < job.starts:
        return QUEUED
    if now < job.ends:
        return RUNNING
    return FAILED if job.problem else SUCCEEDED
