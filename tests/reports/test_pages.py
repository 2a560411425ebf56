"""What the pages of the report are made of: the chain of trust, charts, the matrix of answers. No invention."""

from __future__ import annotations

import pytest

from reports import chain, charts, fuzzing, html, loads
from tests.reports import sample, sample_parts
from tests.reports.test_html import Page, poison


def states(*codes: str, **claims: object) -> dict[str, str]:
    found = sample_parts.evidence(*codes)
    found["claims"] |= claims
    return {link.name: link.state for link in chain.links(found)}


def test_a_chain_of_a_laboratory_holds_in_part() -> None:
    found = states()
    assert (found["root"], found["domain"], found["gpus"]) == (chain.PARTLY,) * 3
    assert (found["machine"], found["binding"]) == (chain.HOLDS,) * 2
    assert found["channel"] == chain.OPEN


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("root.untrusted", "root"),
        ("pck.revoked", "machine"),
        ("tcb.out_of_date", "machine"),
        ("qe.identity_mismatch", "enclave"),
        ("quote.signature_invalid", "domain"),
        ("eventlog.replay_mismatch", "boot"),
        ("binding.mismatch", "binding"),
        ("chain.debug", "gpus"),
        ("policy.driver_too_old", "gpus"),
        ("policy.channel", "channel"),
        ("of.a.family.that.nobody.knows", "domain"),
    ],
)
def test_each_reason_breaks_the_link_it_speaks_of(code: str, broken: str) -> None:
    found = states(code)
    assert [name for name, state in found.items() if state == chain.BROKEN] == [broken]


@pytest.mark.parametrize("code", ["root.untrusted", "pck.revoked", "quote.signature_invalid"])
def test_nothing_holds_on_a_quote_that_is_not_genuine(code: str) -> None:
    assert chain.HOLDS not in states(code).values()


def test_nothing_holds_where_no_engine_vouched() -> None:
    assert set(states(engine=None).values()) == {chain.OPEN}


def test_evidence_without_a_quote_has_no_chain() -> None:
    assert chain.links({"unjudged": ["no GPU roots"]}) == []
    assert chain.links({}) == []


def test_a_chart_has_only_measured_points() -> None:
    measured = (1.5, None, 3.0, 2.0, 2.5)
    (chart,) = charts.of_load({"series": [{"at_s": at, "ttft_p50_ms": ms} for at, ms in enumerate(measured)]})
    assert chart.x == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert [(line.label, line.points) for line in chart.lines] == [("p50", measured)]


@pytest.mark.parametrize(
    "load", [{}, {"series": []}, {"ttft_ms": None}, {"cdf": {}}, {"series": [{"at_s": 0}]}, {"sweep": 3}]
)
def test_no_figures_no_chart(load: dict[str, object]) -> None:
    assert charts.of_load(load) == []


def test_a_distribution_is_drawn_to_its_last_nine() -> None:
    pairs = [[10.0, 50], [20.0, 90], [400.0, 99.9]]
    (chart,) = charts.of_load({"cdf": {"ttft": pairs}})
    assert chart.lines[0].points == (10.0, 20.0, 400.0)
    assert chart.x == (0.301, 1.0, 3.0)


def test_a_few_moments_show_no_course_of_time() -> None:
    slots = [{"at_s": float(n), "ttft_p50_ms": 2.0, "answered_per_s": 9.0, "in_flight": 3} for n in range(5)]
    assert charts.of_load({"series": slots[:4]}) == []
    assert len(charts.of_load({"series": slots})) == 2


def test_a_sweep_is_drawn_by_what_was_offered() -> None:
    rows = [{"rate": 20, "streams_per_s": 19.0}, {"rate": 5, "streams_per_s": 5.0}]
    (chart,) = charts.of_load({"sweep": {"steps": rows, "knee": 20}})
    assert (chart.x, chart.lines[0].points) == ((5.0, 20.0), (5.0, 19.0))


def test_the_matrix_tells_undocumented_from_unseen() -> None:
    found = fuzzing.matrix(sample.results())
    assert found is not None
    chat = dict(zip(found.statuses, found.rows[0][1], strict=True))
    states = {status: (cell.count, cell.state) for status, cell in chat.items()}
    assert states["200"] == (120, "seen")
    assert states["429"] == (0, "unseen")
    assert states["500"] == (1, "undocumented")
    assert states["401"] == (0, "none")


def test_answers_of_either_form_are_counted() -> None:
    rows = [{"operation": "a", "status": "200", "media_type": m, "answers": 2} for m in ("text/plain", "image/png")]
    assert fuzzing.answers({"answers": rows}) == {"a": {"200": 4}}
    assert fuzzing.answers({"statuses": {"a": {"200": 3}}}) == {"a": {"200": 3}}


def test_a_load_that_our_own_generator_slowed_down_meets_no_service_level() -> None:
    results = sample.results()
    results["load"]["generator"]["bottleneck"] = ["the generator was 18.8 ms late at p99"]
    words = Page(html.render(results)).text.split("Service levels")[1]
    assert "not-observed ttft_p99=500ms" in words


def test_what_moves_over_a_load_is_said_in_a_sentence() -> None:
    words = Page(html.render(sample.results())).text.split("What moves over the time of the load")[1]
    assert "grows by 3.1 ms a minute (95 %: 2.9 to 3.3): 200.0 at first, 203.1 at the end" in " ".join(words.split())


def test_two_loads_of_a_run_are_told_apart() -> None:
    results = sample.results()
    results["load"]["many"] = dict(results["load"])
    page = Page(html.render(results))
    assert [name for _, attrs in page.tags for name in attrs].count("data-chart") == 10
    assert "Many at once" in page.text


@pytest.mark.parametrize(
    "found", [sample.results()["load"], {"steps": [{"rate": 5, "done_per_s": 5.0, "met": True}] * 2}, {}]
)
def test_what_a_load_left_makes_a_page_whatever_it_says(found: dict[str, object]) -> None:
    page = Page(loads.render(poison(found)))
    assert [tag for tag, _ in page.tags].count("script") == 1
