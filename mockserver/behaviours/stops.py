"""Stop sequences: found wherever they fall across tokens, never delivered, not even in part."""

from __future__ import annotations

from collections.abc import Sequence


class StopScanner:
    """Feeds tokens through and holds back those that may be the start of a stop sequence."""

    def __init__(self, stops: Sequence[bytes]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held: list[bytes] = []
        self.hit = False

    def feed(self, token: bytes) -> list[bytes]:
        """Tokens that are now safe to deliver. After a hit the scanner takes nothing more."""
        if self.hit:
            return []
        self._held.append(token)
        text = b"".join(self._held)
        found = [at for at in map(text.find, self._stops) if at >= 0]
        if found:
            self.hit = True
            released, self._held = _split(self._held, min(found), trim=True)[0], []
            return released
        released, self._held = _split(self._held, len(text) - self._overlap(text), trim=False)
        return released

    def flush(self) -> list[bytes]:
        """What was held back when the text ended without a stop sequence."""
        released, self._held = self._held, []
        return released

    def _overlap(self, text: bytes) -> int:
        """Length of the longest end of `text` that begins a stop sequence."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            tail = text[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0


def _split(tokens: list[bytes], at: int, trim: bool) -> tuple[list[bytes], list[bytes]]:
    """Whole tokens before byte `at`, and the rest; with `trim` the token across `at` is cut instead of kept."""
    released: list[bytes] = []
    for n, token in enumerate(tokens):
        if len(token) <= at:
            released.append(token)
            at -= len(token)
            continue
        if trim:
            return ([*released, token[:at]] if at else released), []
        return released, tokens[n:]
    return released, []


def stops_of(body: dict[str, object]) -> list[bytes]:
    """The stop sequences of a request: a string or a list of them."""
    stop = body.get("stop")
    if stop is None:
        return []
    texts = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return [text.encode("utf-8", "replace") for text in texts if isinstance(text, str) and text]
