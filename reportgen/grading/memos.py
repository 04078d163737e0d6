"""Memos by reportgen: checked, item by item, and the facts that only a comparison across the class can judge."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle import canonical_json, labels_sha256, sha256
from reportgen.errors import InputError, ReportgenError, one_line
from reportgen.evidence.numbers import show_interval, show_value
from reportgen.evidence.wording import metric_name
from reportgen.memo.check import inspect_memo
from reportgen.memo.check.numbers import typed_numbers
from reportgen.memo.check.shown import as_value
from reportgen.memo.record.page import text_of

from .model import SubmittedFile
from .one import Options, rubric_of
from .others import MAX_PROSE, found_items
from .published import matches, quoted
from .results import Flag, Graded, ItemResult, RowsFacts, RunFacts
from .scoring import score, unreasoned
from .truth import against

if TYPE_CHECKING:
    from reportgen.evidence import Rubric
    from reportgen.memo.check import Finding, Report
    from reportgen.memo.check.recompute import Recomputer
    from reportgen.memo.record import Group, MemoPage, Record

_OF_ITEMS = ("figure.", "verdict.", "cell.", "rescue.", "element", "item.", "bundle.")
_SHOWN = 4
"""Values of an item that are quoted; the memo has the rest."""
_TOLD = 2
"""Contradictions of an item that are told: one changed figure is found in three ways."""
_IMPOSSIBLE = {"figure.contradicted", "verdict.contradicted", "cell.contradicted", "rescue.classes"}
_ATTRIBUTED = re.compile(
    r"\b(?:published|reported|lecture|slides?|course|instructor|paper|literature)\b", re.IGNORECASE
)
_CHANGED = ("figure.", "item.", "element", "sections", "text.edited")


def grade_memo(key: str, file: SubmittedFile, options: Options) -> Graded:
    """Check a memo and score it.

    Raises:
        ReportgenError: it is no memo after all.
    """
    _, rubric = rubric_of(options.course, options.week)
    inspection = inspect_memo(file.path, intervals=options.intervals)
    report = inspection.report
    if inspection.recomputer is None or inspection.page is None:
        return _without_record(key, file, report, options)
    page, record = inspection.page, inspection.recomputer.record
    prose = _prose(page)
    answers = _items(record, report, rubric)
    findings: dict[str, list[str]] = defaultdict(list)
    for finding in _red(report):
        if not finding.id.startswith(_OF_ITEMS):
            section = finding.where.partition(",")[0]
            findings[section].append(_told(finding, {section: ""}))
    runs = _runs(inspection.recomputer)
    sections = score(rubric, answers, {name: len(text.split()) for name, text in prose.items()}, findings)
    return Graded(
        key=key,
        status="graded",
        kind="memo",
        sections=sections,
        flags=(
            *unreasoned(sections),
            *_record_flags(record, report, page, options, _titles(rubric)),
            *_own_or_published(runs, record, report, options),
            *_truth_flags(inspection.recomputer, options),
        ),
        rows=_rows(inspection.recomputer),
        runs=runs,
        prose="\n\n".join(prose.values())[:MAX_PROSE],
        untraced=sum(number.severity == "amber" for number in report.numbers),
    )


def _without_record(key: str, file: SubmittedFile, report: Report, options: Options) -> Graded:
    """A memo whose record is gone or damaged is read like any other page."""
    told = "; ".join(_told(finding) for finding in report.findings).replace(file.path.name, file.name)
    flag = Flag(code="record", severity="red", text=one_line(told))
    course, rubric = rubric_of(options.course, options.week)
    try:
        from .pages import read_page

        reading = read_page(file.path, rubric, course)
        if not reading.read:
            raise InputError(reading.problems[0])
    except ReportgenError as error:
        return Graded(key=key, status="unreadable", reason=str(error), kind="memo", flags=(flag,))
    words = {name: len(text.split()) for name, text in reading.sections.items()}
    sections = score(rubric, found_items(reading, options), words)
    return Graded(
        key=key,
        status="graded",
        kind="memo",
        sections=sections,
        flags=(flag, *unreasoned(sections)),
        prose="\n\n".join(reading.sections.values())[:MAX_PROSE],
    )


def _red(report: Report) -> Iterable[Finding]:
    return (finding for finding in report.findings if finding.severity == "red")


def _titles(rubric: Rubric) -> dict[str, str]:
    """What a reader calls the sections and items whose ids a check names."""
    titles = {section.id: section.title for section in rubric.sections}
    return titles | {item.id: item.label for section in rubric.sections for item in section.evidence}


def _told(finding: Finding, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A finding in a line; `names` says what its place is called, nothing where the reader stands there already."""
    first, _, rest = finding.where.partition(", ")
    place = ", ".join(part for part in (names.get(first, first), rest) if part)
    parts = [f"{place}: {finding.message}" if place else finding.message]
    # Where page and record differ, either may have been changed: only predictions tell what should be there.
    differ = finding.id.startswith(_CHANGED) and finding.id not in _IMPOSSIBLE
    for verb, value in (("says", finding.said), ("its record says" if differ else "should be", finding.recomputed)):
        if value is not None and not str(value).startswith("{"):  # an element's attributes say nothing to a reader
            parts.append(f"{verb} {value}")
    return one_line("; ".join(parts))


