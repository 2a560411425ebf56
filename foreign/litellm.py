"""LiteLLM's proxy in front of the reference mock: a gateway by others, answers by ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from foreign import install
from foreign.deployment import MODEL, Deployment, new_key, provider
from foreign.process import answers, free_port, serving

VERSION = "1.106.2"
# Without prisma, which the extra "proxy" does not bring, every refusal of a key is a 500 (docs/foreign.md).
REQUIREMENTS = (f"litellm[proxy]=={VERSION}", "prisma==0.15.0")

# As its documentation starts one: a model list and a master key, everything else left at its default.
CONFIG = f"""\
model_list:
  - model_name: {MODEL}
    litellm_params:
      model: openai/{MODEL}
      api_base: os.environ/PROVIDER_URL
      api_key: os.environ/PROVIDER_KEY
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""


@contextlib.contextmanager
def deployed(folder: Path, venv: Path) -> Iterator[Deployment]:
    """A proxy on a free port. Raises NotInstallable, NotStarted."""
    scripts = install.with_pip(venv, *REQUIREMENTS)
    (folder / "config.yaml").write_text(CONFIG)
    port, key = free_port(), new_key()
    line = [str(scripts / "litellm"), "--config=config.yaml", "--host=127.0.0.1", f"--port={port}", "--telemetry=False"]
    with provider(folder) as (url, provider_key):
        env = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it fetches a price list from the internet
            "LITELLM_MASTER_KEY": key,
            "PROVIDER_KEY": provider_key,
            "PROVIDER_URL": url,
        }
        ready = answers(f"http://127.0.0.1:{port}/health/readiness")
        with serving(line, folder / "server.log", ready, env=env):
            yield Deployment(f"litellm {VERSION}", f"http://127.0.0.1:{port}/v1", {"main": key})
