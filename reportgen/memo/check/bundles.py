"""A memo against the bundles it names: the same evidence is built again, and every word of it compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen import __version__
from reportgen.errors import UsageError

from ..build import load_texts
from ..record.make import make
from ..record.page import MemoPage, parse, text_of, without_unseen
from ..record.schema import RecordValue

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

    from reportgen.bundle import Bundle
    from reportgen.data import Course
    from reportgen.evidence import WeekEvidence
    from reportgen.evidence.texts import Texts

    from ..record import Record
    from .recompute import Recomputer
    from .report import Report


_LOOKED = re.compile(r" \(looked in [^)]{0,200}\)")
"""Where the author's earlier memos were looked for: not the folders of whoever checks."""
_EXHIBIT = re.compile(r"\b(Table|Figure) \d+")
Source = tuple["str | Path", "str | None", "str | None"]
"""Where texts come from: the source, its text column, its label column."""


def check_bundles(
    page: MemoPage,
    recomputer: Recomputer,
    paths: Sequence[str | Path],
    course: str | Path | Course | None,
    report: Report,
    data: Source | None = None,
) -> None:
    """Verify the roots; where every run is at hand, build the evidence again and compare it with the page."""
    from reportgen.bundle import find_bundles
    from reportgen.evidence import build

    record = recomputer.record
    given = {bundle.run_id: bundle for bundle in find_bundles(paths)}
    matched: list[Bundle] = []
    older = False
    for run in record.runs:
        bundle = given.get(run.run_id)
        if bundle is None:
            report.add("bundle.absent", "amber", run.run_id, "no bundle of this run was given")
        elif bundle.root != run.root:
            report.add(
                "bundle.root", "red", run.run_id, "the memo was built from another bundle", run.root, bundle.root
            )
        else:
            matched.append(bundle)
            older |= _compare_rows(bundle, recomputer, report)
    if len(matched) == len(record.runs):
        chosen = _course(matched, course)
        texts = _texts(record, chosen, data, report)
        if texts is not None and data is None:
            _without_excerpts(page.tree)
        evidence = build(record.week, matched, chosen, declared=record.choices, texts=texts)
        if older:
            report.add(
                "bundle.order", "amber", "the memo", "has its rows in the order of an earlier version: draws differ"
            )
        _compare_evidence(page, recomputer, evidence, report, excerpts=data is not None, older=older)


def _compare_rows(bundle: Bundle, recomputer: Recomputer, report: Report) -> bool:
    """Whether the memo's rows are the bundle's, but in the order of their ids as text, as memos once were."""
    rows = recomputer.rows.get(bundle.run_id)
    if rows is None:
        return False
    if rows.split not in bundle.splits:
        report.add("bundle.split", "red", bundle.run_id, f"its bundle has no predictions on {rows.split}")
        return False
    same = [
        np.array_equal(found.labels, rows.labels) and np.array_equal(found.predictions, rows.predictions)
        for found in (bundle.predictions(rows.split), bundle.stored(rows.split))
    ]
    if not any(same) or bundle.labels.names != rows.names:
        report.add("bundle.rows", "red", bundle.run_id, "the memo carries other predictions than the bundle")
    return not same[0] and same[1]


def _course(bundles: list[Bundle], course: str | Path | Course | None) -> Course:
    from reportgen.data import load_course

    if course is None:
        named = sorted({bundle.manifest.course for bundle in bundles})
        if len(named) != 1:
            raise UsageError(
                f"the bundles belong to several courses: {', '.join(named)}", remedy="choose one with --course"
            )
        course = named[0]
    return load_course(course) if isinstance(course, str | Path) else course


def _texts(record: Record, course: Course, data: Source | None, report: Report) -> Texts | None:
    """What the memo's columns of texts are built from again; without the data they are there but not compared."""
    from reportgen.evidence.texts import COLUMN, Texts

    if not any(column.key == COLUMN.key for group in record.groups for column in group.columns):
        return None
    if data is None:
        report.add("bundle.texts", "amber", "the texts shown", "bundles keep no texts: pass --data to compare them")
        return Texts()
    return load_texts(data[0], course, *data[1:])


def _without_excerpts(tree: LexborHTMLParser) -> None:
    for node in tree.css(".excerpt"):
        node.decompose()


