"""However the bytes of a stream are cut, and whichever line ends it uses, the same events come out."""

from __future__ import annotations

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from harness.wire.sse import Event, Parser

LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b": note", b"event: e", b"id: 7", b"", b"", b"odd: x", b"data: \xff"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


def parsed(pieces: list[bytes]) -> list[Event]:
    parser, events = Parser(), []
    for piece in pieces:
        events += parser.feed(piece, 0)
    return events + parser.close()


@given(body=st.binary(max_size=80) | st.lists(LINES).map(b"\n".join), cuts=st.lists(st.integers(0, 80)))
def test_any_cut_gives_the_same_events(body: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in itertools.pairwise(edges)]
    assert parsed(pieces) == parsed([body])
    assert parsed([bytes([byte]) for byte in body]) == parsed([body])


@given(lines=st.lists(LINES), end=ENDS)
def test_line_ends_are_alike(lines: list[bytes], end: bytes) -> None:
    # The end of the body is the same block end in each spelling, so that a lone CR is not waiting for its LF.
    assert parsed([end.join([*lines, b"", b""])]) == parsed([b"\n".join([*lines, b"", b""])])


def test_a_byte_order_mark_is_allowed_once() -> None:
    mark = b"\xef\xbb\xbf"
    assert parsed([mark + b"data: a\n\n"])[0].data == "a"
    assert parsed([mark[:1], mark[1:], b"data: a\n\n"])[0].faults == ()
    assert parsed([mark + mark + b"data: a\n\n"])[0].faults


def test_what_was_cut_off_is_marked() -> None:
    (event,) = parsed([b"data: half"])
    assert event.faults == ("the stream ended inside an event",)


def test_a_line_without_end_costs_time_in_proportion_to_its_length() -> None:
    parser = Parser()
    began = time.perf_counter()
    for _ in range(4000):
        parser.feed(b"x" * 1000, 0)
    assert time.perf_counter() - began < 2


@given(
    st.lists(
        st.sampled_from(
            [b"data: ", b"data:", b"\n", b"\n\n", b"\r", b"\r\n\r\n", b"{}", b"x", b"[DONE]", b"\xef\xbb\xbf", b"\xff"]
        )
    )
)
def test_what_is_alone_is_what_feeding_would_have_said(pieces: list[bytes]) -> None:
    quick, slow = Parser(), Parser()
    for piece in (b"".join(pieces[n : n + 3]) for n in range(0, len(pieces), 3)):
        value = quick.alone(piece)
        told = slow.feed(piece, 0)
        if value is None:
            assert quick.feed(piece, 0) == told
        else:
            assert [event.data for event in told] == [value.decode(errors="replace")]
