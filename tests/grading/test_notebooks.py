"""Six notebooks, one a week, executed and exported in both templates: what they printed is found, and nothing else."""

from __future__ import annotations

import pytest

from reportgen.evidence.rubric import load_rubric
from reportgen.grading.pages import classify, read_page

TOLERANCE = 5.1e-3
"""Notebooks print two to four digits; the truth is what they computed before rounding."""


@pytest.mark.parametrize("template", ["lab", "classic"])
@pytest.mark.parametrize("week", range(1, 7))
def test_what_a_notebook_printed_is_found(notebooks, course, week, template):
    folder, truths = notebooks
    truth = truths[week]
    page = folder / f"week{week}-{template}.html"
    rubric = load_rubric(course, week)
    assert classify(page) == "notebook"

    reading = read_page(page, rubric, course)
    found = {item.id: item for item in reading.items}
    assert reading.problems == ()
    assert reading.impossible == ()
    assert set(reading.sections) == {section.id for section in rubric.sections}
    assert len(set(found) & set(truth)) >= 0.9 * len(truth)
    assert set(found) <= set(truth)

    for name, item in found.items():
        if truth[name] is None:  # words, not figures
            assert all(isinstance(value, str) or value >= 1 for value in item.values)
            continue
        assert len(item.values) == len(truth[name]), (name, item)
        for value, true in zip(item.values, truth[name], strict=True):
            assert value == (true if isinstance(true, str) else pytest.approx(true, abs=TOLERANCE)), (name, item)
        assert item.place


def test_both_templates_read_alike(notebooks, course):
    folder, _ = notebooks
    for week in range(1, 7):
        lab, classic = (
            read_page(folder / f"week{week}-{template}.html", load_rubric(course, week), course)
            for template in ("lab", "classic")
        )
        assert [(item.id, item.values) for item in lab.items] == [(item.id, item.values) for item in classic.items]
        assert lab.sections == classic.sections
        assert lab.words == classic.words


def test_every_item_of_the_rubric_has_a_rule(course):
    from reportgen.grading.pages.rules import load_rules

    without = {"w6.s1.e7"}  # the bonus: no two notebooks write it alike
    for week in range(1, 7):
        items = {item.id for section in load_rubric(course, week).sections for item in section.evidence}
        assert items - without == set(load_rules(course, week))
