"""The instructor's changes: an append-only, hash-chained log bound to one assignment, applied on every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.bundle.chain import append_line, parse_edits
from reportgen.bundle.files import EDITS, disk_errors
from reportgen.errors import ReportgenError, UsageError

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

GRADE, COMMENT, LATE = "grade", "comment", "late_days"


class OtherAssignment(ReportgenError):  # noqa: N818 - "refused: other assignment" says it
    """Edits of another week, course or class."""


@dataclass(frozen=True)
class Assignment:
    """What a log is bound to: course, week, and who handed in when it was opened."""

    course: str
    week: int
    students: tuple[str, ...]
    """Participant numbers, which Moodle gives anew for every assignment; names where there are none."""

    def same_as(self, other: Mapping[str, Any]) -> bool:
        """Whether a log's first line opened this assignment: later submissions may join, others cannot replace all."""
        theirs = set(other.get("students", ()))
        same = (other.get("course"), other.get("week")) == (self.course, self.week)
        return same and (not theirs or 2 * len(theirs & set(self.students)) >= len(theirs))


def open_log(out: Path, assignment: Assignment, *, write: bool = True) -> tuple[dict[str, Any], ...]:
    """The edits recorded in `out` for this assignment, oldest first; a new log is opened where there is none.

    Raises:
        OtherAssignment: the log there belongs to another assignment.
        BrokenChain: it was tampered with.
    """
    log = out / EDITS
    if not log.exists():
        if write:
            opened = {"course": assignment.course, "week": assignment.week, "students": list(assignment.students)}
            append_line(log, "reportgen", "opened", {"assignment": opened})
        return ()
    with disk_errors(log):
        lines = parse_edits(log.read_bytes(), log.name)
    first = lines[0].what.get("assignment") if lines else None
    if not isinstance(first, dict) or not assignment.same_as(first):
        said = f"week {first.get('week')} of {first.get('course')}" if isinstance(first, dict) else "no assignment"
        if said == f"week {assignment.week} of {assignment.course}":
            said = "other submissions"
        raise OtherAssignment(
            f"its edits belong to {said}",
            where=log,
            remedy="choose another --out folder for this assignment",
        )
    return tuple({**line.what, "who": line.who, "why": line.why, "when": line.when} for line in lines[1:])


def record_edit(out: str | Path, student: str, field: str, value: str | float | None, who: str, why: str) -> None:
    """Record a change; it counts from the next run on. None takes an earlier change back.

    Args:
        out: the folder `reportgen grade` wrote.
        student: participant number, or key of the submission.
        field: a section's id (points), a reasoning item's id (a remark), `grade`, `comment` or `late_days`.
        value: points, days or text.
        who: who decided.
        why: the reason.

    Raises:
        UsageError: nothing was graded there yet.
        BrokenChain: the log was tampered with.
    """
    log = Path(out) / EDITS
    if not log.exists():
        raise UsageError("nothing was graded there yet", where=out, remedy="run `reportgen grade` once")
    append_line(log, who, why, {"student": student, "field": field, "value": value})


def parse_edit(text: str, rubric: Rubric) -> tuple[str, str | float | None]:
    """Field and value of `FIELD=VALUE`; an empty value takes the change back.

    Raises:
        UsageError: no such field, or points outside the section.
    """
    field, equals, raw = (part.strip() for part in text.partition("="))
    points = {section.id: section.points for section in rubric.sections} | {GRADE: rubric.points, LATE: 3_650}
    remarks = {item.id for section in rubric.sections for item in section.reasoning} | {COMMENT}
    if not equals or field not in points.keys() | remarks:
        raise UsageError(
            f"{text!r} is no edit",
            where="--set",
            remedy=f"FIELD=VALUE with FIELD one of {', '.join([*points, COMMENT])}",
        )
    if not raw:
        return field, None
    if field in remarks:
        return field, raw
    try:
        number = float(raw)
    except ValueError:
        number = -1.0
    if not 0 <= number <= points[field]:
        raise UsageError(f"{raw!r} is not a number from 0 to {points[field]}", where=f"--set {field}")
    return field, number


def by_student(edits: Iterable[Mapping[str, Any]], students: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The last word on each field, by student; edits of students who are gone are kept in the log and not applied."""
    found: dict[str, dict[str, Any]] = {student: {} for student in students}
    for edit in edits:
        fields = found.get(str(edit.get("student")))
        if fields is None:
            continue
        if edit.get("value") is None:
            fields.pop(str(edit.get("field")), None)
        else:
            fields[str(edit.get("field"))] = edit
    return found
