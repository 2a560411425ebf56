"""Sections of a Markdown page that must fit where it is posted. What is left out is counted, never silently gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIMIT = 65_000  # characters of a page: GitHub refuses a comment of more than 65,536
_NOTE = 120  # characters kept free for the line that says what a section leaves out


@dataclass(frozen=True)
class Section:
    """A heading, the head of its table if it is one, and its entries, the most telling first."""

    heading: str
    entries: Sequence[str]
    head: str = ""

    @property
    def frame(self) -> int:
        """Characters it takes with no entry at all, and a note."""
        return len(self.heading) + len(self.head) + _NOTE

    def text(self, count: int, rest: str) -> str:
        """The first `count` entries, and a line that says where the others are."""
        shown = self.entries[:count]
        body = "\n".join([self.head, *shown]) if self.head and shown else "\n\n".join(shown)
        left = len(self.entries) - len(shown)
        more = f"{left} {'more are' if shown else 'are'} in {rest}." if left else ""
        return "\n\n".join(part for part in (self.heading, body, more) if part)


def fits(sections: Sequence[Section], room: int) -> bool:
    """Whether they can be shown whole in `room` characters."""
    return sum(section.frame + sum(map(_size, section.entries)) for section in sections) <= room


def fit(sections: Sequence[Section], room: int, rest: str) -> tuple[list[str], int]:
    """Their texts within `room` characters, and how many entries were left out. `rest`: where those are.

    Each section takes at most half of the room that is left, so that a long one hides no other; then each takes more.
    """
    shown = [0] * len(sections)
    room -= sum(section.frame for section in sections)
    for share in (2, 1):
        for number, section in enumerate(sections):
            allowed = room // share
            for size in map(_size, section.entries[shown[number] :]):
                if size > allowed:
                    break
                allowed, room, shown[number] = allowed - size, room - size, shown[number] + 1
    texts = [section.text(count, rest) for section, count in zip(sections, shown, strict=True)]
    return texts, sum(len(section.entries) for section in sections) - sum(shown)


def _size(entry: str) -> int:
    return len(entry) + 2  # and the blank line before it
