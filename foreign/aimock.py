"""CopilotKit's aimock: a test double for OpenAI by others, gateway and answers both theirs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foreign import install
from foreign.deployment import Deployment, new_key
from foreign.process import answers, free_port, serving

VERSION = "1.43.0"
MODEL = "gpt-4o"

# It answers what its fixtures say and nothing else. These give it what any chat model can do with the prompts.
FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "weather", "hasToolResult": False},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": '{"city":"Oslo"}'}]},
    },
    {
        "match": {"userMessage": "Count from 1 to 30"},
        "response": {"content": " ".join(map(str, range(1, 31)))},
    },
    {"match": {}, "response": {"content": "Hello there, and welcome to this short answer."}},
]


@contextlib.contextmanager
def deployed(folder: Path, prefix: Path) -> Iterator[Deployment]:
    """A server on a free port. Raises NotInstallable, NotStarted."""
    commands = install.with_npm(prefix, f"@copilotkit/aimock@{VERSION}")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}, indent=1))
    port, key = free_port(), new_key()
    line = [str(commands / "llmock"), "--host", "127.0.0.1", "--port", str(port), "--fixtures", "fixtures.json"]
    ready = answers(f"http://127.0.0.1:{port}/health")
    with serving([*line, "--latency", "5"], folder / "server.log", ready, env={"AIMOCK_API_KEYS": key}):
        yield Deployment(f"aimock {VERSION}", f"http://127.0.0.1:{port}/v1", {"main": key}, MODEL)
