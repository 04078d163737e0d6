"""Class tables: hits, F1, rescues and their tests, cell by cell, from the record's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.evidence.classes import FEW, verdict_said
from reportgen.evidence.model import Interval
from reportgen.evidence.numbers import show, show_interval

from ..record.page import text_of
from ..text import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from selectolax.lexbor import LexborNode

    from ..record import Group
    from .recompute import Recomputer
    from .report import Report

_HITS, _F1 = "Hits, ", "F1, "


def check_classes(group: Group, node: LexborNode, recomputer: Recomputer, report: Report) -> bool:
    """Recompute a table of classes.

    Returns:
        Whether it is such a table and every cell of it that can be recomputed agrees.
    """
    labels = {column.key: column.label for column in group.columns}
    runs = {label.removeprefix(_HITS) for label in labels.values() if label.startswith(_HITS)}
    if group.row_header != "class" or not runs or not runs <= recomputer.rows.keys():
        return False
    ids = _ids(next(iter(runs)), recomputer)
    expected = {key: cell for key, label in labels.items() if (cell := _expected(key, label, labels, recomputer))}
    position = {column.key: at for at, column in enumerate(group.columns)}
    sound = True
    for row in node.css("tbody tr"):
        cells = row.css("th, td")
        label = ids.get(text_of(cells[position["class"]])) if len(cells) == len(group.columns) else None
        if label is None:
            continue
        for key, cell in expected.items():
            want, have = cell(label), text_of(cells[position[key]])
            # Memos of earlier versions call a rescue that is not confirmed by the bare word.
            if want is not None and have not in (want, want.removesuffix(", not confirmed")):
                sound = False
                where = f"{group.id}, {text_of(cells[position['class']])}, {labels[key]}"
                report.add("cell.contradicted", "red", where, "does not follow from the memo's predictions", have, want)
    return sound and _classes_complete(group, node, ids, labels, recomputer, report)


def _ids(run: str, recomputer: Recomputer) -> dict[str, int]:
    """Label ids by name as shown; names shown alike are left out."""
    names = [" ".join(visible(name).split()) for name in recomputer.rows[run].names]
    return {name: label for label, name in enumerate(names) if names.count(name) == 1}


def _expected(
    key: str, label: str, labels: dict[str, str], recomputer: Recomputer
) -> Callable[[int], str | None] | None:
    """How a column's cells follow from the rows, or None where they do not."""
    if label.startswith(_HITS):
        found = recomputer.per_class(label.removeprefix(_HITS))
        return lambda i: f"{int(found.hits[i])}/{int(found.support[i])}"
    if label.startswith(_F1) and label.removeprefix(_F1) in recomputer.rows:
        found = recomputer.per_class(label.removeprefix(_F1))
        return lambda i: show(float(found.f1[i]), "score") if found.support[i] > FEW else show(None)
    pair = _pair(labels)
    rescue = recomputer.rescue(*pair) if pair and key in ("p", "verdict", "delta") else None
    if rescue is None:
        return None
    rows, lost = rescue.per_class, set(rescue.lost)
    match key:
        case "p":
            return lambda i: show(None if rows.support[i] <= FEW else float(rows.p[i]), "p")
        case "verdict":
            return lambda i: (
                ("lost, " if rows.support[i] <= FEW and i in lost else "") + verdict_said(str(rows.verdict[i]))
            )
        case _ if not recomputer.intervals:
            return None
        case _:
            return lambda i: show(None) if rows.support[i] <= FEW else _delta(rows.delta[i], rows.low[i], rows.high[i])


def _delta(delta: float, low: float, high: float) -> str:
    span = show_interval(Interval(float(low), float(high), ""), "score", signed=True)
    return f"{show(float(delta), 'score', signed=True)} {span}"


def _pair(labels: dict[str, str]) -> tuple[str, str] | None:
    """Candidate and baseline of a rescue table."""
    if not {"before", "after", "verdict"} <= labels.keys():
        return None
    return labels["after"].removeprefix(_HITS), labels["before"].removeprefix(_HITS)


def _classes_complete(
    group: Group, node: LexborNode, ids: dict[str, int], labels: dict[str, str], recomputer: Recomputer, report: Report
) -> bool:
    """Whether a rescue table names every class that left zero or fell to it, and no other."""
    pair = _pair(labels)
    rescue = recomputer.rescue(*pair) if pair else None
    if rescue is None:
        return True
    at = [column.key for column in group.columns].index("class")
    shown = {text_of(cells[at]) for row in node.css("tbody tr") if len(cells := row.css("th, td")) > at}
    moved = {name for name, label in ids.items() if label in {*rescue.rescued, *rescue.lost}}
    if wrong := sorted(moved ^ (shown & ids.keys())):
        report.add("rescue.classes", "red", group.id, "names other classes than the memo's predictions give", wrong)
    return not wrong
