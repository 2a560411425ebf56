"""Our generator, as `assay` runs it; what it measured of every stream is written down at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from generators import BODY, Cell, Seen

LONGEST_S = 600.0


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
    """The generator's own main without its journal."""
    import locust  # noqa: F401 - before anything of ours: it replaces sockets

    from harness.load import runner
    from harness.load.desk import Desk
    from harness.load.figures import ANSWERED
    from harness.load.scenario import read

    read_one = read(Path(scenario).read_text())
    desk = Desk(read_one, (("Accept-Encoding", "identity"), ("Content-Type", "application/json")))
    runner.run(desk)
    rows = [
        (s.started_ns / 1e6, s.first_ns / 1e6, [gap / 1e6 for gap in s.gaps_ns])
        for s in desk.streams
        if s.outcome == ANSWERED and s.first_ns is not None
    ]
    Path(out).write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
