"""The rubrics are the course's: sections, points, bands and evidence items."""

from __future__ import annotations

import copy

import pytest

from reportgen.data import load_course
from reportgen.errors import InputError, UsageError
from reportgen.evidence import load_rubric
from reportgen.evidence.rubric import parse_rubric

# Evidence items a section, from the course's rubric tables.
ITEMS = {
    1: (6, 5, 7, 3, 2),
    2: (4, 3, 4, 4, 4),
    3: (3, 2, 4, 3, 2),
    4: (6, 5, 3, 4, 3),
    5: (4, 4, 5, 6, 3),
    6: (7, 4, 4, 3, 8),
}
POINTS = {
    1: (20, 20, 25, 20, 15),
    2: (20, 20, 20, 25, 15),
    3: (20, 20, 25, 20, 15),
    4: (20, 20, 25, 20, 15),
    5: (20, 25, 15, 30, 10),
    6: (25, 15, 15, 15, 30),
}
BANDS = {
    10: ((9, 10), (5, 8), (0, 4)),
    15: ((13, 15), (8, 12), (0, 7)),
    20: ((18, 20), (12, 17), (0, 11)),
    25: ((22, 25), (15, 21), (0, 14)),
    30: ((27, 30), (18, 26), (0, 17)),
}


@pytest.mark.parametrize("week", ITEMS)
def test_course_rubric(course, week: int) -> None:
    rubric = load_rubric(course, week)
    assert tuple(len(section.evidence) for section in rubric.sections) == ITEMS[week]
    assert tuple(section.points for section in rubric.sections) == POINTS[week]
    assert rubric.points == 100
    for section in rubric.sections:
        special = ((22, 25), (16, 21), (0, 15)) if section.id == "w6.s1" else BANDS[section.points]
        assert section.bands == special
        assert section.id == f"w{week}.s{section.number}"
        assert [item.id for item in section.evidence] == [
            f"{section.id}.e{i}" for i in range(1, len(section.evidence) + 1)
        ]
        assert section.reasoning
        assert all(len(item.prompt) > 20 for item in section.reasoning)


@pytest.mark.parametrize("name", ["generic", "banking77lt"])
def test_other_courses_inherit(course, name: str) -> None:
    assert load_rubric(load_course(name), 4) == load_rubric(course, 4)


def test_nothing_course_specific_in_the_text(course) -> None:
    for week in ITEMS:
        rubric = load_rubric(course, week)
        words = " ".join(
            [item.label for section in rubric.sections for item in section.evidence]
            + [item.prompt for section in rubric.sections for item in section.reasoning]
        ).lower()
        assert not {"113", "cfpb", "modernbert", "qwen", "t4"} & set(words.replace(",", " ").split())


def test_no_such_week(course) -> None:
    with pytest.raises(UsageError, match="no week 7"):
        load_rubric(course, 7)


def test_malformed_rubrics_are_refused(course) -> None:
    raw = course.rubric(1)

    def broken(change) -> dict:
        copied = copy.deepcopy(raw)
        change(copied)
        return copied

    with pytest.raises(InputError, match="used twice"):
        parse_rubric(broken(lambda week: week["section"][1].update(id="w1.s1")))
    with pytest.raises(InputError, match="don't cover 0 to 20"):
        parse_rubric(broken(lambda week: week["section"][0].update(bands=[[18, 20], [0, 11]])))
    with pytest.raises(InputError, match="malformed"):
        parse_rubric(broken(lambda week: week["section"][0].pop("title")))
