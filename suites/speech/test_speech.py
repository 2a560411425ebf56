"""Speech: a sound as long as its text, from a model and a voice that there are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.judge.chat import is_filled, member
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL, invalid
from suites.speech.sound import TYPES, container, played

pytestmark = pytest.mark.cost(calls=3)
LONGEST = 2000
SHORT = "The lamp is lit."
LONG = "The lamp of the harbour is lit at six, and put out again when the last boat is in. " * 4
WRONG_INPUTS = {"none": OMIT, "an empty one": "", "a number": 7, "one character too many": "a" * (LONGEST + 1)}


@probe(calls=2)
def speakers(ask: Ask) -> dict[str, str]:
    """A model and a voice that are listed."""
    models = member(ask.send("GET", "/audio/models").json, "speech") or []
    voices = member(ask.send("GET", "/audio/voices").json, "voices") or []
    if not models or not voices:
        raise NotObserved("no model that speaks, or no voice, is listed")
    return {"model": named(models[0]), "voice": named(voices[0])}


def named(row: object) -> str:
    """The id of a model or the name of a voice, however the list tells it."""
    given = [row, *(member(row, name) for name in ("id", "name", "voice", "model"))]
    return next(str(name) for name in given if is_filled(name))


@probe(calls=2)
def spoken(ask: Ask, speakers: dict[str, str]) -> tuple[Exchange, Exchange]:
    """A short text and a long one."""
    return speak(ask, speakers, SHORT), speak(ask, speakers, LONG)


def speak(ask: Ask, speakers: dict[str, str], text: object, **members: object) -> Exchange:
    body = {**speakers, "input": text, **members}
    return ask.send("POST", "/audio/speech", json={name: value for name, value in body.items() if value is not OMIT})


@pytest.mark.requirement("VU-060")
def test_speech_is_created(spoken):
    for answer in spoken:
        assert answer.status == 200, f"a speech was answered with {answer.status}"
        assert answer.body, "a speech was answered with 200 and nothing to hear"


@pytest.mark.requirement("VU-064")
def test_speech_is_sound_of_its_type(spoken):
    for answer in spoken:
        found = container(answer.body)
        media = answer.media_type
        assert found, f"the body is in no known container: it begins with {answer.body[:12]!r}"
        assert media in TYPES[found], f"a {found} file was sent as {media or 'no type'}"


@pytest.mark.requirement("VU-064")
def test_a_longer_text_is_a_longer_sound(spoken):
    short, long = spoken
    if container(short.body) != "wav":
        assert len(long.body) > len(short.body), "a text ten times as long makes no more sound"
        return
    lengths = [played(answer.body) for answer in spoken]
    assert all(sound.loudest > 0 for sound in lengths), "the sound is silence"
    due = Decimal(len(LONG)) / len(SHORT)
    told = Decimal(lengths[1].seconds) / Decimal(lengths[0].seconds)
    assert told > due / 4, f"a text {due:.0f} times as long plays only {told:.1f} times as long"


@pytest.mark.requirement("VU-061")
@pytest.mark.parametrize("model", [OMIT, UNKNOWN_MODEL, "", 7], ids=["none", "unknown", "empty", "number"])
def test_speech_needs_a_model(ask, speakers, contract, model):
    answer = speak(ask, speakers, SHORT, model=model)
    due = contract.trait("errors.unknown_model_status" if model == UNKNOWN_MODEL else "errors.invalid_status")
    assert answer.status in due, f"a speech by the model {model!r} was answered with {answer.status}"


@pytest.mark.requirement("VU-061")
def test_a_model_that_chats_does_not_speak(ask, speakers):
    answer = speak(ask, speakers, SHORT, model=ask.default_model)
    assert 400 <= answer.status < 500, f"a speech by a model that chats was answered with {answer.status}"


@pytest.mark.requirement("VU-062")
@pytest.mark.parametrize("wrong", WRONG_INPUTS)
def test_a_wrong_input_is_refused(ask, speakers, contract, wrong):
    invalid(speak(ask, speakers, WRONG_INPUTS[wrong]), contract, f"a speech whose input is {wrong}")


@pytest.mark.requirement("VU-062")
@pytest.mark.parametrize("letter", ["a", "ż", "灯", "🧪"])
def test_the_longest_text_is_spoken(ask, speakers, letter):
    answer = speak(ask, speakers, letter * LONGEST)
    assert answer.status == 200, f"{LONGEST} times {letter} were answered with {answer.status}"


@pytest.mark.requirement("VU-063")
@pytest.mark.parametrize("voice", [OMIT, "assay-no-such-voice", "", 7], ids=["none", "unknown", "empty", "number"])
def test_speech_needs_a_voice(ask, speakers, contract, voice):
    invalid(speak(ask, speakers, SHORT, voice=voice), contract, f"a speech by the voice {voice!r}")


@pytest.mark.requirement("VU-065")
def test_voices_are_listed(ask):
    answer = ask.send("GET", "/audio/voices")
    assert answer.status == 200, f"the voices were answered with {answer.status}"
    voices = answer.json["voices"]
    assert isinstance(voices, list), "voices is not an array"
    assert voices, "no voice is listed"
    names = [named(voice) for voice in voices]
    assert len(set(names)) == len(names), "a voice is listed more than once"


@pytest.mark.requirement("VU-065")
def test_every_listed_voice_speaks(ask, speakers, profile):
    voices = ask.send("GET", "/audio/voices").json["voices"]
    for voice in voices[: 2 if profile == "quick" else 20]:
        status = speak(ask, speakers, "Yes.", voice=named(voice)).status
        assert status == 200, f"the listed voice {named(voice)} was answered with {status}"
