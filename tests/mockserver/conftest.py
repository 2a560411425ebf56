"""One running mock per contract for the whole session, and short ways to talk to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from mockserver.serve import Options, Server

MODEL = "Qwen/Qwen3-32B-TEE"
COUNTING = [{"role": "user", "content": "Count from 1 to 500"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@dataclass
class Lab:
    """A server with a client of its main account and one of its control API."""

    server: Server
    api: httpx.Client
    control: httpx.Client

    def chat(self, content: str = "Hello", **body: Any) -> httpx.Response:
        messages = [{"role": "user", "content": content}]
        return self.api.post("/chat/completions", json={"model": MODEL, "messages": messages, **body})

    def chunks(self, content: str = "Hello", **body: Any) -> list[Any]:
        """Parsed data of every event of a stream; [DONE] stays a string."""
        text = self.chat(content, stream=True, **body).text
        data = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
        return [item if item == "[DONE]" else json.loads(item) for item in data]

    def account(self, name: str = "acct_main") -> dict[str, Any]:
        return dict(self.control.get(f"/accounts/{name}").json())

    def calls(self, since: int) -> list[dict[str, Any]]:
        return list(self.control.get("/upstream/calls", params={"since": since}).json()["calls"])

    @property
    def mark(self) -> int:
        return int(self.control.get("/upstream/calls").json()["mark"])


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Lab]]:
    """Start a mock; all of them stop when the session ends."""
    labs: list[Lab] = []

    def run(contract: str, gateway: Any = None) -> Lab:
        server = Server(contract, gateway, Options(control_token="T", itl=0.0002)).__enter__()
        api = httpx.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {server.main_key}"})
        control = httpx.Client(base_url=server.origin + "/control/v1", headers={"X-Control-Token": "T"})
        labs.append(Lab(server, api, control))
        return labs[-1]

    yield run
    for lab in labs:
        lab.api.close()
        lab.control.close()
        lab.server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def _confidential(start: Callable[..., Lab]) -> Lab:
    return start("voltagegpu-confidential")


@pytest.fixture
def lab(_confidential: Lab) -> Lab:
    """The confidential gateway in its start-up state."""
    _confidential.control.post("/reset")
    return _confidential


@pytest.fixture(scope="session")
def core(start: Callable[..., Lab]) -> Lab:
    """The plain OpenAI-style service."""
    return start("openai-core")
