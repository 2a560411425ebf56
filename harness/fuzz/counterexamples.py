"""Writes what was found so that it can be asked again: a curl script a finding, and one pytest file for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from pprint import pformat

from harness.asking.ask import Ask
from harness.fuzz.causes import Cause
from harness.record.curl import curl
from harness.wire.exchange import Exchange

FOLDER = "counterexamples"
_PYTEST = '''"""Asks again what the fuzz suite found: each test fails for as long as the target still does it.

Set the target's keys as for a run, then: pytest {name}  (ASSAY_TARGET names another target file or URL)
"""

import os

import pytest

from harness.fuzz.replay import Replay

CONTRACT = {contract!r}
TARGET = os.environ.get("ASSAY_TARGET", {target!r})
CASES = {cases}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_it_is_not_so_any_more(case):
    assert Replay(CONTRACT, TARGET).wrong(case) == []
'''


def write(folder: Path, ask: Ask, causes: Iterable[Cause]) -> Path | None:
    """The folder with the files, None when there is nothing to write. No file holds a secret."""
    found = [cause for cause in causes if cause.shown]
    if not found:
        return None
    made = folder / FOLDER
    made.mkdir(parents=True, exist_ok=True)
    cases = []
    for cause in found:
        finding = cause.finding()
        name = f"{finding.requirement}-{finding.signature}"
        lines = [f"# {line}" for line in (finding.message, finding.observed or "") if line]
        lines = [re.sub(r"\s+", " ", line)[:500] for line in lines]
        asked = [curl(x, ask.target) for x in cause.shown]
        script = "\n".join(["#!/bin/sh", *lines, *asked, ""])
        (made / f"{name}.sh").write_text(script, encoding="utf-8", errors="replace")
        if len(cause.shown) == 1 and "raw" not in cause.shown[0].intent:
            cases.append(_case(name, cause, cause.shown[0], ask))
    if cases:
        target = str(ask.target.path or ask.target.base_url)
        text = _PYTEST.format(
            name="test_again.py", contract=ask.contract.name, target=target, cases=pformat(cases, width=110)
        )
        (made / "test_again.py").write_text(text, encoding="utf-8", errors="replace")
    return made


def _case(name: str, cause: Cause, x: Exchange, ask: Ask) -> dict[str, object]:
    own = {"host", "content-length", "accept", "accept-encoding", ask.contract.trait("auth.header").lower()}
    return {
        "id": name,
        "requirement": cause.requirement,
        "rule": cause.rule,
        "said": cause.message,
        "method": x.request.method,
        "path": x.request.url.removeprefix(ask.target.host_url),
        "headers": {key: value for key, value in x.request.headers if key.lower() not in own},
        "with_key": any(key.lower() == ask.contract.trait("auth.header").lower() for key, _ in x.request.headers),
        "body": x.request.body,
    }
