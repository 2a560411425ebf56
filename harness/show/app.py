"""The live view: runs as they go, past runs, differences, and a form that starts one.

Every address begins with the token; without it nothing answers. It trusts nobody else: not the Host header, not a name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

import reports
import specs
from harness.results import BadResults
from harness.running.session import PROFILES
from harness.show.archive import Archive, Load, NoSuchRun, Run
from harness.show.starter import Refused, Starter, Wish
from reports import comparison, difference, live, loads, overview

GLANCE_S, BREATH_S = 0.2, 10.0  # between two looks at a file; a comment, so that nobody takes silence for an end
HEADERS = {
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
HOSTS = ["127.0.0.1", "localhost"]
Page = Callable[[Request], Awaitable[Response]]
_LINE = re.compile("[0-9]{1,18}")  # the number of a line


def app(archive: Archive, starter: Starter, token: str) -> Starlette:
    """The ASGI app."""
    desk = Desk(archive, starter, token)
    routes = [
        Route("/{token}/", desk.guarded(desk.home)),
        Route("/{token}/runs", desk.guarded(desk.start), methods=["POST"]),
        Route("/{token}/stop", desk.guarded(desk.stop), methods=["POST"]),
        Route("/{token}/report", desk.guarded(desk.report)),
        Route("/{token}/load", desk.guarded(desk.load)),
        Route("/{token}/live", desk.guarded(desk.live)),
        Route("/{token}/events", desk.guarded(desk.events)),
        Route("/{token}/overview", desk.guarded(desk.overview)),
        Route("/{token}/diff", desk.guarded(desk.diff)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])


@dataclass(frozen=True)
class Desk:
    archive: Archive
    starter: Starter
    token: str

    def guarded(self, page: Page) -> Page:
        """The page for who knows the token; whoever does not is not told that there is one."""

        async def answer(request: Request) -> Response:
            if not hmac.compare_digest(request.path_params["token"].encode(), self.token.encode()):
                return PlainTextResponse("not found", 404, HEADERS)
            try:
                response = await page(request)
            except NoSuchRun:
                response = PlainTextResponse("there is no such run in this folder", 404)
            except (Refused, BadResults) as refusal:
                response = HTMLResponse(self._home(str(refusal)), 422)
            response.headers.update(HEADERS)
            return response

        return answer

    def at(self, page: str, **query: str) -> str:
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"/{self.token}/{page}" + (f"?{asked}" if asked else "")

    def _run(self, request: Request, name: str = "run") -> Run:
        return self.archive.run(request.query_params.get(name, ""))

    async def home(self, _: Request) -> Response:
        return HTMLResponse(self._home())

    def _home(self, refusal: str | None = None) -> str:
        return live.home(
            [self._row(run) for run in self.archive.runs()],
            [self._loaded(load) for load in self.archive.loads()],
            contracts=specs.names(),
            profiles=PROFILES,
            refusal=refusal,
            at=self.at,
        )

    def _row(self, run: Run) -> Mapping[str, Any]:
        row: dict[str, Any] = {"name": run.name, "state": "broken off", "results": None}
        if run.is_finished:
            try:
                row |= {"state": "finished", "results": run.results()}
            except BadResults as bad:
                row |= {"state": f"not readable: {bad}"}
        elif run.is_alive() or self.starter.is_going(run.name):
            row |= {"state": "running"}
        return row

    def _loaded(self, load: Load) -> Mapping[str, Any]:
        try:
            return {"name": load.name, "found": load.figures()}
        except BadResults as bad:
            return {"name": load.name, "found": None, "state": f"not readable: {bad}"}

    async def start(self, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            asked = {name: str(form.get(name, "")) for name in ("contract", "target", "profile", "only")}
        return RedirectResponse(self.at("live", run=self.starter.start(Wish(**asked))), 303)

    async def stop(self, request: Request) -> Response:
        async with request.form(max_files=0, max_fields=2) as form:
            name = str(form.get("run", ""))
        self.starter.stop(name)
        return RedirectResponse(self.at("live", run=name), 303)

    async def report(self, request: Request) -> Response:
        return HTMLResponse(reports.render(dict(self._run(request).results()), "html"))

    async def load(self, request: Request) -> Response:
        return HTMLResponse(loads.render(self.archive.load(request.query_params.get("run", "")).figures()))

    async def overview(self, _: Request) -> Response:
        done = []
        for run in self.archive.runs():
            with contextlib.suppress(BadResults):  # the list of runs says so
                done += [(run, run.results())] if run.is_finished else []
        if not done:
            raise Refused("no run has finished yet")
        done.sort(key=lambda pair: str(pair[1]["run"]["started"]))
        links = [self.at("report", run=run.name) for run, _ in done]
        return HTMLResponse(overview.render([found for _, found in done], links))

    async def diff(self, request: Request) -> Response:
        old, new = (self._run(request, name).results() for name in ("a", "b"))
        if old["contract"]["name"] != new["contract"]["name"]:
            raise Refused("only runs of one contract can be held against each other")
        return HTMLResponse(comparison.html(difference.between(old, new)))

    async def live(self, request: Request) -> Response:
        name = request.query_params.get("run", "")
        if name not in self.starter.started:  # one of ours may not have written anything yet
            self.archive.run(name)
        return HTMLResponse(live.run(name, ours=name in self.starter.started, at=self.at))

    async def events(self, request: Request) -> Response:
        name = request.query_params.get("run", "")
        if name not in self.starter.started:
            self.archive.run(name)
        after = _LINE.fullmatch(request.headers.get("last-event-id", ""))
        told = self._told(Run(name, self.archive.folder / name), int(after[0]) if after else 0)
        return StreamingResponse(told, media_type="text/event-stream")

    async def _told(self, run: Run, after: int) -> AsyncIterator[str]:
        """What the run writes, as it writes it, then how it ended. A browser that was cut off goes on where it was."""
        breath = time.monotonic()
        while True:
            going = self.starter.is_going(run.name) or run.is_alive()  # before the look, or its last lines are missed
            for after, row in run.progress(after):  # noqa: B020 - goes on after the last line that was sent
                if row["kind"] != "ended":
                    yield f"id: {after}\ndata: {json.dumps(row)}\n\n"
            if not going:
                break
            if time.monotonic() - breath > BREATH_S:
                breath = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(GLANCE_S)
        yield f"event: ended\ndata: {json.dumps(self._end(run))}\n\n"

    def _end(self, run: Run) -> dict[str, Any]:
        if not run.is_finished:
            return {"verdict": None, "said": self.starter.said(run.name) or "The run was broken off without results."}
        try:
            found = run.results()
        except BadResults as bad:
            return {"verdict": None, "said": f"not readable: {bad}"}
        return {"verdict": found["verdict"], "counts": found["counts"], "report": self.at("report", run=run.name)}
