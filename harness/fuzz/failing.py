"""Makes the provider fail in every way it can, and holds what becomes of a request to every rule of the contract."""

from __future__ import annotations

from typing import Any

from harness.asking.ask import Ask
from harness.asking.credentials import Credential
from harness.fuzz.causes import Inquiry
from harness.fuzz.judging import Judges
from harness.judge.chat import finish_reasons, stream_errors
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Exchange

FAILING = "FZ-008"
BOUND = 32  # tokens
FAULTS: dict[str, dict[str, Any]] = {  # kind of fault, by the words of a finding
    "refuses as busy": {"kind": "refuse", "status": 503},
    "refuses the request": {"kind": "refuse", "status": 400},
    "fails before its answer": {"kind": "fail_before_first_byte"},
    "fails in its answer": {"kind": "error_in_stream", "at": 4},
    "leaves in its answer": {"kind": "drop_after_chunks", "at": 4},
}
FAILED = {"failed", "dropped"}  # what the provider says of a call


class Saboteur:
    """One request whole and one streamed for every fault, of a model that nobody else asks meanwhile."""

    def __init__(self, ask: Ask, key: Credential, model: str) -> None:
        self.ask, self.key, self.model = ask, key, model
        self.judges, self.found = Judges(ask.contract), Inquiry()

    def explore(self) -> Inquiry:
        """Raises NotObserved where the provider's faults are not at hand."""
        with self.ask.asking("fuzz"):
            for place, fault in FAULTS.items():
                for stream in (False, True):
                    try:
                        self._meet(place, fault, stream=stream)
                    except BudgetExceeded:
                        self.found.missed.add(FAILING)
                        return self.found
        return self.found

    def _meet(self, place: str, fault: dict[str, Any], *, stream: bool) -> None:
        mark = self.ask.provider.mark()
        self.ask.provider.fault(**fault, model=self.model)
        try:
            prompt = "Count from 1 to 12, separated by spaces."
            answer = self.ask.chat(prompt, model=self.model, stream=stream, max_tokens=BOUND, key=self.key)
        finally:
            self.ask.provider.clear_faults()
        calls = self.ask.provider.calls_since(mark)
        if len(calls) != 1 or calls[0].get("outcome") not in FAILED:
            return  # another try of the gateway succeeded, or it was not asked at all
        self.found.asked[FAILING] += 1
        if answer.complete:
            self.judges.tell(self.found.causes, answer, place, FAILING)
        if _looks_whole(answer):
            said = "an answer that the provider did not finish looks finished"
            self.found.causes.add(FAILING, said, [answer], place, observed=answer.text[-200:])


def _looks_whole(answer: Exchange) -> bool:
    """A success that says why it ended, or says nothing of a failure."""
    if not answer.complete or answer.head_status is None or answer.head_status >= 300:
        return False
    return any(finish_reasons(answer).values()) or not stream_errors(answer)
