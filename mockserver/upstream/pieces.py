"""What a gateway sees of a provider: answers in pieces that have no wire form yet, and two ways to fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from mockserver.chunked import Block
    from mockserver.upstream.faults import Fault, Script
    from mockserver.upstream.log import CallRecord


Push = Callable[[int], bool]  # writes the frames of so many pieces at once; False says to push no more for now


class UpstreamFailure(Exception):
    """The provider failed or went away before its answer was complete."""


class Aborted(Exception):
    """The gateway told the provider to stop."""


class Piece(NamedTuple):
    """One step of one choice: bytes of text, a part of a tool call, a finish, or a usage."""

    step: int
    choice: int
    text: bytes = b""
    tool: dict[str, Any] | None = None
    finish: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    tokens: int = 0
    usage: dict[str, int] | None = None


_of_row = partial(tuple.__new__, Piece)
_MEMBERS = {name: itemgetter(number) for number, name in enumerate(Piece._fields)}
choice_of, text_of, tool_of = _MEMBERS["choice"], _MEMBERS["text"], _MEMBERS["tool"]
finish_of, tokens_of, step_of = _MEMBERS["finish"], _MEMBERS["tokens"], _MEMBERS["step"]


class Plain:
    """What a choice says that is nothing but text."""

    __slots__ = ("choice", "finish", "text", "tokens", "written")

    def __init__(self, choice: int, tokens: list[bytes], finish: str) -> None:
        self.choice, self.tokens, self.finish = choice, tokens, finish
        self.text = b"".join(tokens)
        self.written: Block | None = None  # by whoever streamed it last


class Text(list[Piece]):
    """The pieces of one choice that is nothing but text: one for each token, and some that say nothing.

    Nobody may change them.
    """

    __slots__ = ("plain",)
    plain: Plain

    def ended_by(self, last: Piece) -> Text:
        """With one more piece, which has no text."""
        longer = Text(self)
        longer.append(last)
        longer.plain = self.plain
        return longer


def text_pieces(choice: int, tokens: list[bytes], finish: str) -> Text:
    """A piece a token, made without a call of Python's for each: this is most of what the engine does."""
    none = repeat(None)
    found = Text(map(_of_row, zip(count(), repeat(choice), tokens, none, none, none, repeat(1), none, strict=False)))
    found.append(Piece(len(tokens) - 1 if tokens else 0, choice, finish=finish))
    found.plain = Plain(choice, tokens, finish)
    return found


class Generation(Protocol):
    """One answer being produced. Ends as completed, aborted, failed or dropped, exactly once."""

    record: CallRecord
    aborted: bool
    fault: Fault | None  # that is scripted for it, where that is known

    async def next(self) -> Piece | None:
        """The next piece when it is there; None after the last. Raises Aborted or UpstreamFailure."""

    def due(self) -> Piece | None:
        """The next piece if it is there already and nothing stands in its way; None says to wait for it by `next`."""

    def upcoming(self) -> tuple[Plain, int] | None:
        """What is said, and which of its tokens is the next, where that is known already and plain ASCII."""

    def take_due(self) -> int:
        """How many upcoming tokens are due by now; they count as taken."""

    async def play(self, push: Push) -> None:
        """Push the upcoming tokens, each when it is due."""

    @property
    def over(self) -> bool:
        """Whether `next` has nothing more to give, as far as is known."""

    async def rest(self) -> list[Piece]:
        """All pieces at once, when the last is there: what a request without a stream waits for."""

    def abort(self) -> None:
        """Stop the work; what was generated so far stays counted."""

    def usage_so_far(self) -> dict[str, int] | None:
        """Tokens read and generated until now; None where the provider has not said."""


class Upstream(Protocol):
    """Starts generations and remembers them."""

    script: Script
    kinds: frozenset[str]  # faults that it can have
    calls: deque[CallRecord]  # the last of them
    started: int

    def start(
        self, body: dict[str, Any], request_id: str, account: str, cap: int, since: float | None = None
    ) -> Generation:
        """Begin one generation of at most `cap` tokens a choice; `since` is when its request came, if not now."""

    async def rows(self) -> list[dict[str, Any]]:
        """The models that it has, as its own list shows them. Raises UpstreamFailure."""

    def since(self, mark: int) -> Iterable[CallRecord]:
        """The calls after the first `mark`."""

    async def close(self) -> None:
        """Let go of connections; the server stops."""

    def reset(self) -> None:
        """The scripted faults are again those of the start."""
