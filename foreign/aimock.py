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


def _numbers(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


def _call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": json.dumps(arguments)}]}


# It answers what its fixtures say and nothing else, so they say what a chat model would answer to the prompts that a
# canned text can serve. The first match wins. A word asked back cannot be canned, so those checks stay unobserved.
CITY = json.dumps({"city": "Oslo", "population": 709000, "climate": "temperate", "rivers": ["Akerselva"]})
ANSWERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"responseFormat": "json_object"}, {"content": CITY}),
    ({"responseFormat": "json_schema"}, {"content": CITY}),
    ({"toolResultContains": "17.3"}, {"content": "It is 17.3 degrees in Oslo."}),
    ({"userMessage": "weather", "hasToolResult": False}, _call("get_weather", {"city": "Oslo"})),
    ({"userMessage": "postcode", "hasToolResult": False}, _call("find_orders", {"postcode": "01234", "limit": 5})),
    *(({"userMessage": f"Count from 1 to {last},"}, {"content": _numbers(last)}) for last in (5, 20, 30, 200)),
    ({}, {"content": "Hello there, and welcome to this short answer."}),
]


@contextlib.contextmanager
def deployed(folder: Path, prefix: Path) -> Iterator[Deployment]:
    """A server on a free port. Raises NotInstallable, NotStarted."""
    commands = install.with_npm(prefix, f"@copilotkit/aimock@{VERSION}")
    fixtures = [{"match": match, "response": response} for match, response in ANSWERS]
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}, indent=1))
    port, key = free_port(), new_key()
    line = [str(commands / "llmock"), "--host", "127.0.0.1", "--port", str(port), "--fixtures", "fixtures.json"]
    ready = answers(f"http://127.0.0.1:{port}/health")
    with serving([*line, "--latency", "5"], folder / "server.log", ready, env={"AIMOCK_API_KEYS": key}):
        yield Deployment(f"aimock {VERSION}", f"http://127.0.0.1:{port}/v1", {"main": key}, MODEL)