def _compare_evidence(
    page: MemoPage, recomputer: Recomputer, evidence: WeekEvidence, report: Report, *, excerpts: bool, older: bool
) -> None:
    from ..render import render

    record = recomputer.record
    html = render(evidence)
    built = without_unseen(parse(html))
    if not excerpts:
        _without_excerpts(built)
    wanted = {group["id"]: group for group in make(html, evidence)["groups"]}
    # Wording may change between versions; figures may not.
    severity: Any = "red" if record.tool == __version__ and not older else "amber"
    # Folds and resamples are drawn by position: rows in another order give other figures, not wrong ones.
    moved: Any = "amber" if older else "red"
    differing: set[str] = set()
    # What the author wrote or earlier memos said is in no bundle: such items are declared, their exhibits with them.
    elsewhere = {
        name for item in record.groups if item.verification == "declared" for name in (item.id, *item.exhibits)
    }
    if {group.id for group in record.groups} - elsewhere != set(wanted) - elsewhere:
        report.add("bundle.items", severity, "the memo", "answers other items than its bundles do")
    for group in record.groups:
        if group.id in elsewhere:
            continue
        meant = [RecordValue.model_validate(value) for value in wanted.get(group.id, {}).get("values", [])]
        for said, value in zip(group.values, meant, strict=False):
            if not _same(said, value):
                differing.add(group.id)
                name = f"{group.id}, {said.metric}"
                report.add("bundle.figure", moved, name, "the bundles give another figure", _short(said), _short(value))
        if group.id in wanted and len(meant) != len(group.values):
            differing.add(group.id)
            report.add(
                "bundle.figure", moved, group.id, "the bundles give other figures", len(group.values), len(meant)
            )
    shown, again = _elements(page.tree), _elements(built)
    # An exhibit out of an earlier memo is in no bundle: without it the later ones count one less.
    plain = text_of if shown.keys() == again.keys() else _unnumbered

    def text(node: LexborNode) -> str:
        return _LOOKED.sub("", plain(node))

    for name, node in again.items():
        if name in elsewhere:
            continue
        here = shown.get(name)
        if here is None or text(here) != text(node):
            differing.add(name)
            ours, theirs = _first_difference(text(here) if here is not None else "", text(node))
            report.add("bundle.text", severity, name, "the bundles give another text", ours, theirs)
    items = (group for group in record.groups if group.kind == "item" and not group.missing)
    report.rebuilt += [
        item.id for item in items if item.verification != "declared" and not {item.id, *item.exhibits} & differing
    ]


def _unnumbered(node: LexborNode) -> str:
    return _EXHIBIT.sub(r"\1", text_of(node))


def _elements(tree: Any) -> dict[str, LexborNode]:
    """What evidence alone writes: items, tables, figures; without the lines and cells the author fills."""
    for node in tree.css("[data-evidence] .fields, .authored"):
        node.decompose()
    found = {str(node.attributes.get("data-evidence")): node for node in tree.css("[data-evidence]")}
    return found | {str(node.attributes.get("id")): node for node in tree.css(".exhibit[id]")}


def _same(said: RecordValue, value: RecordValue) -> bool:
    numbers = [(said.value, value.value)]
    if said.interval and value.interval:
        numbers += [(said.interval.low, value.interval.low), (said.interval.high, value.interval.high)]
    named = ("metric", "unit", "run", "baseline", "split", "n")
    return (
        all(getattr(said, key) == getattr(value, key) for key in named)
        and bool(said.interval) == bool(value.interval)
        and all(_close(a, b) for a, b in numbers)
    )


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) <= 1e-6 * max(1.0, abs(a), abs(b))
    return bool(a == b)


def _short(value: RecordValue) -> str:
    bounds = f" [{value.interval.low}, {value.interval.high}]" if value.interval else ""
    return f"{value.value}{bounds} ({value.run}, {value.split}, n = {value.n})"


def _first_difference(said: str, value: str) -> tuple[str, str]:
    """The two texts from shortly before the word in which they part."""
    one, two = said.split(), value.split()
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    begin = max(0, at - 4)
    return " ".join(one[begin : at + 8]), " ".join(two[begin : at + 8])
