"""Week 5's page: every item shown, figures drawn, the record verifies, and what was tampered with is found."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence import build, load_rubric
from reportgen.memo import parse_prose, render
from reportgen.memo.check import check_memo
from reportgen.memo.check.memo import inspect_memo
from reportgen.memo.flipchart import flips
from reportgen.memo.prose import new_prose
from reportgen.memo.tradeoff import tradeoff


def _weeks():
    path = Path(__file__).parents[1] / "simulated_week5.py"
    spec = importlib.util.spec_from_file_location("simulated_week5", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stage(simulated, tmp_path_factory):
    """As many labels as the course has, some of them hostile."""
    world = simulated.World(k=113, train=57_846, n=1_500, names=simulated.HOSTILE)
    return _weeks().week5(simulated, tmp_path_factory.mktemp("stage5"), world, spread={"int4": 1.2})


@pytest.fixture(scope="module")
def html(stage, course):
    return render(build(5, stage, course))


def test_every_item_is_on_a_small_and_silent_page(stage, course, html) -> None:
    page = LexborHTMLParser(html)
    shown = [node.attributes["data-evidence"] for node in page.css("[data-evidence]")]
    assert shown == [item["id"] for section in course.rubric(5)["section"] for item in section["evidence"]]
    assert len(html.encode()) < 500_000
    assert not page.css("img, iframe, object, a[href^='javascript'], [onerror]")
    assert not [node for node in page.css("script") if node.attributes.get("type") != "application/json"]
    assert len(page.css("figure")) == 4
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    assert render(build(5, list(reversed(stage)), course)) == html


def test_what_follows_from_predictions_is_recomputed_and_time_is_declared(html, stage, tmp_path, course) -> None:
    path = tmp_path / "week5.html"
    path.write_text(html, encoding="utf-8")
    report = check_memo(path, bundles=[run.path for run in stage], course=course)
    assert [one for one in report.findings if one.severity == "red"] == []
    assert {"w5.s1.e1", "w5.s2.e1", "w5.s2.e2", "w5.s2.e3", "w5.s2.e4", "w5.s3.e1"} <= set(report.recomputed)
    assert {"w5.s3.e2", "w5.s3.e5", "w5.s4.e1"} <= set(report.bound)
    assert {"w5.s1.e2", "w5.s1.e3", "w5.s1.e4"} <= set(report.declared)


def test_the_authors_choices_are_built_again_by_the_check(stage, course, tmp_path) -> None:
    front = {"scenario": "weekly-batch", "gate": "0.6"}
    path = tmp_path / "week5.html"
    path.write_text(render(build(5, stage, course, declared=front)), encoding="utf-8")
    report = check_memo(path, bundles=[run.path for run in stage], course=course)
    assert [one for one in report.findings if one.severity == "red"] == []


def test_tier_figures_follow_from_the_record_alone(html, tmp_path) -> None:
    path = tmp_path / "week5.html"
    path.write_text(html, encoding="utf-8")
    recomputer = inspect_memo(path).recomputer
    (table,) = [group for group in recomputer.record.groups if group.id == "w5-tiers"]
    baselines = {value.run: value.baseline for value in table.values if value.baseline}
    assert len(table.values) == 45
    for value in table.values:
        answers = recomputer.again(value, [baselines[value.run]])
        assert answers, value.metric
        assert answers[0].value == pytest.approx(value.value)
        if value.interval:
            assert (answers[0].low, answers[0].high) == pytest.approx((value.interval.low, value.interval.high))
        assert recomputer.again(value.model_copy(update={"n": value.n + 1}), [baselines[value.run]]) == []


def test_a_new_file_asks_for_what_the_week_needs(course) -> None:
    rubric = load_rubric(course, 5)
    text = new_prose(rubric, course.title)
    assert all(key in text for key in ("recommendation:", "classes:", "gate:", "**What would change my mind:**"))
    assert parse_prose(text, rubric).front == {}


def test_a_flip_chart_is_cut_at_every_edge() -> None:
    walk = {"label": "latency ≤", "now": "10 ms", "edges": ["2 ms", "5 ms"], "choices": ["nobody", "a", "b"], "here": 2}
    plot = flips({"walks": [walk]})
    assert [part.label for part in plot.parts] == ["nobody", "a", "b"]
    assert [edge.x for edge in plot.edges] == pytest.approx([33.33, 66.67])
    assert plot.pins[0].x == pytest.approx(83.33)
    assert plot.parts[1].title == "latency ≤ from 2 ms up to 5 ms: a"
    assert plot.parts[0].look == "none"


def test_a_trade_off_joins_who_is_not_dominated() -> None:
    def point(name, x, y, by=None):
        return {"name": name, "label": name, "family": "encoder", "x": x, "y": y, "dominated": by}

    points = [point("dear", 4.0, 0.3), point("cheap", 1.0, 0.2), point("lost", 3.0, 0.15, "cheap")]
    plot = tradeoff({"panels": [{"title": "latency", "unit": "ms", "points": points}]})
    (panel,) = plot.panels
    drawn = {one.title.partition(":")[0]: one for one in panel.points}
    assert len(panel.steps) == 1
    assert drawn["lost"].faint
    assert drawn["cheap"].x < drawn["lost"].x < drawn["dear"].x
    assert drawn["dear"].y < drawn["cheap"].y < drawn["lost"].y
    same = tradeoff({"panels": [{"title": "latency", "unit": "ms", "points": [point("one", 1.0, 0.2)] * 2}]})
    assert all(0 <= one.x <= 100 for one in same.panels[0].points)
