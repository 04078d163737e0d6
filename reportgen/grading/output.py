"""What a graded class leaves in its folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.bundle.files import disk_errors, write_file
from reportgen.errors import one_line

from . import feedback, overview
from .job import NO_WORKSHEET, ClassReport, Request
from .roster import Place
from .student import Student
from .tables import to_csv
from .worksheet import FEEDBACK, GRADE, Worksheet

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

Entries = Mapping[int, tuple[str | None, str | None]]
_CRITERIA = ("student", "participant", "section", "points", "of", "item", "label", "state", "how", "value", "place")


def worksheet_entries(
    students: Sequence[Student], rubric: Rubric, sheet: Worksheet | None, only: Place | None
) -> tuple[dict[int, tuple[str | None, str | None]], list[str]]:
    """What goes into which row, and the difference in words.

    A grade that stands in the worksheet already was given by a person: it is kept unless the instructor changed this
    student here, or named the student with --only.
    """
    entries: dict[int, tuple[str | None, str | None]] = {}
    lines: list[str] = []
    if sheet is None:
        return entries, lines
    for one in students:
        number = one.place.row
        if number is None or one.graded is None:
            continue
        row = sheet.rows[number]
        name, there = one.shown, row.text(GRADE)
        if row.locked:
            lines.append(f"{name}: left alone, Moodle says the grade cannot be changed")
            continue
        if there and not (one.edits or (only and only.id == one.place.id)):
            lines.append(f"{name}: left alone, graded {there} already")
            continue
        grade = None if sheet.scale else _grade(one, rubric, row.text("maximum grade"))
        text = feedback.comment(one, rubric) if FEEDBACK in sheet.columns else None
        if (grade is None or grade == there) and text in (None, row.text(FEEDBACK)):
            continue
        entries[number] = (grade, text)
        if grade is not None and grade != there:
            lines.append(f"{name}: grade {there or 'none'} → {grade}{'' if text is None else ', feedback written'}")
        else:
            why = " until you decide: reasoning not written" if one.held else ""
            lines.append(f"{name}: feedback written, no grade{why}")
    return entries, [one_line(line) for line in lines]


def _grade(one: Student, rubric: Rubric, maximum: str) -> str | None:
    """The grade on the worksheet's own scale of points."""
    if one.grade is None:
        return None
    try:
        most = float(maximum.replace(",", ".")) if maximum else float(rubric.points)
    except ValueError:
        return None
    return f"{min(most, one.grade * most / rubric.points):.2f}" if 0 < most < float("inf") else None


def notes_of(students: Sequence[Student], sheet: Worksheet | None, due: bool, entries: Entries) -> list[str]:
    """What the instructor should know about the run as a whole."""
    notes = []
    if sheet is None:
        notes.append(NO_WORKSHEET)
        return notes
    if sheet.scale:
        notes.append("The worksheet grades on a scale of words: only feedback is filled in.")
    strangers = [one.shown for one in students if one.place.submission and one.place.row is None]
    if strangers:
        notes.append(f"Not in the worksheet, so without a grade there: {', '.join(strangers[:10])}.")
    undated = sum(
        sheet.rows[one.place.row].submitted is None
        for one in students
        if one.place.submission and one.place.row is not None
    )
    if due and undated:
        notes.append(f"{undated} submissions have no date this program can read: lateness is unknown for them.")
    drafts = [
        one
        for one in students
        if one.place.row is not None and entries.get(one.place.row, (None, None))[0] is not None and not one.decided
    ]
    if drafts:
        red = sum(one.reds > 0 for one in drafts)
        flagged = f", {red} of them of students with red flags" if red else ""
        notes.append(f"{len(drafts)} grades in the worksheet are drafts{flagged}: decide before upload.")
    held = sum(bool(one.held) for one in students)
    if held:
        notes.append(
            f"{held} grades are held back and their cells left as they are: a section without reasoning gets no grade "
            "from its evidence alone. Give its points, or the grade."
        )
    return notes


