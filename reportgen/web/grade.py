"""Grade: a class's submissions in, one memo beside its checks, the instructor's decisions, files for Moodle out."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.errors import InputError, UsageError

from .draft import course_of
from .jobs import Jobs
from .pages import memo_frame, page
from .sessions import Downloads
from .settings import Settings
from .uploads import receive, remove

KINDS = {"submissions": (".zip", ".html"), "worksheet": (".csv",), "labels": (".csv", ".zip")}
"""What may be uploaded, and as which types."""
MOST_SECTIONS = 6
_MOST_PAGE = 8_000_000
_MEDIA = {".html": "text/html", ".zip": "application/zip", ".csv": "text/csv"}
_LEFT_OUT = {".cache", ".pages", ".report.json", ".work", "feedback"}


@dataclass(frozen=True)
class Score:
    """A section's points as the instructor sees them."""

    name: str
    label: str
    hint: str
    points: float | None
    most: int


def banner(settings: Settings) -> str:
    """What this host means for the data of students."""
    return page(
        "grade_banner.html", local=settings.local, minutes=round(settings.keep_s / 60), grading=settings.grading
    )


def place(folder: Path) -> Path:
    """Where a session's class lies."""
    return folder / "grade"


def take(folder: Path, kind: str, upload: str | None) -> str:
    """Take an upload in, in place of what there was of its kind; its name and size."""
    home = place(folder)
    fresh = home / "fresh"
    remove([fresh])
    try:
        receive(upload, fresh, KINDS[kind])
        remove([home / kind, *([home / "out"] if kind == "submissions" else [])])
        fresh.rename(home / kind)
    finally:
        remove([fresh])
    return files_view(folder)


def files_view(folder: Path) -> str:
    """What was uploaded."""
    return page("grade_files.html", files={kind: path.name for kind in KINDS if (path := _file(folder, kind))})


def _file(folder: Path, kind: str) -> Path | None:
    home = place(folder) / kind
    return next((path for path in sorted(home.iterdir()) if path.is_file()), None) if home.is_dir() else None


def spec(
    folder: Path,
    course: str,
    week: int,
    due: str,
    late_per_day: float,
    edits: Sequence[Mapping[str, Any]] = (),
    why: str = "",
) -> dict[str, Any]:
    """What the worker is asked.

    Raises:
        InputError: nothing was uploaded.
    """
    source, sheet, labels = (_file(folder, kind) for kind in KINDS)
    if source is None:
        raise InputError("there are no submissions", remedy="upload Moodle's zip first")
    request = {
        "source": str(source),
        "course": course_of(course).name,
        "week": int(week),
        "worksheet": str(sheet) if sheet else None,
        "labels": str(labels) if labels else None,
        "due": str(due or "").strip()[:40],
        "late_per_day": float(late_per_day),
    }
    return {"task": "grade", "out": str(place(folder) / "out"), "request": request, "edits": list(edits), "why": why}


