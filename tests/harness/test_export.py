"""Figures for monitoring: what is written can be read by the reader it is for, and no collector is told nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from harness import cli
from tests.harness.listening import listening

RESULTS: dict[str, Any] = {
    "run": {"id": "r", "finished": "2026-11-20T12:00:00.000Z", "duration_s": 9.5, "profile": "standard"},
    "contract": {"name": "openai-core", "version": "1.0.0"},
    "target": {"name": 'a "target"', "test_roots": True},
    "verdict": "does-not-conform",
    "exit_code": 1,
    "spend": {"usd": "0.0025", "calls": 12},
    "requirements": [
        {"id": "OC-001", "level": "MUST", "outcome": "pass"},
        {"id": "OC-002", "level": "MUST", "outcome": "fail"},
    ],
    "coverage": {"reached": 2, "of": 3},
    "billing": {"due": 5, "nested": {"charged": 6}, "exact": True},
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("harness.results.read", lambda path: RESULTS)
    return tmp_path


def test_the_textfile_is_read_by_prometheus(run: Path) -> None:
    file = run / "assay.prom"
    assert CliRunner().invoke(cli.main, ["export", str(run), "--prometheus", str(file)]).exit_code == 0
    samples = {
        (
            sample.name,
            sample.labels.get("outcome") or sample.labels.get("figure") or sample.labels.get("requirement"),
        ): sample
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }
    assert samples["assay_requirements", "fail"].value == 1
    assert samples["assay_requirement_broken", "OC-002"].value == 1
    assert samples["assay_billing", "nested.charged"].value == 6
    assert ("assay_billing", "exact") not in samples
    assert samples["assay_run_spend_usd", None].value == 0.0025
    assert samples["assay_run_info", None].labels["target"] == 'a "target"'
    assert samples["assay_run_info", None].labels["trust_roots"] == "test"


def test_a_collector_gets_the_figures(run: Path) -> None:
    with listening(200) as server:
        ended = CliRunner().invoke(cli.main, ["export", str(run), "--otlp", server.url + "/v1/metrics"])
    assert ended.exit_code == 0, ended.output
    body = server.bodies[0]
    asked = ExportMetricsServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    (resource,) = asked.resource_metrics
    names = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    assert {"assay_run_exit_code", "assay_requirements", "assay_billing"} <= names


def test_a_collector_that_refuses_is_told(run: Path) -> None:
    with listening(400) as server:
        ended = CliRunner().invoke(cli.main, ["export", str(run), "--otlp", server.url])
    assert ended.exit_code == 2  # 1 would say that the deployment does not conform
    assert "did not take the figures" in ended.output
    assert json.dumps(RESULTS)  # nothing of it was changed
