"""What Moodle writes: the "download all submissions" zip in its three layouts, and the offline grading worksheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Layout = Literal["folders", "folders_3_1", "flat"]
"""folders: Moodle >= 4.1; folders_3_1: Moodle 3.1 to 4.0, trailing underscore; flat: no folder a user."""


@dataclass(frozen=True)
class Student:
    """A row of the class. `files` are paths below the student's folder; id None: a team without a group (team mode)."""

    name: str
    id: int | None
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    online_text: str | None = None
    group: str = ""
    submitted: str = "Wednesday, 18 November 2026, 9:03 AM"
    email: str = "someone@example.edu"


def key(student: Student, layout: Layout = "folders", plugin: str = "file") -> str:
    """The folder name (or the start of a flat file name) Moodle writes for that student."""
    name = clean_filename(student.name.replace("_", " "))
    number = "" if student.id is None else f"_{student.id}"
    return f"{name}{number}_assignsubmission_{plugin}" + ("_" if layout != "folders" else "")


def download(path: Path, students: Iterable[Student], layout: Layout = "folders") -> Path:
    """The zip. For a group assignment pass groups as students: their name, the group's id."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for student in students:
            for name, content in student.files.items():
                joined = key(student, layout) + ("" if layout == "flat" else "/") + name
                archive.writestr(joined.replace("/", "_") if layout == "flat" else joined, content)
            if student.online_text is not None:
                start = key(student, layout, "onlinetext")
                archive.writestr(f"{start}{'' if layout == 'flat' else '/'}onlinetext.html", student.online_text)
    return path


def worksheet(
    students: Iterable[Student],
    *,
    teams: bool = False,
    maximum: str = "100.00",
    grades: Mapping[int, str] | None = None,
    bom: bool = False,
    newline: str = "\n",
) -> bytes:
    """The CSV as bytes, quoted as PHP's fputcsv does."""
    columns = ["Identifier", "Full name", "Email address", "Status", *(["Group"] if teams else [])]
    columns += ["Grade", "Maximum grade", "Grade can be changed"]
    columns += ["Last modified (submission)", "Last modified (grade)", "Feedback comments"]
    rows = [columns]
    for one in students:
        handed_in = bool(one.files) or one.online_text is not None
        rows.append(
            [
                f"Participant {one.id}",
                one.name,
                one.email,
                "Submitted for grading" if handed_in else "No submission",
                *([one.group] if teams else []),
                (grades or {}).get(one.id or 0, ""),
                maximum,
                "Yes",
                one.submitted if handed_in else "-",
                "-",
                "",
            ]
        )
    text = "".join(",".join(map(_quoted, row)) + newline for row in rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode()


def clean_filename(name: str) -> str:
    """What Moodle leaves of a name in a file name: no separators, quotes, pipes, angle brackets or double dots."""
    return re.sub(r"\.\.+", "", re.sub(r"[\x00-\x1f\x7f&<>\"`|':\\/]", "", name))


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if re.search(r'[\s,"\\]', value) else value
