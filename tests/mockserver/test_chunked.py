"""Frames that are written many at once are the same bytes as one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mockserver.chunked import Batch, Block, chunk

TEXTS = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=30)


@given(texts=TEXTS, data=st.data())
def test_a_block_is_its_frames(texts: list[bytes], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(texts) - 1))
    stop = data.draw(st.integers(start + 1, len(texts)))
    block = Block(len(b"before "), b" after", texts)
    for before in (b"before ", b"BEFORE "):  # of two streams that say the same
        frames = [before + text + b" after" for text in texts[start:stop]]
        assert block.said(before, start, stop) == b"".join(frames)
        assert block.chunks(before, start, stop) == b"".join(map(chunk, frames))


def test_an_empty_frame_does_not_end_a_stream() -> None:
    batch = Batch()
    batch.add([b"one", b"", b"two"])
    assert (batch.said(), batch.chunks(), batch.last) == (b"onetwo", chunk(b"one") + chunk(b"two"), b"two")
