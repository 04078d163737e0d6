"""The page of week 6: every item shown, checked from its record and its bundles, forgeries found, prompts kept."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence import build, load_rubric
from reportgen.memo import parse_prose, render
from reportgen.memo.check import check_memo
from reportgen.memo.prose import new_prose
from reportgen.memo.record.make import record_digest

SCENARIO = {"scenario": "week6-b"}


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    """As many labels as the course has, some of them hostile, and a hostile name of the data."""
    path = Path(__file__).parents[1] / "simulated_week6.py"
    spec = importlib.util.spec_from_file_location("simulated_week6", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path_factory.mktemp("page6")
    world = simulated.World(k=113, train=57_846, n=800, names=simulated.HOSTILE)
    return out, module.week6(out, world, dataset=simulated.HOSTILE[0])


@pytest.fixture(scope="module")
def evidence(folder, course):
    return build(6, folder[1], course, declared=SCENARIO)


@pytest.fixture(scope="module")
def html(evidence):
    return render(evidence)


def test_every_item_is_on_a_small_and_silent_page(html, course) -> None:
    page = LexborHTMLParser(html)
    shown = [node.attributes["data-evidence"] for node in page.css("[data-evidence]")]
    assert shown == [item["id"] for section in course.rubric(6)["section"] for item in section["evidence"]]
    assert len(html.encode()) < 500_000
    assert not page.css("img, iframe, object, a[href^='javascript'], [onerror]")
    assert not [node for node in page.css("script") if node.attributes.get("type") != "application/json"]
    for figure in page.css("figure [role=img]"):
        name = figure.attributes.get("aria-label") or page.css_first(f"#{figure.attributes['aria-labelledby']}").text()
        assert len(name) > 30
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))


def test_the_check_recomputes_tiers_and_rebuilds_the_scenario(folder, html, tmp_path) -> None:
    memo = tmp_path / "week6.html"
    memo.write_text(html)
    report = check_memo(memo, folder[0])
    assert [finding for finding in report.findings if finding.severity == "red"] == []
    assert {"w6.s1.e1", "w6.s1.e2", "w6.s1.e6", "w6.s2.e1", "w6.s2.e3", "w6.s3.e2"} <= set(report.recomputed)
    assert {"w6.s1.e4", "w6.s5.e2", "w6.s5.e6"} <= set(report.rebuilt)


@pytest.mark.parametrize("metric", ["tail_masked_f1", "head_ece", "mid_masked_f1"])
def test_a_forged_tier_is_found(html, tmp_path, metric) -> None:
    """The figure is changed in the record and its digest made again: only the predictions can tell."""
    text = re.search(r'id="reportgen-record">(.*?)</script>', html, re.DOTALL)[1]
    record = json.loads(text)
    group = next(group for group in record["groups"] if group["kind"] == "item" and _first(group, metric))
    _first(group, metric)["value"] += 0.05
    record["digest"] = record_digest(record)
    forged = tmp_path / "week6.html"
    forged.write_text(html.replace(text, json.dumps(record).replace("<", "\\u003c").replace(">", "\\u003e")))
    ids = [finding.where for finding in check_memo(forged).findings if finding.id == "figure.contradicted"]
    assert group["id"] in ids


def _first(group, metric):
    return next((value for value in group["values"] if value["metric"] == metric), None)


def test_the_summary_for_stakeholders_is_the_authors(evidence, html, course) -> None:
    assert "Optional, not written" in LexborHTMLParser(html).css_first(".summary").text()
    prose = parse_prose("We should deploy the <b>small</b> model.\n\n## 1\nIt transferred shape.\n", evidence)
    block = LexborHTMLParser(render(evidence, prose)).css_first(".summary")
    assert "We should deploy the <b>small</b> model." in block.text()
    assert "Optional" not in block.text()
    text = new_prose(load_rubric(course, 6), course.title)
    assert "Summary for stakeholders" in text
    assert "week6-a (triage)" in text
    for field in ("Falsifying measurement", "Pair", "Recipe", "Wildcard", "Source"):
        assert f"**{field}:**" in text
    parsed = parse_prose(text, load_rubric(course, 6))
    assert not parsed.opening


def test_other_weeks_have_no_such_block(runs, course) -> None:
    assert not LexborHTMLParser(render(build(1, runs, course))).css(".summary")
