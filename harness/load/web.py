"""Locust's page for a load under way, with our own figures beside its statistics. The generator's alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, jsonify
from locust.env import Environment

from harness.load.figures import figures, series
from harness.load.gathering import Gathering


def show(environment: Environment, gathering: Gathering, host: str, port: int) -> None:
    """Serve the page, and /assay: what was measured so far, as JSON."""
    with _no_arguments():
        page = environment.create_web_ui(host, port)

    def assay() -> Response:
        users = 0 if gathering.scenario.arrivals else gathering.scenario.users
        steady_s = gathering.scenario.steady_from_s
        found = figures(gathering.tally, users, steady_from_s=steady_s)
        return jsonify({**found, "series": series(gathering.tally)})

    assert page.app is not None
    page.app.add_url_rule("/assay", view_func=assay)


@contextmanager
def _no_arguments() -> Iterator[None]:
    """Locust reads the command line again for its page, and does not know ours."""
    before, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = before
