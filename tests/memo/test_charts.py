"""Week 4's charts: complete, named by their finding, inside their frame, deaf to hostile names."""

from __future__ import annotations

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence import build
from reportgen.memo import charts, render

FIGURES = ("w4-forest", "w4-reliability", "w4-reliability-tail", "w4-destinations", "w4-support")


@pytest.fixture(scope="module")
def evidence4(simulated, course, tmp_path_factory):
    """A decoder and an encoder on seventy labels, some of them hostile."""
    world = simulated.World(k=70, n=900, train=20_000, names=simulated.HOSTILE)
    out = tmp_path_factory.mktemp("charts")
    runs = [
        simulated.write_run(out, world, f"{'very-' * 12}{family}", family, draw=draw, floor=4, dataset="<b>x</b>")
        for draw, family in enumerate(("encoder", "decoder"), start=2)
    ]
    return build(4, runs, course)


@pytest.fixture(scope="module")
def page4(evidence4) -> LexborHTMLParser:
    return LexborHTMLParser(render(evidence4))


def test_page_is_whole_and_small(page4, evidence4, course) -> None:
    wanted = [item["id"] for section in course.rubric(4)["section"] for item in section["evidence"]]
    assert [node.attributes["data-evidence"] for node in page4.css("[data-evidence]")] == wanted
    ids = [node.attributes["id"] for node in page4.css("[id]")]
    assert len(ids) == len(set(ids))
    assert {node.attributes["href"][1:] for node in page4.css('a[href^="#"]')} <= set(ids)
    assert not page4.css("script:not([type='application/json']), iframe, img")
    assert len(render(evidence4).encode()) < 500_000


@pytest.mark.parametrize("name", FIGURES)
def test_each_chart_is_named_by_its_finding(page4, evidence4, name) -> None:
    figure = next(one for section in evidence4.sections for one in section.figures if one.id == name)
    drawing = page4.css_first(f"#{name} [role=img]")
    title = drawing.css_first(f"#{name}-name")
    assert (title.text() if title else drawing.attributes["aria-label"]) == figure.finding
    assert re.search(r"\d", figure.finding)
    assert page4.css_first(f"#{name} figcaption").text(strip=True)


def test_every_slice_has_its_row(page4, evidence4) -> None:
    rows = next(one for section in evidence4.sections for one in section.tables if one.id == "w4-slices").rows
    drawn = page4.css("#w4-forest g.effect")
    assert len(drawn) == len(rows)
    filled = [node for node in drawn if "null" not in node.attributes["class"].split()]
    spans = [row["difference"].interval for row in rows]
    assert len(filled) == sum(span.low > 0 or span.high < 0 for span in spans)


def test_marks_stay_inside_the_frame(evidence4) -> None:
    data = {one.kind: one.data for section in evidence4.sections for one in section.figures}
    plot = charts.forest(data["forest"])
    for row in plot.rows:
        assert 0 <= row.x1 <= row.x <= row.x2 <= 100
    assert 3 <= len(plot.ticks) <= 6
    for panel in charts.reliability(data["reliability"]).panels:
        assert all(0 <= dot.x <= 100 and 0 <= dot.y <= charts.SIDE for dot in panel.dots)
    bars = charts.destinations(data["destinations"])
    by_bar = {part.y: 0.0 for part in bars.segments}
    for part in bars.segments:
        by_bar[part.y] += part.width
    assert list(by_bar.values()) == pytest.approx([100, 100], abs=0.1)
    assert all(len(name.text) <= charts.LABEL for name in bars.names)


def test_a_forest_of_nothing_but_zeros_is_drawn() -> None:
    part = {"name": "a", "n": 3, "delta": 0.0, "low": 0.0, "high": 0.0, "state": "null", "few": True}
    plot = charts.forest({"axes": [{"name": "x", "slices": [part]}], "run": "b", "baseline": "a"})
    assert plot.rows[0].x == plot.zero == 50
    assert "faint" in plot.rows[0].look
