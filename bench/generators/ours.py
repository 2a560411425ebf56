"""Our generator, as `assay` runs it; what it measured of every stream is written down at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from generators import BODY, Cell, Seen

LONGEST_S = 600.0
HEADERS = (("Accept-Encoding", "identity"), ("Content-Type", "application/json"))


class Ours:
    name, peer, note = "assay", None, ""

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        scenario = {
            "url": f"{cell.url}/v1/chat/completions",
            "bodies": [json.dumps(BODY)] * cell.requests,
            "users": cell.users,
            "seconds": LONGEST_S,
            "ca_bundle": str(cell.ca) if cell.ca else None,
        }
        written = cell.folder / "scenario.json"
        written.write_text(json.dumps(scenario))
        return [str(bin_folder / "python"), str(Path(__file__)), str(written), str(cell.folder / "seen.json")]

    def environment(self, _: Cell) -> Mapping[str, str]:
        root = Path(__file__).parents[2]
        return {"PYTHONPATH": f"{root}:{root / 'bench'}"}

    def seen(self, cell: Cell) -> list[Seen]:
        return [Seen(*row) for row in json.loads((cell.folder / "seen.json").read_text())]


def main(scenario: str, out: str) -> None:
    """What the generator's own main does, with each stream's figures kept instead of written to a table."""
    import locust  # noqa: F401 - before anything of ours: it replaces sockets

    from harness.load import runner
    from harness.load.desk import Desk
    from harness.load.scenario import read
    from harness.load.stream import ANSWERED, Stream

    given, streams = read(Path(scenario).read_text()), list[Stream]()
    desk = Desk(given, (*HEADERS, *given.headers))
    local = runner.environment().create_local_runner()

    def hand_over() -> None:
        streams.extend(desk.handed_over()[1])

    runner.run(desk, local, hand_over)
    local.quit()
    hand_over()
    answered = [(s, s.first_ns) for s in streams if s.outcome == ANSWERED]
    rows = [
        (s.started_ns / 1e6, first_ns / 1e6, [gap / 1e6 for gap in s.gaps_ns])
        for s, first_ns in answered
        if first_ns is not None
    ]
    Path(out).write_bytes(msgspec.json.encode(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
