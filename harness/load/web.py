"""Locust's page for a load under way, with our own figures beside its statistics. The generator's alone."""

from __future__ import annotations

from flask import Response, jsonify
from locust.env import Environment

from harness.load.figures import figures, series
from harness.load.gathering import Gathering


def show(environment: Environment, gathering: Gathering, host: str, port: int) -> None:
    """Serve the page, and /assay: what was measured so far, as JSON."""
    page = environment.create_web_ui(host, port)

    def assay() -> Response:
        users = 0 if gathering.scenario.arrivals else gathering.scenario.users
        return jsonify({**figures(gathering.tally, users), "series": series(gathering.tally)})

    assert page.app is not None
    page.app.add_url_rule("/assay", view_func=assay)
