"""A whole class: submissions in; overview, feedback, tables and the worksheet out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.bundle.files import disk_errors
from reportgen.errors import UsageError

from .cache import Cache
from .compare import compare
from .edits import Assignment, by_student, open_log, parse_edit, record_edit
from .job import ClassReport, Progress, Request
from .late import days_late, parse_due
from .one import Options, rubric_of
from .output import notes_of, worksheet_entries, write_all
from .pool import cores, in_processes, in_this_process, on_cluster
from .results import Graded
from .roster import Place, class_list, find
from .student import student
from .worksheet import Worksheet, read_worksheet

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

    from .model import Submission


def grade_class(request: Request, progress: Progress | None = None) -> ClassReport:
    """Grade everything handed in.

    Raises:
        ReportgenError: submissions, worksheet, labels or edits that cannot be used; nothing is written then.
    """
    from .intake import read_submissions

    course, rubric = rubric_of(request.course, request.week)
    due = parse_due(request.due) if request.due else None
    sheet = read_worksheet(request.worksheet) if request.worksheet else None
    _check(request, sheet, rubric)
    with _workplace(request) as folder:
        submissions = read_submissions(request.source, folder, week=request.week)
        places = class_list(submissions, sheet, expand_groups=request.expand_groups)
        only = find(places, request.only) if request.only else None
        handed_in = tuple(sorted(place.id for place in places if place.submission))
        assignment = Assignment(course.name, request.week, handed_in)
        open_log(request.out, assignment, write=not request.dry_run)
        pending = _record(request, only, rubric)
        options = _options(request)
        graded = _graded(places, only, options, request, progress)
    log = open_log(request.out, assignment, write=False)
    edits = by_student((*log, *pending), [place.id for place in places])
    names = {place.id: _shown(place, request.anonymous) for place in places}
    # Members of one group handed in the same file: it is compared with others once, under the group's name.
    speaker = {place.group or place.id: place.id for place in places}
    called = {place.id: place.group or names[place.id] for place in places}
    flags, pairs = compare({id_: graded[id_] for id_ in speaker.values() if id_ in graded}, called)
    if request.anonymous:
        # Students like to name files after themselves.
        graded = {id_: one.model_copy(update={"file": ""}) for id_, one in graded.items()}
    students = [
        student(
            place,
            graded.get(place.id),
            flags.get(speaker[place.group or place.id], ()),
            edits[place.id],
            rubric,
            shown=names[place.id],
            days=days_late(_submitted(place, sheet), due),
            late_per_day=request.late_per_day,
        )
        for place in places
    ]
    entries, lines = worksheet_entries(students, rubric, sheet, only)
    notes = notes_of(students, sheet, due is not None, entries)
    named = only.id if only else None
    report = ClassReport(tuple(students), tuple(pairs), rubric, tuple(lines), notes=tuple(notes), only=named)
    if request.dry_run:
        return report
    written = write_all(report, request, course.title, sheet, entries)
    return replace(report, written=tuple(written))


def _record(request: Request, only: Place | None, rubric: Rubric) -> list[dict[str, Any]]:
    """Record the changes asked for; in a dry run they are returned instead, to be shown and forgotten."""
    pending = []
    for change in request.changes if only else ():
        name, value = parse_edit(change, rubric)
        if request.dry_run and only:
            pending.append({"student": only.id, "field": name, "value": value})
        elif only:
            record_edit(request.out, only.id, name, value, request.who, request.why)
    return pending


def _check(request: Request, sheet: Worksheet | None, rubric: Rubric) -> None:
    if request.changes and not request.only:
        raise UsageError("--set changes one student", remedy="name the student with --only")
    if request.changes and not request.why.strip():
        raise UsageError("a change needs its reason", remedy='add --why "…"')
    for change in request.changes:
        parse_edit(change, rubric)
    if request.due and sheet is None:
        raise UsageError(
            "--due without a worksheet",
            remedy="dates stand in Moodle's worksheet: pass it as --worksheet",
        )
    if not 0 <= request.late_per_day <= 100:
        raise UsageError(f"{request.late_per_day:g} is no percentage", where="--late-per-day")
    if request.out.exists() and not request.out.is_dir():
        raise UsageError("is a file", where=request.out, remedy="choose a folder for --out")
    if sheet is not None and request.worksheet is not None:
        target = request.out / request.worksheet.name
        if target.exists() and target.samefile(request.worksheet):
            raise UsageError(
                "the worksheet lies in the output folder", where=request.worksheet, remedy="keep the original elsewhere"
            )


def _options(request: Request) -> Options:
    from .truth import read_truth

    truth = read_truth(request.labels) if request.labels else None
    return Options(week=request.week, course=request.course, intervals=request.intervals, truth=truth)


@contextmanager
def _workplace(request: Request) -> Iterator[Path]:
    """A folder for copies of what was handed in: inside the output folder, gone afterwards; elsewhere in a dry run."""
    if request.dry_run:
        with tempfile.TemporaryDirectory(prefix="reportgen-") as name:
            yield Path(name) / "submissions"
        return
    folder, new = request.out / ".work", not request.out.exists()
    with disk_errors(folder):
        request.out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            with suppress(OSError):  # something was written: it stays
                request.out.rmdir()


def _graded(
    places: Sequence[Place], only: Place | None, options: Options, request: Request, progress: Progress | None
) -> Mapping[str, Graded]:
    """Results by student: kept ones where nothing changed, the rest made now."""
    cache = Cache(request.out / ".cache", options, read_only=request.dry_run)
    having = [(place, place.submission) for place in places if place.submission is not None]
    names = {place.id: cache.name(submission) for place, submission in having}
    graded: dict[str, Graded] = {}
    todo: list[tuple[Place, Submission]] = []
    for place, submission in having:
        kept = None if only is not None and place.id == only.id else cache.read(names[place.id])
        if kept is not None:
            graded[place.id] = kept
        elif only is None or place.id == only.id:
            todo.append((place, submission))
    waiting = [submission for _, submission in todo]
    owner = {id(submission): place for place, submission in todo}
    made: Iterator[tuple[Submission, Graded]]
    if request.dask:
        made = on_cluster(waiting, options, request.dask)
    elif request.jobs == 0:
        made = in_this_process(waiting, options)
    else:
        made = in_processes(waiting, options, request.jobs or cores())
    for number, (submission, one) in enumerate(made, start=1):
        place = owner[id(submission)]
        graded[place.id] = one
        cache.keep(names[place.id], one)
        if progress:
            progress(number, len(todo), _shown(place, request.anonymous))
    return graded


def _shown(place: Place, anonymous: bool) -> str:
    from reportgen.errors import one_line

    if not anonymous:
        return one_line(place.name, 120) or place.id
    if place.id.isdigit():
        return f"Participant {place.id}"
    import hashlib

    return "Participant " + hashlib.sha256(place.id.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _submitted(place: Place, sheet: Worksheet | None) -> Any:
    return sheet.rows[place.row].submitted if sheet is not None and place.row is not None else None
