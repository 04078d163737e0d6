"""What the page shows against what its record says, and the record's figures against its own rows."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING

from reportgen.evidence.model import Interval, Value
from reportgen.evidence.numbers import show, show_interval, show_value

from ..environment import machine
from ..record.page import MemoPage, text_of, text_sha256
from ..text import visible
from ..values import Grid, value_grid, value_lines, value_origin
from .recompute import Again, Recomputer
from .tables import check_classes

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

    from ..record import Group, Record, RecordValue
    from .report import Report

_PAIRED_VERDICTS = frozenset({"real", "directional", "null"})


def check_text(page: MemoPage, record: Record, report: Report) -> None:
    """Sections in their order, and every digest of visible text."""
    shown = list(page.sections)
    wanted = [section.id for section in record.sections]
    if len(page.tree.css("[data-section]")) != len(shown) or shown != wanted:
        report.add(
            "sections", "red", "the page", "its sections are not those it was built with", shown, ", ".join(wanted)
        )
    edited = False
    for section in record.sections:
        node = page.sections.get(section.id)
        if node is not None and text_sha256(node) != section.sha256:
            edited = True
            report.add("text.edited", "red", section.id, "its text was changed after the memo was built")
    if not edited and (page.tree.body is None or text_sha256(page.tree.body) != record.page):
        report.add("text.edited", "red", "the page outside its sections", "text was changed after the memo was built")


def check_figures(page: MemoPage, recomputer: Recomputer, report: Report) -> None:
    """Every figure: recomputed where the rows can tell, and shown on the page as it stands in the record."""
    record = recomputer.record
    baselines = _baselines(record)
    sure: dict[str, bool] = {}
    for group in record.groups:
        node = _element(page, group, report)
        sound = _recompute(group, recomputer, baselines, report)
        if node is not None:
            _compare_shown(group, node, report)
            if group.kind == "table":
                sound = check_classes(group, node, recomputer, report) or sound
        sure[group.id] = sound
    for group in record.groups:
        if group.kind != "item" or group.missing:
            continue
        sound = sure[group.id] or (not group.values and any(sure.get(name, False) for name in group.exhibits))
        declared = group.verification == "declared"
        kind = (
            report.declared
            if declared
            else report.recomputed
            if sound and group.verification == "recomputed"
            else report.bound
        )
        kind.append(group.id)


def as_value(value: RecordValue) -> Value:
    """The record's figure as evidence has it, to be shown by the same rules."""
    interval = value.interval
    bounds = None
    if interval:
        low, high = (float("nan") if end is None else end for end in (interval.low, interval.high))
        bounds = Interval(low, high, interval.method, interval.level)
    parts = value.model_dump(exclude={"interval"})
    return Value(**parts, interval=bounds)


def name_of(value: RecordValue) -> str:
    """A figure by metric, run and split."""
    run = f"{value.run} − {value.baseline}" if value.baseline else value.run
    return " ".join(part for part in (value.metric, f"of {run}" if run else None) if part)


def _baselines(record: Record) -> dict[str, list[str]]:
    """Runs each run is compared with anywhere in the record."""
    found: dict[str, list[str]] = defaultdict(list)
    for group in record.groups:
        for value in group.values:
            if value.run and value.baseline and value.baseline not in found[value.run]:
                found[value.run].append(value.baseline)
    return found


def _recompute(group: Group, recomputer: Recomputer, baselines: dict[str, list[str]], report: Report) -> bool:
    """Compare a group's figures with the rows; whether all of them could be and agree."""
    verdicts, sure = [], bool(group.values)
    own = {value.baseline for value in group.values if value.baseline}
    for value in group.values:
        others = [name for name in baselines.get(value.run or "", []) if not own or name in own]
        answers = recomputer.again(value, others)
        verdicts += [answer.verdict for answer in answers if answer.verdict]
        if not answers:
            sure = False
            continue
        if not any(_agrees(value, answer) for answer in answers):
            sure = False
            said, again = as_value(value), answers[0]
            report.add(
                "figure.contradicted",
                "red",
                group.id,
                f"{name_of(value)} does not follow from the memo's predictions",
                _line(said),
                _again(said, again),
            )
    if group.verdict in _PAIRED_VERDICTS and verdicts and group.verdict not in verdicts:
        sure = False
        report.add(
            "verdict.contradicted",
            "red",
            group.id,
            "the verdict does not follow from the interval and the changed predictions",
            group.verdict,
            ", ".join(dict.fromkeys(verdicts)),
        )
    return sure


def _agrees(value: RecordValue, again: Again) -> bool:
    if isinstance(value.value, str | bool) or value.value is None:
        return False
    pairs = [(value.value, again.value)]
    if again.low is not None and again.high is not None and value.interval:
        bounds = value.interval
        if bounds.low is None or bounds.high is None:
            return False
        pairs += [(bounds.low, again.low), (bounds.high, again.high)]
    return all(abs(said - found) <= again.tolerance for said, found in pairs)


