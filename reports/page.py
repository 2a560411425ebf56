"""The one door to the HTML templates: all text is escaped and nothing loads from outside."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports import findings, legible, phrases

PLOTS = ("vendor/uplot-1.6.32.css", "vendor/uplot-1.6.32.js")  # draws a million points without a network, in 51 kB


def fill(template: str, *, charts: Sequence[object] = (), live: bool = False, **values: Any) -> str:
    """A self-contained page. Its policy allows exactly the style and script that we ship, by digest.

    `charts`: what the template puts into figures with data-chart; what draws them is put into the page with them.
    `live`: a page of the live view, which may ask the server that it came from.
    """
    style, script = _asset("style.css"), _asset("page.js")
    if charts:
        style, script = _asset(PLOTS[0]) + style, "\n".join((_asset(PLOTS[1]), _asset("charts.js"), script))
    if live:
        script = "\n".join((_asset("live.js"), script))
    own = "connect-src 'self'; form-action 'self'" if live else "form-action 'none'"
    policy = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; {own}"
    return (
        _templates()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own file, not text of a run
            script=Markup(script),  # noqa: S704
            policy=policy,
            phrases=phrases,
            charts=charts,
            **values,
        )
    )


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    made.filters |= {"clip": legible.clip, "seconds": phrases.seconds, "usd": phrases.usd, "number": phrases.number}
    made.globals |= {"grouped": findings.grouped, "reproduce": findings.reproduce}
    return made


def _shown(value: Any) -> Any:
    """Markup of our own macros passes; all other text has its hidden characters made visible before it is escaped."""
    if value is None:
        return ""
    return legible.visible(value) if type(value) is str else value


def _asset(name: str) -> str:
    environment = _templates()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
