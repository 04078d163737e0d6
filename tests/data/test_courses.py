from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportgen.data import Course, course_names, load_course
from reportgen.errors import ReportgenError, UsageError


def test_shipped_courses_load():
    assert course_names() == ["banking77lt", "ecbs5200", "generic"]
    for name in course_names():
        course = load_course(name)
        assert course.name == name
        assert course.title


def test_ecbs5200_agrees_with_the_course_files(shared_data: Path):
    course = load_course("ecbs5200")
    merge = json.loads((shared_data / "course/label_merge_mapping.json").read_text())
    merge.pop("_comment")
    assert list(course.labels or ()) == json.loads((shared_data / "course/label_list.json").read_text())
    assert course.merge == merge
    assert set(course.named_classes.values()) <= set(course.labels or ())
    assert course.canonical == {"train": 57_846, "val": 6_430, "test": 21_432}


def test_tier_rule_of_each_week():
    course = load_course("ecbs5200")
    assert [course.tier_rule(week) for week in range(1, 7)] == ["count", "count", "quartile", "rank", "rank", "rank"]


def test_unknown_course_names_the_others():
    with pytest.raises(UsageError, match=r"no course called 'nope'.*banking77lt, ecbs5200, generic"):
        load_course("nope")


def test_a_folder_is_a_course_and_lends_missing_files(tmp_path: Path):
    (tmp_path / "course.toml").write_text('title = "Mine"\nlabels = ["a", "b"]\nextends = "ecbs5200"\n')
    (tmp_path / "scenarios.toml").write_text("x = 1\n")
    course = load_course(tmp_path)
    assert (course.name, course.labels) == (tmp_path.name, ("a", "b"))
    assert course.scenarios() == {"x": 1}
    assert course.stages() == load_course("ecbs5200").stages() != {}


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("title = ", "cannot be read as TOML"),
        ('title = "x"\nlabels = ["b", "a"]', "alphabetical"),
        ('title = "x"\nlabels = ["a", "a"]', "unique"),
        ('title = "x"\nlabels = ["a"]\n[merge]\nold = "new"', "'new' is not in labels"),
        ('title = "x"\n[merge]\na = "b"\nb = "c"', "'b' is merged again"),
        ('title = "x"\nlables = ["a"]', "lables"),
        ('title = "x"\n[tiers]\n1 = "size"', "tiers.1"),
        ("", "title"),
    ],
)
def test_broken_course_files_are_one_line(tmp_path: Path, toml: str, says: str):
    (tmp_path / "course.toml").write_text(toml)
    with pytest.raises(ReportgenError, match=says) as caught:
        load_course(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_week_names_the_weeks_there_are(tmp_path: Path):
    (tmp_path / "course.toml").write_text('title = "x"')
    (tmp_path / "rubrics.toml").write_text('[[week]]\nnumber = 3\ntitle = "t"')
    course = load_course(tmp_path)
    assert course.rubric(3)["title"] == "t"
    with pytest.raises(UsageError, match="no week 4: its weeks: 3"):
        course.rubric(4)


def test_course_is_frozen():
    course = load_course("generic")
    assert isinstance(course, Course)
    with pytest.raises(ValueError, match="frozen"):
        course.title = "other"
