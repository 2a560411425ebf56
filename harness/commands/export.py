"""`assay export`: a run's figures for Prometheus (a textfile) or for anything that speaks OTLP."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from harness import results
from harness.model import Exit
from harness.results.measures import labels_of, measures
from harness.terminal import told

OTLP_TIMEOUT_S = 10


class NotExported(ValueError):
    """What kept the figures from being handed over; the message says what to do."""


def prometheus(found: Mapping[str, Any]) -> bytes:
    """The text format, for the textfile collector of the node exporter."""
    registry, gauges, common = CollectorRegistry(), dict[str, Gauge](), labels_of(found)
    for one in measures(found):
        names = [*common, *one.labels]
        gauge = gauges.get(one.name) or Gauge(one.name, one.help, names, registry=registry)
        gauges[one.name] = gauge
        gauge.labels(**common, **one.labels).set(one.value)
    return generate_latest(registry)


def write_textfile(found: Mapping[str, Any], path: Path) -> None:
    """Whole or not at all: a collector that reads meanwhile must not see half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(prometheus(found))
    draft.replace(path)


def send_otlp(found: Mapping[str, Any], url: str) -> None:
    """One export of all measures as gauges, over HTTP. Raises NotExported."""
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import (
            MetricExporter,
            MetricExportResult,
            MetricsData,
            PeriodicExportingMetricReader,
        )
        from opentelemetry.sdk.resources import Resource
    except ImportError as error:
        raise NotExported("OTLP needs more packages: pip install 'assay-harness[otlp]'") from error

    class Heard(OTLPMetricExporter):
        """Remembers whether the collector took it: the reader does not tell."""

        taken: MetricExportResult | None = None

        def export(
            self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **more: Any
        ) -> MetricExportResult:
            self.taken = super().export(metrics_data, timeout_millis, **more)
            return self.taken

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what went wrong is told below, once
    exporter: MetricExporter = Heard(endpoint=url, timeout=OTLP_TIMEOUT_S)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    common = labels_of(found)
    provider = MeterProvider(
        [reader], Resource.create({"service.name": "assay", **{f"assay.{k}": v for k, v in common.items()}})
    )
    meter, gauges = provider.get_meter("assay"), dict[str, Any]()
    for one in measures(found):
        gauge = gauges.setdefault(one.name, None) or meter.create_gauge(one.name, description=one.help)
        gauges[one.name] = gauge
        gauge.set(one.value, {**common, **one.labels})
    provider.force_flush(OTLP_TIMEOUT_S * 1000)
    taken = getattr(exporter, "taken", None)
    provider.shutdown()
    if taken is not MetricExportResult.SUCCESS:
        raise NotExported(
            f"{url} did not take the figures; look whether a collector listens there and takes OTLP over HTTP"
        )


@click.command(name="export")
@click.argument("run", type=click.Path(exists=True, path_type=Path), metavar="RUN")
@click.option("--prometheus", "textfile", type=click.Path(path_type=Path, dir_okay=False), help="Write this textfile.")
@click.option("--otlp", metavar="URL", help="Send to this collector, such as http://127.0.0.1:4318/v1/metrics.")
def export_command(run: Path, textfile: Path | None, otlp: str | None) -> None:
    """Hand a run's figures to a monitoring system. Without an option they are printed as Prometheus reads them."""
    found = results.read(run)
    if textfile is not None:
        write_textfile(found, textfile)
    if otlp is not None:
        try:
            send_otlp(found, otlp)
        except NotExported as error:
            raise SystemExit(told("error", str(error), Exit.BAD_INVOCATION)) from error
    if textfile is None and otlp is None:
        click.echo(prometheus(found).decode(), nl=False)
