"""The whole check of one memo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import ReportgenError, UsageError

from ..record import RecordError, read_page
from ..record.page import MemoPage, NotAMemo, text_of
from .prose import check_prose
from .recommendation import check_recommendation
from .recompute import Recomputer
from .report import Report, SectionState
from .shown import check_figures, check_text

if TYPE_CHECKING:
    from reportgen.data import Course

    from ..record import Record


def check_memo(
    path: str | Path,
    bundles: str | Path | Iterable[str | Path] | None = None,
    course: str | Path | Course | None = None,
    *,
    intervals: bool = True,
    data: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
) -> Report:
    """Recompute what a memo's record allows, compare it with the page, and read its prose.

    Args:
        path: the memo's HTML file.
        bundles: the runs it was built from, or folders of them; then every item is built again and compared.
        course: whose rubric it answers; by default the bundles' own. Only used with bundles.
        data: the source of the texts the memo shows; only used with bundles, which keep none.
        text: its text column.
        label: its label column.
        intervals: whether to compute intervals and verdicts again, not only point values.

    Returns:
        A report; a record or page that cannot be read is one red finding.

    Raises:
        NotAMemo: no file, or nothing of a memo in it.
        ReportgenError: bundles or a course that cannot be read.
    """
    return inspect_memo(path, bundles, course, intervals=intervals, data=data, text=text, label=label).report


@dataclass(frozen=True)
class Inspection:
    """A report and what it was read from; None where the record or the page cannot be read."""

    report: Report
    page: MemoPage | None = None
    recomputer: Recomputer | None = None


def inspect_memo(
    path: str | Path,
    bundles: str | Path | Iterable[str | Path] | None = None,
    course: str | Path | Course | None = None,
    *,
    intervals: bool = True,
    data: str | Path | None = None,
    text: str | None = None,
    label: str | None = None,
) -> Inspection:
    """`check_memo`, with the page and the record's rows for whoever asks more of them."""
    if data is not None and bundles is None:
        raise UsageError("--data is compared with nothing", remedy="pass the memo's --bundles too")
    report = Report()
    try:
        page = read_page(path)
        record = page.record()
        recomputer = Recomputer(record, intervals=intervals)
    except NotAMemo:
        raise
    except ReportgenError as error:
        name = "record" if isinstance(error, RecordError) else "page"
        report.add(f"{name}.unreadable", "red", error.where or Path(path).name, error.what)
        return Inspection(report)
    report.sections = _states(page, record)
    check_text(page, record, report)
    check_figures(page, recomputer, report)
    said = check_prose(page, recomputer, report)
    check_recommendation(page, record, said, report)
    if bundles is not None:
        from .bundles import check_bundles

        paths = [bundles] if isinstance(bundles, str | Path) else list(bundles)
        check_bundles(page, recomputer, paths, course, report, None if data is None else (data, text, label))
    return Inspection(report, page, recomputer)


def _states(page: MemoPage, record: Record) -> list[SectionState]:
    states = {}
    for section in record.sections:
        node = page.sections.get(section.id)
        heading = node.css_first("h2") if node is not None else None
        states[section.id] = SectionState(section.id, text_of(heading) if heading is not None else "")
    for group in record.groups:
        if group.kind == "item" and group.section in states:
            state = states[group.section]
            (state.missing if group.missing else state.answered).append(group.id)
    return list(states.values())
