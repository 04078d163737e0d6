"""Grade one submission: a pure function of its files and the options, run in-process, by processes and on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from reportgen.errors import ReportgenError, one_line

from .model import Submission, SubmittedFile
from .results import Flag, Graded

if TYPE_CHECKING:
    from reportgen.data import Course
    from reportgen.evidence import Rubric

    from .truth import Truth

_BEST = {"memo": 0, "notebook": 1, "html": 2}


@dataclass(frozen=True)
class Options:
    """What grading depends on besides the submission."""

    week: int
    course: str
    intervals: bool = False
    """Compute intervals and verdicts again too, not only point values."""
    truth: Truth | None = None
    seconds: float = 60.0
    """A memo that takes longer is given up, unless it is graded in this very process."""


@lru_cache(maxsize=8)
def rubric_of(course: str, week: int) -> tuple[Course, Rubric]:
    """The course and its rubric of that week, read once a process."""
    from reportgen.data import load_course
    from reportgen.evidence import load_rubric

    found = load_course(course)
    return found, load_rubric(found, week)


def grade_one(submission: Submission, options: Options) -> Graded:
    """Grade what one participant handed in. Never raises for what a student wrote."""
    notes = tuple(Flag(code="intake", severity="amber", text=one_line(line)) for line in submission.problems)
    pages = sorted((file for file in submission.files if file.kind in _BEST), key=lambda file: _BEST[file.kind])
    if not pages:
        what = (
            "no file" if not submission.files else "no HTML page among " + ", ".join(f.name for f in submission.files)
        )
        reason = submission.problems[0] if submission.problems else what
        return Graded(key=submission.key, status="empty", reason=one_line(reason), flags=notes)
    chosen = _choose(pages, options.week)
    if len(pages) > 1:
        others = ", ".join(file.name for file in pages if file is not chosen)
        notes += (
            Flag(code="files", severity="note", text=one_line(f"graded {chosen.name}; also handed in: {others}")),
        )
    try:
        graded = _grade(submission.key, chosen, options)
    except MemoryError:
        return _failed(submission.key, chosen, notes, "failed", "needs more memory than a memo may")
    except ReportgenError as error:
        # The name of our copy says nothing to a reader, and differs from process to process.
        said = str(error).replace(chosen.path.name, chosen.name)
        return _failed(submission.key, chosen, notes, "unreadable", said)
    except Exception as error:  # whatever a stranger wrote: one bad memo never stops the batch
        return _failed(submission.key, chosen, notes, "failed", f"{type(error).__name__}: {error}")
    return graded.model_copy(update={"flags": (*notes, *graded.flags), "file": one_line(chosen.name)})


def _failed(key: str, file: SubmittedFile, notes: tuple[Flag, ...], status: str, reason: str) -> Graded:
    return Graded.model_validate(
        {
            "key": key,
            "status": status,
            "reason": one_line(reason),
            "file": one_line(file.name),
            "kind": file.kind,
            "flags": notes,
        }
    )


def _choose(pages: list[SubmittedFile], week: int) -> SubmittedFile:
    """The first page of the best kind; of several memos the one of the week asked for."""
    best = [page for page in pages if page.kind == pages[0].kind]
    if len(best) > 1 and best[0].kind == "memo":
        from reportgen.memo.record import read_page

        for page in best:
            try:
                if read_page(page.path).record().week == week:
                    return page
            except ReportgenError:
                continue
    return best[0]


def _grade(key: str, file: SubmittedFile, options: Options) -> Graded:
    if file.kind == "memo":
        from .memos import grade_memo

        return grade_memo(key, file, options)
    from .others import grade_page

    return grade_page(key, file, options)
