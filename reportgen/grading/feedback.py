"""What a student gets: one page and a line for Moodle. Nothing about other students stands in either."""

from __future__ import annotations

import hashlib
import html
import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from reportgen.memo.environment import environment, templates

from .student import Student

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

    from .results import ItemResult

FILE = "feedback.html"
_PRIVATE = frozenset({"labels", "prose", "predictions", "rows", "split", "intake", "files", "published"})
"""Flags for the instructor's eyes: about other students, or a suspicion."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MARKS = {"present": "●", "unverifiable": "○", "wrong": "✗", "absent": "–"}
_STATES = {
    "present": "checked",
    "unverifiable": "answered, not verified",
    "wrong": "contradicted",
    "absent": "not found",
}


@cache
def grading_css() -> Markup:
    """Styles of the grading pages, beside the memo's: ours, so they are not escaped."""
    return Markup((templates() / "grading.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


@dataclass(frozen=True)
class Line:
    """An item as the page shows it."""

    item: ItemResult
    mark: str
    said: str


@dataclass(frozen=True)
class Block:
    """A section as the page shows it."""

    number: int
    title: str
    points: float | None
    most: int
    decided: bool
    lines: tuple[Line, ...]
    findings: tuple[str, ...]
    remarks: tuple[str, ...]
    reasoned: bool

    @property
    def said(self) -> bool:
        """Whether there is anything to say: of a file that could not be graded there is not, unless you decided."""
        return bool(self.lines or self.findings or self.remarks or self.decided)


def page(student: Student, rubric: Rubric) -> str:
    """The student's feedback page."""
    template = environment().get_template("feedback.html")
    return template.render(
        student=student,
        rubric=rubric,
        blocks=[block for number in range(len(rubric.sections)) if (block := _block(student, rubric, number)).said],
        flags=[flag for flag in student.flags if flag.code not in _PRIVATE and not flag.with_],
        grading_css=grading_css(),
    )


def _block(student: Student, rubric: Rubric, at: int) -> Block:
    section = rubric.sections[at]
    found = next((one for one in student.graded.sections if one.id == section.id), None) if student.graded else None
    return Block(
        number=at + 1,
        title=section.title,
        points=student.points.get(section.id),
        most=section.points,
        decided=section.id in student.edits,
        lines=tuple(Line(item, _MARKS[item.state], _STATES[item.state]) for item in (found.items if found else ())),
        findings=found.findings if found else (),
        remarks=tuple(str(student.edits[item.id]["value"]) for item in section.reasoning if item.id in student.edits),
        reasoned=bool(found and found.reasoned),
    )


def comment(student: Student, rubric: Rubric) -> str:
    """The worksheet's feedback comment: HTML in plain ASCII, so that it fits whatever encoding the worksheet has."""
    lines = []
    if student.status != "graded" and student.grade is None:
        lines.append("Your submission could not be graded: " + (student.graded.reason if student.graded else ""))
    elif student.held:
        lines.append(f"No grade yet: no reasoning was found in {'; '.join(student.held)}.")
        lines.append(f"Evidence found: {student.total:g} of {rubric.points}.")
    elif student.grade is not None:
        what = "Grade" if student.decided else "Draft grade, evidence only"
        lines.append(f"{what}: {student.grade:g} of {rubric.points}.")
        sections = (f"{s.title} {student.points[s.id]:g}/{s.points}" for s in rubric.sections if s.id in student.points)
        lines.append("; ".join(sections) + ".")
    if student.graded:
        items = [item for section in student.graded.sections for item in section.items]
        for state, said in (("wrong", "contradicted"), ("absent", "not found")):
            if labels := [item.label for item in items if item.state == state]:
                lines.append(f"{said.capitalize()}: {'; '.join(labels[:6])}{' and more' if len(labels) > 6 else ''}.")
    lines += [f"{flag.told}." for flag in student.flags if flag.code == "late"]
    if student.comment:
        lines.append(student.comment)
    lines.append(f"Details: {FILE}.")
    return "<br>".join(html.escape(line) for line in lines).encode("ascii", "xmlcharrefreplace").decode()


def safe_folder(key: str) -> str:
    """The folder's name on our disk: Moodle's own where it is a plain name, else a digest of it."""
    plain = re.fullmatch(r"[^\x00-\x1f\x7f/\\:*?\"<>|]+", key) and key.strip(". ") == key and "_" in key
    if plain and len(key.encode("utf-8", "replace")) <= 200 and key.isprintable():
        return key
    return "student-" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def feedback_zip(pages: Iterable[tuple[str, str]]) -> bytes:
    """The zip Moodle takes ("Upload multiple feedback files"): folder names of the download, one page in each.

    Args:
        pages: folder name and page; the same pages give the same bytes.
    """
    buffer = io.BytesIO()
    taken = set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, text in sorted(pages):
            name = folder if _fit_for_zip(folder) else safe_folder(folder)
            if name in taken:
                continue
            taken.add(name)
            info = zipfile.ZipInfo(f"{name}/{FILE}", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text.encode("utf-8", "backslashreplace"))
    return buffer.getvalue()


def _fit_for_zip(name: str) -> bool:
    """Whether a name stays inside wherever the zip is unpacked."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not re.search(r"[\x00-\x1f/\\]", name) and name.strip(". ") != "" and not re.match(r"[A-Za-z]:", name)