def _items(record: Record, report: Report, rubric: Rubric) -> dict[str, ItemResult]:
    """The rubric's items as the memo answers them: what the rubric asks counts, not what the record lists."""
    wrong: dict[str, list[Finding]] = defaultdict(list)
    for finding in _red(report):
        if finding.id.startswith(_OF_ITEMS):
            wrong[finding.where.partition(",")[0]].append(finding)
    how = dict.fromkeys(report.recomputed, "recomputed") | dict.fromkeys(report.bound, "bound")
    how |= dict.fromkeys(report.declared, "declared")
    groups = {group.id: group for group in record.groups if group.kind == "item"}
    items = {}
    for number, section in enumerate(rubric.sections, start=1):
        for item in section.evidence:
            group = groups.get(item.id)
            if group is None or group.missing:
                continue
            against = [_told(one, {item.id: ""}) for name in (item.id, *group.exhibits) for one in wrong.get(name, ())]
            more = f" · and {len(against) - _TOLD} more" if len(against) > _TOLD else ""
            kept = how.get(item.id, "bound")
            items[item.id] = ItemResult(
                id=item.id,
                label=item.label,
                state="wrong" if against else "present" if kept == "recomputed" else "unverifiable",
                how=kept,
                value=_values(group),
                place=one_line(f"section {number}" + (f", {', '.join(group.exhibits)}" if group.exhibits else ""), 200),
                finding=one_line(" · ".join(against[:_TOLD]), 600) + more,
            )
    return items


def _values(group: Group) -> str:
    parts = []
    for entry in group.values[:_SHOWN]:
        value = as_value(entry)
        run = f"{value.run} − {value.baseline}" if value.baseline else value.run
        signed = value.baseline is not None
        span = f" {show_interval(value.interval, value.unit, signed=signed)}" if value.interval else ""
        parts.append(f"{metric_name(value.metric)} {show_value(value)}{span}" + (f" ({run})" if run else ""))
    more = len(group.values) - _SHOWN
    return one_line("; ".join(parts) + (f"; and {more} more" if more > 0 else ""), 400)


def _prose(page: MemoPage) -> dict[str, str]:
    """The author's text by section."""
    return {
        name: "\n".join(text_of(block) for block in section.css(".reasoning .prose, .authored p"))
        for name, section in page.sections.items()
    }


def _record_flags(
    record: Record, report: Report, page: MemoPage, options: Options, titles: Mapping[str, str]
) -> list[Flag]:
    flags = []
    if record.week != options.week:
        flags.append(Flag(code="week", severity="red", text=f"is a memo of week {record.week}, not {options.week}"))
    red = list(_red(report))
    impossible = [finding for finding in red if finding.id in _IMPOSSIBLE]
    changed = [f for f in red if f.id not in _IMPOSSIBLE and f.id.startswith(_CHANGED)]
    other = [finding for finding in red if finding not in impossible and finding not in changed]
    for code, found in (("impossible", impossible), ("edited", changed), ("contradicted", other)):
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            flags.append(Flag(code=code, severity="red", text=_told(found[0], titles) + more))
    if record.split == "test":
        flags.append(Flag(code="test", severity="amber", text="a test that decides is no test any more"))
    for notice in page.tree.css(".notices li"):
        text = one_line(text_of(notice))
        if " was trained on " in text:
            flags.append(Flag(code="leak", severity="amber", text=text))
        elif "not a complete run" in text:
            flags.append(Flag(code="partial", severity="note", text=text))
    if any(finding.id == "claim.overstated" for finding in report.findings):
        flags.append(Flag(code="overstated", severity="note", text="beside a null verdict"))
    return flags


