"""From paths to a finished memo: what the command line and the app call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import UsageError

from . import twins as twin
from .memory import find_memory
from .prose import new_prose, read_prose
from .render import render, write_memo

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.data import Course
    from reportgen.evidence import WeekEvidence
    from reportgen.evidence.texts import Texts

DEFAULT_COURSE = "generic"
NEW_COURSE = "ecbs5200"


def build_memo(
    week: int,
    bundles: Iterable[str | Path],
    out: str | Path,
    *,
    prose: str | Path | None = None,
    course: str | Path | None = None,
    twins: bool = False,
    data: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Path]:
    """Build a week's memo; nothing is written unless all of it can be.

    Args:
        week: 1 to 6.
        bundles: bundles, zipped or not, or folders of them. Of a folder, the runs of later weeks' stages are left out:
            a week's memo stays the same while the folder grows.
        out: the HTML file; twins get the same name with .md and .json.
        prose: the author's Markdown.
        course: name or folder; by default the one the bundles name.
        twins: also write Markdown and JSON.
        data: the source of the rows that were scored: their texts are shown beside the rows to read by hand.
        text: its text column.
        label: its label column.
        say: is told what was left out, and what the text cites and nothing measured.

    Returns:
        The files written, the memo first.
    """
    from reportgen.evidence import build, load_rubric

    found, chosen = _runs_and_course(bundles, week, course, DEFAULT_COURSE, say)
    target = Path(out)
    if twins and prose is not None and target.with_suffix(".md").resolve() == Path(prose).resolve():
        raise UsageError(
            "the Markdown twin would overwrite your text", where=prose, remedy="choose another name with --out"
        )
    written = read_prose(Path(prose), load_rubric(chosen, week)) if prose is not None else None
    places = [place.parent for place in (Path(prose) if prose is not None else None, target) if place is not None]
    evidence = build(
        week,
        found,
        chosen,
        memory=find_memory(week, places, chosen),
        declared=written.front if written is not None else None,
        texts=load_texts(data, chosen, text, label) if data is not None else None,
    )
    pages = {target: render(evidence, written, say)}
    if twins:
        pages[target.with_suffix(".md")] = twin.to_markdown(evidence, written)
        pages[target.with_suffix(".json")] = twin.to_json(evidence, written)
    return [write_memo(path, page) for path, page in pages.items()]


def _runs_and_course(
    paths: Iterable[str | Path],
    week: int,
    course: str | Path | None,
    default: str,
    say: Callable[[str], None] | None,
) -> tuple[list[Bundle], Course]:
    """The runs of a week, and the course chosen or named by them."""
    from reportgen.data import load_course

    found, gathered = _read(paths)
    named = sorted({bundle.manifest.course for bundle in found})
    if course is None and len(named) > 1:
        raise UsageError(
            f"the bundles belong to several courses: {', '.join(named)}", remedy="choose one with --course"
        )
    chosen = load_course(course or (named[0] if named else default))
    return _of_week(found, gathered, week, chosen, say), chosen


def _read(paths: Iterable[str | Path]) -> tuple[list[Bundle], set[str]]:
    """Every bundle once, and the roots of those that nobody named: they lay in a folder."""
    from reportgen.bundle import bundle_groups, bundle_paths

    listed = list(paths)
    found: dict[str, Bundle] = {}
    named: set[str] = set()
    for path, bundles in zip(listed, bundle_groups(listed), strict=True):
        found |= {bundle.root: bundle for bundle in bundles}
        if bundle_paths(path) == [Path(path)]:
            named |= {bundle.root for bundle in bundles}
    return list(found.values()), found.keys() - named


def _of_week(
    found: list[Bundle], gathered: set[str], week: int, course: Course, say: Callable[[str], None] | None
) -> list[Bundle]:
    """The runs without those a folder holds for a later week, unless there are no others."""
    known = {str(entry.get("name")) for number, entry in course.stage_runs() if number <= week}
    later = [
        bundle
        for bundle in found
        if bundle.root in gathered and (bundle.manifest.week or 0) > week and bundle.run_id not in known
    ]
    if not later or len(later) == len(found):
        return found
    if say is not None:
        names = ", ".join(f"{bundle.run_id} ({bundle.manifest.week})" for bundle in later)
        say(f"Made for a later week and left out: {names}. To have one in, name its own path.")
    return [bundle for bundle in found if bundle not in later]


def load_texts(data: str | Path, course: Course, text: str | None = None, label: str | None = None) -> Texts:
    """The texts of a source, for the rows a memo asks to read.

    Raises:
        InputError: the source or a column cannot be used.
    """
    from reportgen.data.load import load_texts as read_texts
    from reportgen.evidence.texts import Texts

    return Texts.of(read_texts(data, text=text, label=label, course=course))


def write_new_prose(week: int, course: Course, out: str | Path, evidence: WeekEvidence | None = None) -> Path:
    """Write the file a memo's prose starts from; with evidence it names the runs and rows to write about.

    Raises:
        UsageError: the file exists; prose is never overwritten.
    """
    from reportgen.evidence import load_rubric

    target = Path(out)
    text = new_prose(load_rubric(course, week), course.title, evidence)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError("there is a file already", where=target, remedy="choose another name with --out") from None
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", where=target, remedy="choose another --out") from None
    return target


def start_prose(
    week: int,
    bundles: Iterable[str | Path],
    out: str | Path,
    *,
    course: str | Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """`write_new_prose` about the runs at hand, if there are any.

    Raises:
        UsageError: the file exists, or the bundles belong to several courses.
    """
    from reportgen.evidence import build

    found, chosen = _runs_and_course(bundles, week, course, NEW_COURSE, say)
    return write_new_prose(week, chosen, out, build(week, found, chosen) if found else None)