def write_all(
    report: ClassReport, request: Request, title: str, sheet: Worksheet | None, entries: Entries
) -> list[Path]:
    """Write everything, each file in one step; feedback of students who are gone goes.

    Raises:
        NotWritable: the disk says no.
    """
    out, rubric = request.out, report.rubric
    pages = [(one.folder, feedback.page(one, rubric)) for one in report.students if one.place.submission and one.graded]
    with disk_errors(out):
        shutil.rmtree(out / "feedback", ignore_errors=True)
        for folder, text in pages:
            path = out / "feedback" / feedback.safe_folder(folder) / feedback.FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
    page = overview.render(report.students, rubric, report.pairs, course=title, notes=report.notes)
    files = {
        "overview.html": page.encode("utf-8", "backslashreplace"),
        "feedback.zip": feedback.feedback_zip(pages),
        "grades.csv": grades_csv(report.students, rubric),
        "criteria.csv": criteria_csv(report.students, rubric),
    }
    if sheet is not None and request.worksheet is not None:
        files[worksheet_path(request.worksheet.name)] = sheet.filled(entries)
    for name, content in files.items():
        with disk_errors(out / name):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(out / name, content)
    return [out / name for name in files]


def worksheet_path(name: str) -> str:
    """Where the filled worksheet goes: beside the rest under its own name, or into a folder if that name is taken."""
    ours = {"grades.csv", "criteria.csv", "overview.html", "feedback.zip", "edits.jsonl", "feedback"}
    taken = name in ours or (sys.platform in ("win32", "darwin") and name.casefold() in ours)
    return f"worksheet/{name}" if taken else name


def grades_csv(students: Sequence[Student], rubric: Rubric) -> bytes:
    """A row a student."""
    sections = [section.id for section in rubric.sections]
    columns = [
        "student",
        "participant",
        "status",
        "file",
        "kind",
        *sections,
        "total",
        "days_late",
        "grade",
        "decided_by",
    ]
    columns += ["red", "amber", "flags"]
    rows: list[dict[str, object]] = [
        {
            "student": one.shown,
            "participant": one.place.id if one.place.id.isdigit() else "",
            "status": one.status,
            "file": one.graded.file if one.graded else "",
            "kind": one.graded.kind if one.graded else "",
            **one.points,
            "total": one.total if one.points else None,
            "days_late": one.days,
            "grade": one.grade,
            "decided_by": _decided_by(one),
            "red": one.reds,
            "amber": one.ambers,
            "flags": " | ".join(flag.told for flag in one.flags),
        }
        for one in students
    ]
    return to_csv(columns, rows)


def _decided_by(one: Student) -> str:
    if one.held:
        return "held: reasoning not written"
    return "instructor" if one.decided else "draft" if one.grade is not None else ""


def criteria_csv(students: Sequence[Student], rubric: Rubric) -> bytes:
    """A row a criterion a student: evidence items as found, reasoning items left to the instructor."""
    rows = [row for one in students if one.graded for row in _criteria(one, rubric)]
    return to_csv((*_CRITERIA, "finding", "band", "reasoning_words"), rows)


def _criteria(one: Student, rubric: Rubric) -> Iterator[dict[str, object]]:
    reasoning = {section.id: section.reasoning for section in rubric.sections}
    for section in one.graded.sections if one.graded else ():
        shared = {
            "student": one.shown,
            "participant": one.place.id if one.place.id.isdigit() else "",
            "section": section.id,
            "points": one.points.get(section.id),
            "of": section.points,
            "band": f"{section.band[0]} to {section.band[1]}",
            "reasoning_words": section.reasoning_words,
        }
        for item in section.items:
            yield {
                **shared,
                "item": item.id,
                "label": item.label,
                "state": item.state,
                "how": item.how,
                "value": item.value,
                "place": item.place,
                "finding": item.finding,
            }
        for question in reasoning[section.id]:
            remark = str(one.edits[question.id]["value"]) if question.id in one.edits else ""
            yield {**shared, "item": question.id, "label": question.prompt, "state": "yours to judge", "value": remark}
