"""What a started foreign server is to Assay: a target file with its keys, and the model to ask."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foreign.process import free_port, serving

MODEL = "Qwen/Qwen3-32B-TEE"  # a row of the reference mock's catalogue


@dataclass(frozen=True)
class Deployment:
    """A running server. Keys by role; a role the server cannot offer is left out."""

    name: str
    base_url: str
    keys: dict[str, str]
    model: str = MODEL

    def write_target(self, folder: Path) -> Path:
        """A target file, and beside it the env file with the keys, which only the owner can read."""
        variables = {role: f"FOREIGN_{role.upper()}_KEY" for role in self.keys}
        env, path = folder / "target.env", folder / "target.toml"
        env.touch(0o600)
        env.write_text("".join(f"{variables[role]}={key}\n" for role, key in self.keys.items()))
        rows = "\n".join(f'{role} = "{variable}"' for role, variable in variables.items())
        path.write_text(
            f'name = "{self.name}"\nbase_url = "{self.base_url}"\ncontract = "openai-core"\nenv_file = "{env.name}"\n\n'
            f'[keys]\n{rows}\n\n[model]\ndefault = "{self.model}"\n\n[spend]\ncap_usd = "100"  # nobody is paid here\n'
        )
        return path


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[tuple[str, str]]:
    """The reference mock as the inference provider behind a foreign gateway; yields its base URL and a key of it."""
    target, port = folder / "provider.toml", free_port()
    line = [sys.executable, "-m", "mockserver", "openai-core", f"--port={port}", f"--write-target={target}"]
    with serving(line, folder / "provider.log", target.exists, env={"PYTHONPATH": str(Path(__file__).parents[1])}):
        pairs = dict(row.split("=", 1) for row in target.with_suffix(".env").read_text().splitlines())
        yield f"http://127.0.0.1:{port}/v1", pairs["ASSAY_MAIN_KEY"]


def new_key() -> str:
    return f"sk-{secrets.token_hex(16)}"
