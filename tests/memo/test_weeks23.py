"""The pages of weeks 2 and 3: every item shown, fields of the author's text found, small, and deaf to hostile names."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence import build, load_rubric
from reportgen.memo import parse_prose, render
from reportgen.memo.fields import fields
from reportgen.memo.prose import new_prose


@pytest.fixture(scope="module")
def stage(simulated, weeks, tmp_path_factory):
    """As many labels as the course has, some of them hostile, and a hostile name of the data."""
    world = simulated.World(k=113, train=57_846, n=1_500, names=simulated.HOSTILE)
    return weeks.week3(simulated, tmp_path_factory.mktemp("stage"), world, dataset=simulated.HOSTILE[0])


@pytest.mark.parametrize("week", [2, 3])
def test_every_item_is_on_a_small_and_silent_page(stage, course, week) -> None:
    evidence = build(week, stage, course)
    html = render(evidence)
    page = LexborHTMLParser(html)
    shown = [node.attributes["data-evidence"] for node in page.css("[data-evidence]")]
    assert shown == [item["id"] for section in course.rubric(week)["section"] for item in section["evidence"]]
    assert len(html.encode()) < 500_000
    assert not page.css("img, iframe, object, a[href^='javascript'], [onerror]")
    assert not [node for node in page.css("script") if node.attributes.get("type") != "application/json"]
    assert "{{7*7}}" in html
    for figure in page.css("figure svg[role=img]"):
        name = page.css_first(f"#{figure.attributes['aria-labelledby']}")
        assert len(name.text(strip=True)) > 30
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    assert render(build(week, list(reversed(stage)), course)) == html


def test_fields_are_found_in_the_authors_text() -> None:
    text = (
        "**Prediction:** macro F1 rises by .02\n- **Prediction (encoder-bs16)**: no change\n**Conclusion:**\n"
        "Predictions are hard. **Predictions:** none\n"
    )
    prediction, conclusion = fields(("Prediction", "Conclusion"), text)
    assert prediction.said == ("macro F1 rises by .02", "encoder-bs16: no change")
    assert conclusion.said == ()
    assert fields(("Prediction",), "")[0].said == ()


def test_the_page_says_which_fields_are_written(stage, course) -> None:
    evidence = build(3, stage, course)
    prose = parse_prose("## 5\n**Hypothesis:** more data <b>helps</b>\n\n**Prediction:**\n", evidence)
    page = LexborHTMLParser(render(evidence, prose))
    item = page.css_first('[data-evidence="w3.s5.e1"]')
    assert [node.attributes["data-filled"] for node in item.css("[data-field]")] == ["true", "false"]
    assert "more data <b>helps</b>" in item.text()
    assert not item.css("b")


def test_a_new_file_holds_the_fields_and_none_counts_as_written(course) -> None:
    rubric = load_rubric(course, 3)
    text = new_prose(rubric, course.title)
    assert "**Hypothesis:**" in text
    parsed = parse_prose(text, rubric)
    assert fields(("Hypothesis", "Prediction"), parsed.sections["w3.s5"])[0].said == ()
