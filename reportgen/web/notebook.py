"""What the browser keeps of a visitor's writing: read with suspicion, changed only as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SCHEMA = 1
STORAGE_KEY = "reportgen-draft"
SECRET = "reportgen"  # noqa: S105 - gradio wants one; what it hides stays in the visitor's own browser
MOST_CHARACTERS = 40_000
"""Of one box."""
_MOST_TEXTS, _MOST_BOXES, _MOST_ROOTS = 60, 20, 64
COURSE = "ecbs5200"


@dataclass(frozen=True)
class Notes:
    """A visitor's texts by course and week, and the runs each was written about.

    A text's boxes are called front, opening and by the ids of the rubric's sections.
    """

    course: str = COURSE
    week: int = 1
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    roots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Run to root, by course and week."""

    @property
    def key(self) -> str:
        """Course and week."""
        return f"{self.course}/{self.week}"

    @property
    def boxes(self) -> Mapping[str, str]:
        """The text of this course and week."""
        return self.texts.get(self.key, {})

    @property
    def expected(self) -> Mapping[str, str]:
        """Run to root of this course and week."""
        return self.roots.get(self.key, {})

    def written(self, boxes: Mapping[str, str]) -> Notes:
        """With the text of this course and week."""
        return replace(self, texts={**self.texts, self.key: _boxes(boxes)})

    def about(self, roots: Mapping[str, str]) -> Notes:
        """With the runs that the text of this course and week is about."""
        return replace(self, roots={**self.roots, self.key: _roots(roots)})

    def at(self, course: str, week: int) -> Notes:
        """Turned to another course or week."""
        return replace(self, course=course, week=week)

    def to_json(self) -> dict[str, Any]:
        """As the browser keeps it."""
        return {
            "schema": SCHEMA,
            "course": self.course,
            "week": self.week,
            "texts": {key: dict(boxes) for key, boxes in self.texts.items()},
            "roots": {key: dict(roots) for key, roots in self.roots.items()},
        }


def read_notes(raw: object) -> Notes:
    """Notes from what a browser sent; whatever does not fit is left out."""
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        return Notes()
    course, week = raw.get("course"), raw.get("week")
    return Notes(
        course if isinstance(course, str) and len(course) <= 80 else COURSE,
        week if type(week) is int and 1 <= week <= 6 else 1,
        {key: _boxes(boxes) for key, boxes in _entries(raw.get("texts"), _MOST_TEXTS)},
        {key: _roots(roots) for key, roots in _entries(raw.get("roots"), _MOST_TEXTS)},
    )


def _entries(raw: object, most: int) -> list[tuple[str, Any]]:
    if not isinstance(raw, Mapping):
        return []
    return [(key, said) for key, said in list(raw.items())[:most] if isinstance(key, str) and len(key) <= 200]


def _boxes(raw: object) -> dict[str, str]:
    return {key: said[:MOST_CHARACTERS] for key, said in _entries(raw, _MOST_BOXES) if isinstance(said, str)}


def _roots(raw: object) -> dict[str, str]:
    return {run: root[:64] for run, root in _entries(raw, _MOST_ROOTS) if isinstance(root, str)}
