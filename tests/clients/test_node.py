"""The official client for Node against a mock of every contract: `nox -s clients` installs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import specs
from mockserver.serve import Options, Server

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None or not (HERE / "node_modules").is_dir(), reason="run by `nox -s clients`")
@pytest.mark.parametrize("contract", specs.names())
def test_a_journey(contract: str) -> None:
    with Server(contract, options=Options(itl=0.0002)) as server:
        rows = server.state.catalogue.rows.values()
        kinds = {row.kind: row.id for row in reversed(rows) if f"{row.kind}s" in server.state.traits.services}
        variables = {"BASE_URL": server.base_url, "KEY": server.main_key, "MODEL": server.state.catalogue.default}
        variables |= {kind.upper(): model for kind, model in kinds.items() if kind in ("embedding", "image")}
        assert NODE is not None
        ended = subprocess.run(
            [NODE, "journey.mjs"], cwd=HERE, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout)
    assert found["whole"] == found["streamed"] == "1 2 3 4 5"
    assert found["total"] is True
    assert found["invalid"][0] in {"BadRequestError", "UnprocessableEntityError"}
    assert found["stranger"] == ["AuthenticationError", 401]
    assert set(found.get("lengths", ["1.0000"])) == {"1.0000"}
    assert found.get("png", "PNG") == "PNG"