def _line(value: Value) -> str:
    signed = value.baseline is not None
    span = show_interval(value.interval, value.unit, signed=signed) if value.interval else ""
    return f"{show_value(value)} {span}".strip()


def _again(said: Value, again: Again) -> str:
    signed = said.baseline is not None
    text = show(again.value, said.unit, signed=signed)
    if again.low is None or again.high is None:
        return text
    return f"{text} {show_interval(Interval(again.low, again.high, ''), said.unit, signed=signed)}"


def _element(page: MemoPage, group: Group, report: Report) -> LexborNode | None:
    glance = group.kind == "glance"
    nodes = page.tree.css("section.glance") if glance else page.elements.get((group.kind, group.id), [])
    if len(nodes) == 1:
        return nodes[0]
    report.add("element", "red", group.id, "stands on the page once when built", f"{len(nodes)} times", "once")
    return None


def _compare_shown(group: Group, node: LexborNode, report: Report) -> None:
    values = [as_value(value) for value in group.values]
    grid = value_grid(values) if group.kind == "item" and node.css_first("table.values") else None
    values = grid.values if grid else values
    # What the author cites in a cell is read with the prose.
    shown = node.css(":not(.cite) > data")
    if len(shown) != len(values):
        report.add(
            "figure.missing", "red", group.id, "the page shows another number of figures", len(shown), len(values)
        )
        return
    for value, data in zip(values, shown, strict=True):
        said = {name.removeprefix("data-"): text for name, text in data.attributes.items()}
        wanted = {"metric": value.metric, "run": value.run, "baseline": value.baseline, "split": value.split}
        meant = {"value": machine(value.value), **{key: text for key, text in wanted.items() if text}}
        where = f"{group.id}, {value.metric}" + (f" of {value.run}" if value.run else "")
        if text_of(data) != _flat(show_value(value)):
            report.add("figure.shown", "red", where, "the page shows another figure", text_of(data), show_value(value))
        elif {key: visible(text or "") for key, text in said.items()} != {k: visible(t) for k, t in meant.items()}:
            report.add("figure.attributes", "red", where, "the figure is marked as another one", said, meant)
    _compare_lines(group, node, grid or values, shown, report)


def _compare_lines(
    group: Group, node: LexborNode, values: Grid | list[Value], shown: list[LexborNode], report: Report
) -> None:
    """What stands around a figure: its interval, run, split and n."""
    if isinstance(values, Grid) or group.kind == "item":
        wanted = _rows(values) if isinstance(values, Grid) else _lines(values)
        found = [text_of(entry) for entry in node.css(".values > li, .values tr")]
        # Memos of earlier versions leave the name of an only figure out.
        if len(wanted) == 1 and not isinstance(values, Grid) and found == [_flat(_lines(values, named=False)[0])]:
            wanted = found
        status = "missing" if group.missing else "answered"
        if node.attributes.get("data-status") != status:
            report.add(
                "item.status", "red", group.id, "its status was changed", node.attributes.get("data-status"), status
            )
        verdicts = [text_of(one) for one in node.css(".verdict")]
        if verdicts != ([_flat(group.verdict)] if group.verdict and not group.missing else []):
            report.add("item.verdict", "red", group.id, "the page shows another verdict", verdicts, group.verdict)
        for want, have in zip_longest(map(_flat, wanted), found, fillvalue=""):
            if have != want:
                report.add("figure.line", "red", group.id, "the page says something else beside a figure", have, want)
        return
    for value, data in zip(values, shown, strict=True):
        parts = [_line(value)]
        if group.kind == "glance":
            span = _line(value).removeprefix(show_value(value)).strip()
            parts = [span, value_origin(value)]
        have = _around(data)
        if not all(_flat(part) in have for part in parts):
            report.add("figure.line", "red", group.id, "the page says something else beside a figure", have, parts)


def _lines(values: list[Value], *, named: bool = True) -> list[str]:
    return [
        " ".join(part for part in (line.what if named else "", _line(line.value), line.origin) if part)
        for line in value_lines(values)
    ]


def _rows(grid: Grid) -> list[str]:
    """The lines of a grid, its head first."""
    head = [grid.origin, *(part for column in grid.columns for part in column)]
    rows = [
        [
            f"{row.run} − {row.baseline} difference" if row.baseline else row.run,
            *(f"{_line(cell.value)} {cell.origin}" for cell in row.cells if cell),
        ]
        for row in grid.rows
    ]
    return [" ".join(parts) for parts in (head, *rows)]


def _around(data: LexborNode) -> str:
    """Text of the cell or list entry a figure stands in."""
    cell = data.parent
    while cell is not None and cell.tag not in ("td", "th", "li"):
        cell = cell.parent
    return text_of(cell) if cell is not None else ""


def _flat(text: str) -> str:
    return " ".join(visible(text).split())
