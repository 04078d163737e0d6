"""The demo as parts that do not wait for each other, in two processes: memos, and all that stands beside them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from models.demo import RUNS, bundle, examples, prose
from reportgen.errors import UsageError

TITLE = "What your classifier may claim"
LEAD = "Every score on these pages is recomputed from raw predictions, with its n and its interval."
CREDIT = "Banking77: PolyAI, CC BY 4.0. The bundles hold predictions and digests, no texts."


def build_demo(out: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """Build everything and return the index page.

    Raises:
        UsageError: the shipped runs are missing.
        ReportgenError: the folder cannot be written to.
    """
    from reportgen.memo.index_page import Group, write_index

    _check()
    pages = dict(_made(out, say))
    return write_index(
        out / "index.html",
        TITLE,
        LEAD,
        (
            Group(
                "One term, six memos",
                "Messages to a bank, 77 intents, 2,933 training rows cut to a long tail; MiniLM and SmolLM2. The runs "
                "are real, the student is not: the text is an example of what one could write beside them.",
                tuple(pages["memos"]),
            ),
            Group(
                "Two questions the memos lead to",
                "What a recipe for rare classes is worth, on test rows and over three seeds; and which model to "
                "deploy, for whom, until when.",
                (*pages["rescue"], *pages["desk"]),
            ),
            Group(
                "The instructor's side",
                "Twelve generated submissions of week 1: honest, late, copied, edited after building, missing.",
                tuple(pages["classroom"]),
            ),
        ),
        CREDIT,
    )


def _check() -> None:
    needed = [bundle(name) for name in dict.fromkeys(run for runs in RUNS.values() for run in runs)]
    for path in (*needed, *map(prose, RUNS)):
        if not path.is_file():
            where = path.relative_to(examples())
            raise UsageError("a shipped example is missing", where=where, remedy="install reportgen again")


def _made(out: Path, say: Callable[[str], None]) -> Iterator[tuple[str, list]]:
    """Each part with its pages, in the order of `PARTS`."""
    if (os.cpu_count() or 1) == 1:
        yield from ((name, _tell(part(out), say)) for name, part in PARTS.items())
        return
    # A fresh process: what the caller has open (threads, a terminal) is not copied into it.
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[str, Future] = {name: pool.submit(part, out) for name, part in PARTS.items()}
        for name, future in running.items():
            yield name, _tell(future.result(), say)


def _tell(pages: list, say: Callable[[str], None]) -> list:
    for page in pages:
        say(f"{page.title}: {page.href}")
    return pages


def memos(out: Path) -> list:
    """The six memos, in order: each quotes those before it."""
    from reportgen.data import load_course
    from reportgen.evidence import load_rubric
    from reportgen.memo import build_memo
    from reportgen.memo.index_page import Page

    course, made = load_course("banking77lt"), []
    for week, names in RUNS.items():
        page = build_memo(week, map(bundle, names), out / f"week{week}.html", prose=prose(week), twins=True)[0]
        title = f"Week {week}: {load_rubric(course, week).title}"
        made.append(Page(page.name, title, f"{len(names)} runs: {', '.join(names)}"))
    return made


def rescue(out: Path) -> list:
    """The rescue study."""
    from .rescue import write_rescue

    return [write_rescue(out)]


def desk(out: Path) -> list:
    """The decision desk."""
    from .desk import write_desk

    return [write_desk(out)]


def classroom(out: Path) -> list:
    """A graded class."""
    from .classroom import grade

    return grade(out / "class")


PARTS: dict[str, Callable[[Path], list]] = {
    "memos": memos,
    "classroom": classroom,
    "rescue": rescue,
    "desk": desk,
}
