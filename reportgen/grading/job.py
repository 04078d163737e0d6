"""What the grader is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reportgen.errors import one_line

from .student import Student, ranked

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

    from .similar import Pair

NO_WORKSHEET = (
    "No worksheet was given. Moodle offers one only while the assignment is graded by simple direct grading: with a "
    "rubric or marking guide of Moodle's own there is none to upload, so type the points of criteria.csv there."
)
_PURPOSE = {
    "overview.html": "read this first",
    "feedback.zip": 'for Moodle, "Upload multiple feedback files in a zip"',
    "grades.csv": "a row a student",
    "criteria.csv": "a row a criterion",
}
_SHEET = 'for Moodle, "Upload grading worksheet"'


class Progress(Protocol):
    """Told of every submission as it is done."""

    def __call__(self, done: int, total: int, name: str) -> None:
        """`done` of `total` are graded, the last of them `name`."""


@dataclass(frozen=True)
class Request:
    """What `reportgen grade` was asked."""

    source: Path
    week: int
    out: Path
    course: str = "ecbs5200"
    worksheet: Path | None = None
    labels: Path | None = None
    due: str | None = None
    late_per_day: float = 10.0
    only: str | None = None
    changes: Sequence[str] = ()
    """FIELD=VALUE for the student named by `only`."""
    who: str = "instructor"
    why: str = ""
    dry_run: bool = False
    jobs: int | None = None
    """Processes; None: one a processor; 0: none, everything in this one."""
    dask: str | None = None
    intervals: bool = False
    anonymous: bool = False
    expand_groups: bool = False


@dataclass(frozen=True)
class ClassReport:
    """What came out."""

    students: tuple[Student, ...]
    pairs: tuple[Pair, ...]
    rubric: Rubric
    changes: tuple[str, ...]
    """What the worksheet would be or was changed to, a line a student."""
    written: tuple[Path, ...] = ()
    notes: tuple[str, ...] = field(default=())
    only: str | None = None
    """The student who was named, if one was."""

    def to_text(self, *, dry_run: bool = False) -> str:
        """What the command prints: the worksheet's changes in a dry run, else the outcome and where it lies."""
        lines = self._one() if self.only else self._class()
        lines += [f"note: {note}" for note in self.notes]
        if dry_run:
            lines.append(f"worksheet: {len(self.changes)} rows looked at; nothing was written")
            lines += [f"  {change}" for change in self.changes]
        return "\n".join([*lines, *(f"{path}: {_PURPOSE.get(path.name, _SHEET)}" for path in self.written)])

    def _class(self) -> list[str]:
        red = [one for one in ranked(self.students) if one.needs_attention]
        graded = sum(one.status == "graded" for one in self.students)
        lines = [f"{graded} of {len(self.students)} graded, {len(red)} need attention"]
        lines += [one_line(f"- {one.shown}: {one.flags[0].told if one.flags else one.status}", 200) for one in red[:20]]
        return [*lines, f"- and {len(red) - 20} more"] if len(red) > 20 else lines

    def _one(self) -> list[str]:
        """The student who was graded again, with every flag."""
        (one,) = (one for one in self.students if one.place.id == self.only)
        grade = "no grade" if one.grade is None else f"{one.grade:g} of {self.rubric.points}"
        lines = [f"{one.shown}: {grade}{', decided' if one.decided else ', a draft' if one.grade is not None else ''}"]
        return lines + [one_line(f"- {flag.told}", 200) for flag in one.flags]
