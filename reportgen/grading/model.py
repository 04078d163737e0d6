"""The types that carry a class from submissions to scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["memo", "notebook", "html", "other"]
"""memo: by reportgen; notebook: exported to HTML by nbconvert; html: any other page; other: not a page."""


@dataclass(frozen=True)
class SubmittedFile:
    """One file a student handed in, copied to a folder of our own.

    Its name is the student's and is never a path of ours.
    """

    name: str
    path: Path
    size: int
    kind: Kind


@dataclass(frozen=True)
class Submission:
    """What one participant (or group) handed in."""

    key: str
    """Folder name or file prefix as Moodle wrote it, verbatim: the feedback zip needs it again."""
    participant: str | None
    """The number in that name (Moodle's participant id; a group id in group assignments); None elsewhere."""
    name: str
    """The student's name as the download shows it, or the file's stem."""
    files: tuple[SubmittedFile, ...] = ()
    problems: tuple[str, ...] = ()
    """One line for each thing refused or skipped (too large, nested archive, a link, …)."""


@dataclass(frozen=True)
class FoundItem:
    """An evidence item of the rubric as found in a page that is not ours: always unverified."""

    id: str
    values: tuple[float | str, ...]
    text: str
    """The words around it, cut to a line."""
    place: str
    """Where on the page: the heading it stands under and the cell or table."""


@dataclass(frozen=True)
class PageReading:
    """What a notebook export or another page says, section by section."""

    kind: Kind
    sections: dict[str, str]
    """Rubric section id to the text found under its heading."""
    items: tuple[FoundItem, ...]
    headings: tuple[str, ...]
    words: int
    problems: tuple[str, ...] = ()
    read: bool = True
    """False where the page could not be read at all; `problems` says why."""
    impossible: tuple[str, ...] = ()
    """Accuracies that no number of correct rows gives."""