def _own_or_published(runs: tuple[RunFacts, ...], record: Record, report: Report, options: Options) -> list[Flag]:
    """Published figures presented as measured here."""
    course, _ = rubric_of(options.course, options.week)
    flags = []
    for run in runs:
        row = matches(course, _figures(run, record)) if run.kind == "measured" else None
        if row and run.predictions is None:
            text = f"run {run.run_id} shows the published figures of “{row.model}” as measured, without predictions"
            flags.append(Flag(code="published", severity="red", text=one_line(f"{text} ({row.source})")))
        elif row:
            text = f"run {run.run_id} has exactly the published scores of “{row.model}”: a checkpoint of the course?"
            flags.append(Flag(code="published", severity="amber", text=one_line(f"{text} ({row.source})")))
    untraced = [one for one in report.numbers if one.traced_to is None and not _ATTRIBUTED.search(one.sentence)]
    if row := quoted(course, [typed for one in untraced for typed in typed_numbers(one.number)]):
        text = f"the text has figures of “{row.model}” ({row.source}) that no run of the memo has"
        flags.append(Flag(code="published", severity="amber", text=one_line(text)))
    return flags


def _figures(run: RunFacts, record: Record) -> dict[str, set[float]]:
    """What a run is said to have scored, by metric; what its predictions give counts before what the page says."""
    said: dict[str, set[float]] = defaultdict(set)
    for group in record.groups:
        for value in group.values:
            if value.run == run.run_id and value.baseline is None and isinstance(value.value, float):
                said[value.metric].add(value.value)
    for metric in ("accuracy", "macro_f1") if run.predictions else ():
        own = getattr(run, metric)
        said[metric] = set() if own is None else {own}
    return said


def _truth_flags(recomputer: Recomputer, options: Options) -> list[Flag]:
    if options.truth is None:
        return []
    return [
        Flag(code="labels", severity="red", text=one_line(said)) for said in against(options.truth, recomputer.rows)
    ]


def _rows(recomputer: Recomputer) -> tuple[RowsFacts, ...]:
    found = {}
    for rows in recomputer.rows.values():
        entry = recomputer.record.row_sets[rows.set]
        found[rows.set] = RowsFacts(
            split=rows.split,
            n=len(rows.labels),
            rows_sha256=entry.rows_sha256,
            names=labels_sha256(rows.names),
            truth=sha256(canonical_json(np.bincount(rows.labels, minlength=rows.k).tolist())),
        )
    return tuple(found[number] for number in sorted(found))


def _runs(recomputer: Recomputer) -> tuple[RunFacts, ...]:
    runs = []
    for run in recomputer.record.runs:
        shared = {key: getattr(run, key) for key in ("run_id", "root", "kind", "family", "model")}
        rows = recomputer.rows.get(run.run_id)
        if rows is None:
            runs.append(RunFacts(**shared) if run.kind == "reported" else _claimed(recomputer.record, shared))
            continue
        found = recomputer.scores(run.run_id)
        runs.append(
            RunFacts(
                **shared,
                split=rows.split,
                n=len(rows.labels),
                predictions=sha256(rows.predictions.astype("<i8").tobytes()),
                accuracy=round(found.accuracy, 6),
                macro_f1=round(found.macro_f1, 6),
                zero_f1=found.zero_f1,
            )
        )
    return tuple(runs)


def _claimed(record: Record, shared: dict[str, object]) -> RunFacts:
    """A run called measured without predictions: its scores as claimed, to be held against published ones."""
    said = {
        value.metric: value.value
        for group in record.groups
        for value in group.values
        if value.run == shared["run_id"] and value.baseline is None and isinstance(value.value, float)
    }
    return RunFacts.model_validate({**shared, "accuracy": said.get("accuracy"), "macro_f1": said.get("macro_f1")})
