"""What the figures read out of events: hostile ones are no tokens, and never an exception."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from harness.load.progress import LONGEST_ID, Progress
from harness.wire.sse import Event
from tests.load.servers import DONE, ROLE, USAGE, said

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["choices", "delta", "content", "usage", "error", "index", "x"]), inner)
    ),
)


def _fed(*blocks: bytes, at_ns: int = 0) -> Progress:
    progress = Progress()
    for number, block in enumerate(blocks, start=1):
        progress.take(Event(block, at_ns or number * 10, block.decode().removeprefix("data: ").strip()))
    return progress


def test_the_role_is_not_the_first_token() -> None:
    found = _fed(ROLE, said("a"), said("b"), USAGE, DONE)
    assert (found.first_ns, list(found.gaps_ns), found.outputs) == (20, [10], 2)
    assert (found.tokens, found.done, found.failed) == ((7, 3), True, False)


def test_outputs_of_one_read_are_coalesced() -> None:
    found = _fed(said("a"), said("b"), said("c"), at_ns=5)
    assert (found.coalesced, list(found.gaps_ns)) == (2, [0, 0])


@given(JSON)
def test_hostile_events_never_raise(document: object) -> None:
    progress = Progress()
    for data in (json.dumps(document), str(document), None):
        progress.take(Event(b"", 1, data))
    assert progress.outputs <= 2


def test_what_no_table_has_room_for_is_cut_or_left_out() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    event = b'data: {"id": "%b", "choices": [], "usage": {"prompt_tokens": %d, "completion_tokens": 1}}'
    found = _fed(event % (b"i" * 300_000, 10**400), b'data: {"choices": [], "x": %b}' % deep, DONE)
    assert (len(found.answer_id), found.tokens, found.done) == (LONGEST_ID, None, True)
    whole = Progress()
    whole.take_whole(b'{"choices": [{}], "x": %b}' % deep)
    assert not whole.done
