"""Chat requests that must be refused, by what is wrong with them. One member is wrong in each, all else is right."""

from __future__ import annotations

from typing import Any, Final

from harness.asking.ask import OMIT

PROMPT: Final = "The lighthouse keeper's favourite word is heliotrope."
RIGHT: Final = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 4}
BROKEN_JSON: Final = b'{"model": "any", "messages": [{"role": "user", "content": "' + PROMPT.encode() + b'"}'

MEMBERS: Final[dict[str, dict[str, Any]]] = {
    "no model": {"model": OMIT},
    "no messages": {"messages": OMIT},
    "messages empty": {"messages": []},
    "messages a string": {"messages": PROMPT},
    "messages an object": {"messages": {"role": "user", "content": PROMPT}},
    "messages of strings": {"messages": [PROMPT]},
    "role unknown": {"messages": [{"role": "wizard", "content": PROMPT}]},
    "max_tokens 0": {"max_tokens": 0},
    "max_tokens negative": {"max_tokens": -5},
    "temperature below 0": {"temperature": -0.1},
    "temperature above 2": {"temperature": 2.1},
    "top_p below 0": {"top_p": -0.1},
    "top_p above 1": {"top_p": 1.1},
    "temperature text": {"temperature": "hot"},
    "max_tokens text": {"max_tokens": "many"},
    "stream text": {"stream": "yes"},
    "n a fraction": {"n": 1.5},
    "n 0": {"n": 0},
    "response_format unknown": {"response_format": {"type": "yaml"}},
}