async def start(jobs: Jobs, folder: Path, asked: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Grade; yields what `progress_view` shows. What another week or course left there goes first."""
    out = Path(asked["out"])
    kept = out / ".request.json"
    ours = json.dumps({key: asked["request"][key] for key in ("source", "course", "week")})
    if not asked["edits"] and not (kept.is_file() and kept.read_text() == ours):
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept.write_text(ours)
    now: dict[str, Any] = {"waiting": 0, "graded": 0, "of": 0, "name": "", "ended": "", "error": ""}
    async for said in jobs.run(str(folder), asked):
        now = {**now, "waiting": 0, **{key: value for key, value in said.items() if key in now}}
        yield now


def progress_view(now: Mapping[str, Any]) -> str:
    """How far the grading is, or how it ended."""
    return page("grade_progress.html", **now)


def report_of(folder: Path) -> dict[str, Any] | None:
    """The last report; None before there is one."""
    path = place(folder) / "out" / ".report.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def overview(report: Mapping[str, Any]) -> str:
    """The class: a row a student, those who need attention first as the grader orders them."""
    students = report["students"]
    return page(
        "grade_overview.html",
        students=students,
        sections=report["sections"],
        points=report["points"],
        graded=sum(one["status"] == "graded" for one in students),
        attention=sum(one["attention"] for one in students),
        notes=report["notes"],
        changes=report["changes"],
    )


def choices(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The students to choose from."""
    return [
        (f"{one['name']}{' – look' if one['attention'] else ''}{' – decided' if one['decided'] else ''}", one["id"])
        for one in report["students"]
    ]


def _student(report: Mapping[str, Any] | None, student: str) -> dict[str, Any]:
    found = next((one for one in (report or {"students": []})["students"] if one["id"] == student), None)
    if found is None:
        raise UsageError("no such student", remedy="grade the class first, then choose one")
    return dict(found)


def scores(report: Mapping[str, Any], student: str) -> list[Score]:
    """A student's points by section."""
    one = _student(report, student)
    drafts = {section["id"]: section for section in one["sections"]}
    return [
        Score(
            section["id"],
            f"{section['number']}. {section['title']}, of {section['points']}",
            _hint(drafts.get(section["id"]), section["id"] in one["edited"], section["title"] in one["held"]),
            # Blank, so that the draft's own points are a decision too.
            None if section["title"] in one["held"] else one["points"].get(section["id"]),
            section["points"],
        )
        for section in report["sections"][:MOST_SECTIONS]
    ]


def _hint(section: Mapping[str, Any] | None, edited: bool, held: bool) -> str:
    if section is None:
        return "your points" if edited else "nothing could be graded"
    low, high = section["band"]
    state = ", yours now" if edited else ", held: no reasoning" if held else ""
    return f"draft {section['draft']:g}, band {low} to {high}{state}"


def comment_of(report: Mapping[str, Any], student: str) -> str:
    """The instructor's comment."""
    return str(_student(report, student)["comment"])


def student_view(report: Mapping[str, Any], student: str) -> str:
    """What the checks say about one submission."""
    return page("grade_student.html", one=_student(report, student))


def memo_view(folder: Path, report: Mapping[str, Any], student: str) -> str:
    """What a student handed in, in a frame in which nothing runs."""
    one = _student(report, student)
    pages = place(folder) / "out" / ".pages"
    files = json.loads((pages / "files.json").read_text()) if (pages / "files.json").is_file() else {}
    handed = [file for file in files.get(one["key"], []) if file[2] != "other"]
    # The file that was graded, else the first page there is.
    handed.sort(key=lambda file: file[0] != one["file"])
    if not handed:
        return page("waiting.html", text="There is no page to show.")
    path = Path(handed[0][1])
    if not path.resolve().is_relative_to(pages.resolve()) or path.stat().st_size > _MOST_PAGE:
        return page("waiting.html", text="This page is too large to show.")
    return memo_frame(path.read_text(encoding="utf-8", errors="replace"), f"Submission of {one['name']}")


def edits_of(
    report: Mapping[str, Any], student: str, points: Sequence[float | None], comment: str
) -> list[dict[str, Any]]:
    """What the instructor changed of a student.

    Raises:
        UsageError: nothing, or points outside a section.
    """
    edits = []
    for score, now in zip(scores(report, student), points, strict=False):
        if now is None or (score.points is not None and float(now) == float(score.points)):
            continue
        if not 0 <= float(now) <= score.most:
            raise UsageError(f"{now:g} points", where=score.label, remedy=f"0 to {score.most}")
        edits.append({"student": student, "field": score.name, "value": f"{float(now):g}"})
    if (comment or "").strip() != comment_of(report, student):
        said = " ".join(str(comment or "").split())[:2_000]
        edits.append({"student": student, "field": "comment", "value": said})
    if not edits:
        raise UsageError("nothing was changed", remedy="change points or the comment first")
    return edits


def downloads(folder: Path, offers: Downloads) -> str:
    """The worksheet, the feedback and the tables behind links.

    Raises:
        InputError: the class was not graded yet.
    """
    out = place(folder) / "out"
    if report_of(folder) is None:
        raise InputError("nothing was graded yet", remedy="grade the class first")
    files = [
        path
        for path in sorted(out.rglob("*"))
        if path.is_file() and not _LEFT_OUT & set(path.relative_to(out).parts) and path.name != ".request.json"
    ]
    sheet = _file(folder, "worksheet")
    words = {
        "overview.html": "The overview",
        "feedback.zip": "Feedback, a page a student",
        "grades.csv": "Grades",
        "criteria.csv": "Grades by item",
        "edits.jsonl": "Your decisions",
        **({sheet.name: "The worksheet, filled"} if sheet else {}),
    }
    links = [
        (words.get(path.name, path.name), path.name, offers.offer(path.name, path.read_bytes(), _media(path)))
        for path in files
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(out))
    links.append(("Everything", "graded.zip", offers.offer("graded.zip", buffer.getvalue(), "application/zip")))
    return page("run_results.html", links=links)


def _media(path: Path) -> str:
    return _MEDIA.get(path.suffix, "application/octet-stream")


def clear(folder: Path) -> None:
    """Forget the class."""
    remove([place(folder)])
