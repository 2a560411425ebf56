"""`assay run --replay`: the request that plays a saved run. Says what is wrong with a folder before it plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import results
from harness.running.run import BadRequest, Request
from harness.wire import journal

HOW = "make the run without -n, then it can be played and certified"


def request(contract: str, replay: str, *, defects: tuple[str, ...] = (), **asked: Any) -> Request:
    """What `--replay RUN[#EXCHANGE]` asks for: what is not `asked` otherwise is as in the run.

    Raises BadRequest, BadResults.
    """
    folder, exchange = named(replay)
    if defects or asked.get("base_url") or asked.get("workers", 0) > 1:
        raise BadRequest("--replay plays what was answered then: it goes with no --defect, --base-url or -n")
    was = results.read(folder)
    if was["contract"]["name"] != contract:
        name = was["contract"]["name"]
        raise BadRequest(f"{folder} is a run by {name}, and cannot be played by {contract}: name {name}, or none")
    if was["run"]["workers"] > 1:
        raise BadRequest(f"{folder}: {was['run']['workers']} processes made it, and nobody knows in which order: {HOW}")
    ids = [x.id for x in journal.read(folder / "exchanges.jsonl")] if exchange is not None else []
    if exchange is not None and exchange not in ids:
        there = f"there are {ids[0]} to {ids[-1]}" if ids else "there are none"
        raise BadRequest(f"{folder / 'exchanges.jsonl'} has no exchange {exchange}; {there}")
    run = was["run"]
    own = {"profile": run["profile"], "seed": run["seed"], "cap_usd": was["spend"]["cap_usd"]}
    if not asked.get("only") and not asked.get("suites"):
        own |= {"only": tuple(run["only"]), "suites": tuple(run["suites"])}
    given = {**own, **asked}
    return Request(contract=contract, target="", replay=folder.resolve(), **given)


def contract_of(replay: str) -> str:
    """The contract that a saved run was judged by. Raises BadResults."""
    return str(results.read(named(replay)[0])["contract"]["name"])


def named(replay: str) -> tuple[Path, str | None]:
    """Folder and exchange; the folder may be named by the file of exchanges in it."""
    path, _, exchange = replay.partition("#")
    folder = Path(path)
    return (folder.parent if folder.name == "exchanges.jsonl" else folder), exchange or None
