"""A student as the class's pages show them: the draft, the instructor's changes, lateness, and every flag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .compare import order
from .edits import COMMENT, GRADE, LATE
from .late import penalised
from .results import Flag, Graded
from .roster import Place

if TYPE_CHECKING:
    from reportgen.evidence import Rubric


_GRAVE = frozenset({"prose", "test", "leak", "reasoning"})
"""Amber flags that want a decision before a grade is released."""


@dataclass(frozen=True)
class Student:
    """One row of the overview and of `grades.csv`."""

    place: Place
    shown: str
    """Name, or the participant's number where marking is anonymous."""
    status: str
    """graded, empty, unreadable, timeout, failed, missing, or pending (not graded yet)."""
    graded: Graded | None
    flags: tuple[Flag, ...]
    points: Mapping[str, float] = field(default_factory=dict)
    """Section id to points: the instructor's where there are some, else the draft."""
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    days: float | None = None
    grade: float | None = None
    """Points of the rubric after the late penalty; None where nothing could be graded, or where it is held back."""
    held: tuple[str, ...] = ()
    """Titles of sections without reasoning whose points the instructor has not set: until then there is no grade."""

    @property
    def folder(self) -> str:
        """Name of the student's folder in the feedback zip: Moodle's own."""
        return self.place.submission.key if self.place.submission else ""

    @property
    def bands(self) -> dict[str, str]:
        """By section, the suggested band and how much reasoning it goes with, in words."""
        if self.status != "graded" or self.graded is None:
            return {}
        return {
            one.id: f"band {one.band[0]} to {one.band[1]} suggested; {one.reasoning_words} words of reasoning"
            for one in self.graded.sections
        }

    @property
    def total(self) -> float:
        """Points before the late penalty."""
        return round(sum(self.points.values()), 2)

    @property
    def decided(self) -> bool:
        """Whether the instructor set points or the grade."""
        return any(name == GRADE or name in self.points for name in self.edits)

    @property
    def comment(self) -> str:
        """The instructor's comment."""
        return str(self.edits[COMMENT]["value"]) if COMMENT in self.edits else ""

    @property
    def reds(self) -> int:
        """Red flags."""
        return sum(flag.severity == "red" for flag in self.flags)

    @property
    def ambers(self) -> int:
        """Amber flags."""
        return sum(flag.severity == "amber" for flag in self.flags)

    @property
    def needs_attention(self) -> bool:
        """Whether the instructor should look before releasing a grade."""
        return bool(self.reds) or self.status != "graded" or any(flag.code in _GRAVE for flag in self.flags)


def ranked(students: Iterable[Student]) -> list[Student]:
    """The gravest flags first."""
    return sorted(students, key=lambda one: (-one.reds, -one.ambers, one.shown.casefold()))


def student(
    place: Place,
    graded: Graded | None,
    class_flags: Sequence[Flag],
    edits: Mapping[str, Mapping[str, Any]],
    rubric: Rubric,
    *,
    shown: str,
    days: int | None = None,
    late_per_day: float = 10.0,
) -> Student:
    """Bring together what is known of one student."""
    status = "missing" if place.submission is None else "pending" if graded is None else graded.status
    flags = [*(graded.flags if graded else ()), *class_flags]
    if status != "graded":
        severity = "note" if status == "pending" else "amber" if status == "missing" else "red"
        text = graded.reason if graded else ""
        flags.append(Flag.model_validate({"code": status, "severity": severity, "text": text}))
    late: float | None = float(edits[LATE]["value"]) if LATE in edits else days
    if late and status != "missing":
        cost = f", {min(100.0, late * late_per_day):g} % off" if late_per_day else ""
        flags.append(Flag(code="late", severity="amber", text=f"{late:g} day{'s' if late != 1 else ''}{cost}"))
    drafts = {section.id: section.draft for section in graded.sections} if graded and status == "graded" else {}
    points = {
        section.id: float(edits[section.id]["value"]) if section.id in edits else drafts.get(section.id, 0.0)
        for section in rubric.sections
        if drafts or section.id in edits
    }
    grade: float | None = None
    held: tuple[str, ...] = ()
    if graded and status == "graded" and GRADE not in edits:
        held = tuple(one.title for one in graded.sections if not one.reasoned and one.id not in edits)
    if GRADE in edits:
        grade = float(edits[GRADE]["value"])
    elif points and not held:
        grade = penalised(sum(points.values()), late or 0, late_per_day)
    return Student(place, shown, status, graded, tuple(order(flags)), points, edits, late, grade, held)
