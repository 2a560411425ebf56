"""What the fuzz checks share: each kind of asking is done once, and serves every check that is about it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.asking.probe import Cost, probe
from harness.fuzz import counterexamples
from harness.fuzz.alike import Alike, Rewriter, alike_again
from harness.fuzz.cases import EFFORTS, paid_operations
from harness.fuzz.causes import Inquiry
from harness.fuzz.conversing import Converser
from harness.fuzz.explorer import Exploration, Explorer, documented, judged_again
from harness.fuzz.failing import BOUND as FAILED_TOKENS
from harness.fuzz.failing import FAULTS, Saboteur
from harness.fuzz.ordinary import LONG
from harness.fuzz.payer import key_for_fuzzing
from harness.fuzz.races import Racer
from harness.fuzz.sequences import Walk, Walker
from harness.fuzz.shelves import Browser
from harness.fuzz.shrink import shorten
from harness.fuzz.siege import Besieger
from harness.model import Nonconformity, NotObserved
from harness.record.asides import NOT_GENERATED, NotOnTape
from harness.record.playback import Player
from harness.running.classify import needs_an_answer
from harness.running.session import Session

EXPLORED = {"OC-170", "OC-171", "OC-172", "FZ-001"}  # what generated requests decide
REWRITTEN_IDS = {f"FZ-0{n}" for n in range(20, 27)}
BY_RULES = {"OC-172", "FZ-001"}  # of them those that saved answers decide, without the case that was generated
GENERATED = "which answers were to generated requests"
REWRITINGS_OF = "which answers were to requests that mean the same"
MODES = {"OC-170": ("positive",), "OC-171": ("negative",)}  # the cases a requirement is about; others are about both
HERE = Path(__file__).parent
STATE = "fuzz.json"  # in the folder of a run: where the next one goes on
SHORTENING_S = 3.0
_ORDER = {name: n for n, name in enumerate(("test_shelves", "test_ordinary", "test_openapi"))}
PROFILES = ("quick", "standard", "full")
REWRITTEN = dict.fromkeys(PROFILES, Cost(120, 26 * 90, 26 * 8))  # those that are answered are short
ORDINARY = dict.fromkeys(PROFILES, Cost(40, 40 * 150, 40 * 2 * LONG))
RACED = dict.fromkeys(PROFILES, Cost(100, 14 * 70, 14 * 8))
STEPS = {"quick": 0, "standard": 12, "full": 200}  # of a random walk, for each resource
WALKED_S = {"quick": 1.0, "standard": 1.0, "full": 20.0}
FAILED = dict.fromkeys(PROFILES, Cost(2 * len(FAULTS), 2 * len(FAULTS) * 30, 2 * len(FAULTS) * FAILED_TOKENS))
BESIEGED = dict.fromkeys(PROFILES, Cost(240, 30 * 90, 30 * 8))


def not_played(ask, name: str, *, pays: bool = True, left_unread: bool = False) -> None:
    """Where a saved run is played, generated requests are not made: their answers join the journal, and that is all."""
    if isinstance(ask.client, Player):
        with contextlib.suppress(NotOnTape):
            if pays:
                key_for_fuzzing(ask, left_unread=left_unread)
        for asker in ("fuzz", name):
            ask.client.take_rest(asker)
        raise NotObserved(NOT_GENERATED)


def pytest_collection_modifyitems(items):
    """What tells most for its money first: what is free, then answers that each tell of many values."""
    places = [n for n, item in enumerate(items) if item.path.parent == HERE]
    ours = sorted((items[n] for n in places), key=lambda item: _ORDER.get(item.path.stem, len(_ORDER)))
    for n, item in zip(places, ours, strict=True):
        items[n] = item


@probe(calls=EFFORTS["standard"].calls, costs={profile: effort.cost for profile, effort in EFFORTS.items()})
def explorer(ask, assay_session: Session) -> Explorer | None:
    """Generated requests that cost nothing have been asked; none where a saved run is played."""
    if isinstance(ask.client, Player):
        return None
    options = assay_session.options
    effort = EFFORTS[options.profile]
    if options.fuzz_once:
        effort = replace(effort, seconds=60.0)
    elif options.fuzz_seconds is not None:
        effort = replace(effort, seconds=options.fuzz_seconds)
    state = _state(options)
    seed = options.seed if state is None else state["seed"]
    until = frozenset(assay_session.selected & EXPLORED if options.fuzz_once else ())
    endless = options.fuzz_seconds is not None and not options.fuzz_once
    explorer = Explorer(ask, effort, seed, endless=endless, until=until)
    explorer.ask_free(state)
    return explorer


@pytest.fixture(scope="session")
def explored(ask, assay_session: Session, explorer: Explorer | None) -> Exploration:
    if explorer is None:
        with ask.asking("explorer"):
            return explored_then(ask, ask.client)
    options = assay_session.options
    with ask.asking("explorer"):
        found = explorer.ask_rest()
        if not options.fuzz_once:
            shorten(explorer, SHORTENING_S)
        ask.notes.note(GENERATED, found.notes())
    assay_session.figures.setdefault("fuzz", {}).update(found.figures(documented(ask)))
    if options.out is not None:
        (options.out / STATE).write_text(json.dumps(explorer.state()), encoding="utf-8")
        counterexamples.write(options.out, ask, found.causes.all)
    return found


def explored_then(ask, player: Player) -> Exploration:
    """The answers of a saved run to generated requests, judged again by every rule."""
    known = noted(ask, GENERATED)
    named = [row[0] for row in known["asked"]] + [shown[0] for *_, shown in known.get("shortened", ())]
    return judged_again(known, saved(player, named), ask.contract)


def noted(ask, what: str, *, left_unread: bool = False):
    """What a saved run says of itself. The making of the key is played first, as it came first."""
    with contextlib.suppress(NotOnTape):
        key_for_fuzzing(ask, left_unread=left_unread)
    if (known := ask.notes.known(what)) is None:
        raise NotOnTape("the saved run does not say " + what)
    return known


def saved(player: Player, named: list[str]):
    """Exchanges of the run that is played, by id."""
    kept = {x.id: x for x in player.take([*dict.fromkeys(named)])}
    if missing := [name for name in named if name not in kept]:
        raise NotOnTape(f"the saved run has no exchange {missing[0]}, which answered a generated request")
    return kept


def _state(options):
    """Where an earlier run stopped. NotObserved when its folder does not say."""
    if options.fuzz_resume is None:
        return None
    try:
        return json.loads((options.fuzz_resume / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotObserved(f"{options.fuzz_resume / STATE} cannot be gone on with: {error}") from error


@pytest.fixture(scope="session")
def nothing_found(ask, explored: Exploration):
    """Whether the exploration found nothing against a requirement."""

    paid = paid_operations(ask.contract.name)

    def check(requirement: str) -> None:
        if isinstance(ask.client, Player) and requirement not in BY_RULES:
            raise NotObserved(NOT_GENERATED)
        if findings := explored.findings(requirement):
            raise Nonconformity(findings)
        if explored.broken and requirement == "OC-172":
            needs_an_answer(explored.broken)  # dropping the connection is no way to answer what one cannot read
        asked = [
            f"{operation} {mode}" for operation in paid for mode in MODES.get(requirement, ("positive", "negative"))
        ]
        if missed := [case for case in asked if not explored.cases.get(case)]:
            needs_an_answer(explored.broken)
            why = "the spend cap was reached" if explored.out_of_money else "the time box of the fuzz suite ended"
            raise NotObserved(f"{why} before {missed[0]} cases; see --fuzz-seconds and --cap")
        refused = [name for name in paid if not any(s.startswith("2") for s in explored.statuses.get(name, ()))]
        if refused and requirement in {"OC-170", "FZ-001"}:
            raise NotObserved(f"no generated request of {refused[0]} was accepted: nothing was learned of its answers")

    return check


@probe(calls=120, costs=REWRITTEN)
def rewriter(ask, assay_session: Session) -> Rewriter | None:
    """Rewritings that cost nothing have been asked; none where a saved run is played."""
    if isinstance(ask.client, Player):
        return None
    made = Rewriter(ask, key_for_fuzzing(ask, left_unread=True), assay_session.options.seed)
    made.ask_free()
    return made


@pytest.fixture(scope="session")
def alike(ask, assay_session: Session, rewriter: Rewriter | None) -> Alike:
    if rewriter is None:
        with ask.asking("rewriter"):
            return alike_then(ask, ask.client)
    with ask.asking("rewriter"):
        found = rewriter.ask_rest()
        ask.notes.note(REWRITINGS_OF, found.notes())
    told(assay_session, "rewritten", found.asked, found.causes)
    return found


def alike_then(ask, player: Player) -> Alike:
    """The answers of a saved run to rewritten requests, held against each other again."""
    known = noted(ask, REWRITINGS_OF, left_unread=True)
    named = [name for row in known["pairs"] for name in row["answers"] if name is not None]
    return alike_again(known, saved(player, named))


@probe(calls=240, costs=BESIEGED)
def besieged(ask, assay_session: Session) -> Inquiry:
    not_played(ask, "besieged", left_unread=True)
    found = Besieger(ask, key_for_fuzzing(ask, left_unread=True)).explore()
    told(assay_session, "hostile", found.asked, found.causes)
    return found


def held_by(found: Inquiry, unasked: str):
    """Whether a requirement held wherever it was looked at; `unasked` tells why nobody looked."""

    def check(requirement: str) -> None:
        if findings := found.causes.of(requirement):
            raise Nonconformity(findings)
        if requirement in found.missed:
            raise NotObserved("the spend cap was reached before all of it was asked; see --cap")
        if not found.asked[requirement]:
            raise NotObserved(unasked)

    return check


def told(session: Session, kind: str, asked, causes) -> None:
    """What was asked into results.json, what was found into the folder of counter-examples."""
    figures = session.figures.setdefault("fuzz", {})
    figures[kind] = {"asked": dict(sorted(asked.items())), "causes": causes.document()}
    if session.options.out is not None:
        counterexamples.write(session.options.out, session.ask, causes.all)


@pytest.fixture(scope="session")
def alike_in(alike: Alike):
    """Whether all rewritings of a kind were answered alike."""
    return held_by(alike, f"no such rewriting was answered; unsteady: {', '.join(alike.unsteady) or 'nothing'}")


@pytest.fixture(scope="session")
def withstood(besieged: Inquiry):
    """Whether the target withstood all attacks of a kind."""
    return held_by(besieged, "no such attack was made")


@probe(calls=400)
def walked(ask, assay_session: Session) -> Walk:
    not_played(ask, "walked", pays=False)
    options = assay_session.options
    seconds = 60.0 if options.fuzz_once else WALKED_S[options.profile]
    found = Walker(ask, options.seed).explore(STEPS[options.profile], seconds)
    told(assay_session, "sequences", found.asked, found.causes)
    return found


@pytest.fixture(scope="session")
def free_first(request, ask, assay_session: Session) -> None:
    """What costs nothing has been asked, as far as it is asked at all, before anything that does."""
    if isinstance(ask.client, Player):
        return
    for probe_name, decides in (("rewriter", REWRITTEN_IDS), ("explorer", EXPLORED - {"FZ-001"})):
        if assay_session.selected & decides:
            request.getfixturevalue(probe_name)


@probe(calls=40, costs=ORDINARY)
def conversed(ask, assay_session: Session, tagged, free_first) -> Inquiry:
    found = Converser(ask, key_for_fuzzing(ask), assay_session.options.seed, tagged).explore()
    told(assay_session, "ordinary", found.asked, found.causes)
    return found


@probe(calls=40)
def browsed(ask, assay_session: Session) -> Inquiry:
    found = Browser(ask).explore()
    told(assay_session, "listed", found.asked, found.causes)
    return found


@probe(calls=2 * len(FAULTS), costs=FAILED)
def sabotaged(ask, assay_session: Session, spares) -> Inquiry:
    not_played(ask, "sabotaged")
    try:
        model = spares(6)
    except NotObserved:
        if not ask.alone:
            raise
        model = ask.default_model  # nobody else can meet the fault in our place
    found = Saboteur(ask, key_for_fuzzing(ask), model).explore()
    told(assay_session, "failing", found.asked, found.causes)
    return found


@probe(calls=100, costs=RACED)
def raced(ask, assay_session: Session) -> Inquiry:
    not_played(ask, "raced")
    found = Racer(ask, key_for_fuzzing(ask)).explore()
    told(assay_session, "races", found.asked, found.causes)
    return found


@pytest.fixture(scope="session")
def lives_by(walked: Walk):
    """Whether every thing that was made lived by a property."""
    return held_by(walked, f"nothing could be made: {', '.join(walked.unmade) or 'no links'}")


@pytest.fixture(scope="session")
def held_at_once(raced: Inquiry):
    """Whether pairs of requests were answered as one after the other would be."""
    return held_by(raced, "no pair of requests was answered")


@pytest.fixture(scope="session")
def taken(conversed: Inquiry):
    """Whether all ordinary requests were answered as they should be."""
    return held_by(conversed, "no ordinary request was answered")


@pytest.fixture(scope="session")
def readable(browsed: Inquiry):
    """Whether what is listed can be read."""
    return held_by(browsed, "nothing is listed")


@pytest.fixture(scope="session")
def came_through(sabotaged: Inquiry):
    """Whether every failure of the provider was told as one."""
    return held_by(sabotaged, "no request met a fault of the provider")
