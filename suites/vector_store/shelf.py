"""A shelf of collections that a check makes, fills and asks, and that is cleared when the check is over."""

from __future__ import annotations

import time
from typing import Any

from harness.asking.ask import OMIT, Ask
from harness.asking.credentials import Credential
from harness.judge.chat import is_integer, member, objects
from harness.model import NotObserved
from harness.wire.exchange import Exchange, TargetFault
from suites.reading import accepted

MADE = {200, 201}
GONE = {200, 202, 204}
DONE = {"completed", "failed"}
PATIENCE_S = 60.0  # for a file to be processed
_BOUNDARY = "assay-boundary-7c1f"


class Shelf:
    """Calls of the vector store with one key; `collection` is for checks that need one and are about something else."""

    def __init__(self, ask: Ask, key: Credential = "main") -> None:
        self.ask, self.key = ask, key
        self._made: list[str] = []

    def create(self, name: Any = OMIT) -> Exchange:
        """POST vector_store. What was made is cleared away later."""
        answer = self.send("POST", "", {} if name is OMIT else {"name": name})
        made = member(member(answer.json, "collection"), "id") if answer.status in MADE else None
        if isinstance(made, str):
            self._made.append(made)
        return answer

    def fresh_name(self) -> str:
        """A name that no collection has yet."""
        return f"Assay {self.ask.draw(6).hex()}"

    def collection(self, *contents: str, name: str | None = None) -> str:
        """The id of a new collection that holds these texts."""
        answer = self.create(name or self.fresh_name())
        assert answer.status in MADE, f"creating a collection was answered with {answer.status}"
        made = str(answer.json["collection"]["id"])
        for content in contents:
            self.add(made, content)
        return made

    def add(self, collection: str, content: Any, **members: Any) -> Exchange:
        """POST items, which must succeed."""
        answer = self.send("POST", f"/{collection}/items", {"content": content, **members})
        assert answer.status in MADE, f"adding an item was answered with {answer.status}"
        return answer

    def items(self, collection: str) -> list[dict[str, Any]]:
        return objects(member(accepted(self.send("GET", f"/{collection}/items"), "a list of items").json, "items"))

    def search(self, collection: str, text: Any) -> Exchange:
        return self.send("POST", f"/{collection}/search", {"input": text})

    def found(self, collection: str, text: str) -> list[str]:
        """The contents of the results, nearest first."""
        rows = objects(member(accepted(self.search(collection, text), "a search").json, "results"))
        return [str(row.get("content")) for row in rows]

    def upload(self, collection: str, filename: str, data: bytes, media: str = "text/plain") -> Exchange:
        """POST files with one file of a form."""
        return self.post_form(collection, form(filename, data, media), f"multipart/form-data; boundary={_BOUNDARY}")

    def post_form(self, collection: str, body: bytes, content_type: str) -> Exchange:
        headers = {"Content-Type": content_type}
        return self.ask.send("POST", f"/vector_store/{collection}/files", content=body, headers=headers, key=self.key)

    def uploaded(self, collection: str, filename: str, data: bytes, media: str = "text/plain") -> str:
        """The id of a file that was taken."""
        answer = self.upload(collection, filename, data, media)
        assert answer.status in MADE, f"uploading {filename} was answered with {answer.status}"
        return str(answer.json["file"]["id"])

    def processed(self, collection: str, file: str) -> dict[str, Any]:
        """The file once it is completed or failed. Raises NotObserved when that takes too long."""
        end = time.monotonic() + PATIENCE_S
        while True:
            told = member(accepted(self.send("GET", f"/{collection}/files/{file}"), "a file").json, "file")
            if member(told, "status") in DONE:
                return dict(told)
            if time.monotonic() > end:
                raise NotObserved(f"after {PATIENCE_S:.0f} s the file is still {member(told, 'status')}")
            time.sleep(0.1)

    def send(self, method: str, path: str, json: Any = OMIT) -> Exchange:
        """Any request; `path` is below vector_store."""
        return self.ask.send(method, f"/vector_store{path}", json=json, key=self.key)

    def clear(self) -> None:
        """Delete what was made; what is gone already is no matter, and a target that is down is not asked on."""
        for made in self._made:
            try:
                self.send("DELETE", f"/{made}").answered()
            except TargetFault:
                return


def embedded_tokens(usage: Any) -> int:
    """What embedding is said to have taken. Raises NotObserved where the usage has no total that is known by name."""
    count = next((usage[name] for name in ("total_tokens", "prompt_tokens", "tokens") if name in usage), None)
    if not is_integer(count):
        raise NotObserved(f"the usage has the members {', '.join(sorted(usage))[:80]}, and none is a count of tokens")
    return count


def form(filename: str, data: bytes, media: str = "text/plain", field: str = "file") -> bytes:
    """A body of multipart/form-data with one file."""
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
        f"Content-Type: {media}\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
