"""What the audit page says about rows and labels: splits, what the pipeline did, old and new forms, alike names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reportgen.evidence.model import Column, Figure, Scalar, Table, Value
from reportgen.evidence.numbers import plural

if TYPE_CHECKING:
    from reportgen.data.audit import Audit
    from reportgen.data.audit.model import MergeAudit
    from reportgen.data.dataset import Provenance

LISTED = 250
"""Rows of a list on the page; `audit.json` has them all."""
_NAME = 160
_PAIRS, _YEARS = 10, 12


@dataclass(frozen=True)
class Fact:
    """One statement. `path` is where its figures stand in audit.json."""

    path: str
    label: str
    sentence: str
    values: tuple[Value, ...] = ()
    caveats: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A section of the page."""

    id: str
    title: str
    facts: tuple[Fact, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def name(label: str) -> str:
    """A label as the page shows it: whole unless it is absurdly long."""
    return label if len(label) <= _NAME else label[: _NAME - 1] + "…"


def capped(rows: Sequence[Mapping[str, Scalar]]) -> tuple[tuple[Mapping[str, Scalar], ...], tuple[str, ...]]:
    """The rows a list shows and a note on those left to `audit.json`."""
    left = len(rows) - LISTED
    return tuple(rows[:LISTED]), (f"The other {plural(left, 'row')} are in audit.json.",) if left > 0 else ()


def size(audit: Audit) -> Part:
    """Rows and classes of each split."""
    total = sum(audit.rows.values())
    present = audit.labels.present
    rows: list[dict[str, Scalar]] = [
        {
            "split": split,
            "rows": n,
            "share": n / total,
            "classes": present[split],
            "without": audit.labels.listed - present[split],
            "of": audit.sampled_of.get(split),
        }
        for split, n in audit.rows.items()
    ]
    columns = [
        Column("split", "Split"),
        Column("rows", "Rows", "count"),
        Column("share", "Of all rows", "fraction"),
        Column("classes", "Classes with rows", "count"),
        Column("without", "Without", "count"),
    ]
    if audit.sampled_of:
        columns.append(Column("of", "Sampled from", "count"))
    fact = Fact(
        "rows",
        "Rows",
        f"In {plural(len(rows), 'split')}: {', '.join(f'{split} {n:,}' for split, n in audit.rows.items())}. "
        f"The label list has {plural(audit.labels.listed, 'class', 'classes')}.",
        (Value("rows", total, "count"),),
        ("A sample: shares hold about, counts do not.",) if audit.sampled_of else (),
        ("splits",),
    )
    table = Table("splits", f"Rows and classes of each split (n = {total:,}).", tuple(columns), tuple(rows), "split")
    return Part("size", "Size and splits", (fact,), tables=(table,))


def pipeline(audit: Audit, source: Provenance) -> Part:
    """What merging and leaving out did, and labels that replaced one another in time."""
    merge = audit.merge
    read = merge.raw_rows - merge.empty_rows
    stages: list[dict[str, Scalar]] = [
        {"stage": "as found", "labels": merge.raw_labels, "rows": read, "lost": merge.empty_rows},
        {"stage": "after merging", "labels": merge.merged_labels, "rows": read, "lost": 0},
        {"stage": "kept", "labels": merge.kept_labels, "rows": read - merge.dropped_rows, "lost": merge.dropped_rows},
    ]
    facts = [
        Fact(
            "merge",
            "Raw to kept",
            _pipeline_sentence(audit.merge),
            exhibits=("stages",),
        )
    ]
    tables = [
        Table(
            "stages",
            f"Labels and rows along the pipeline (n = {merge.raw_rows:,} rows in the source).",
            (
                Column("stage", "Stage"),
                Column("labels", "Labels", "count"),
                Column("rows", "Rows", "count"),
                Column("lost", "Rows lost here", "count"),
            ),
            tuple(stages),
            "stage",
        )
    ]
    if merge.merged:
        rows, notes = capped([{"old": name(m.old), "new": name(m.new), "rows": m.rows} for m in merge.merged])
        caption = f"{plural(len(merge.merged), 'label')} renamed by merging. Most rows first."
        columns = (Column("old", "Found as", wide=True), Column("new", "Counted as", wide=True), _rows())
        tables.append(Table("merged", caption, columns, rows, "old", notes, folded_after=0))
    if merge.dropped:
        rows, notes = capped([{"name": name(d.name), "rows": d.rows} for d in merge.dropped])
        caption = f"{plural(len(merge.dropped), 'label')} left out. Most rows first."
        tables.append(Table("dropped", caption, (Column("name", "Label", wide=True), _rows()), rows, "name", notes, 0))
    if not source.label_years:
        facts.append(Fact("old_labels", "Old and new forms", "Not measured: no column is named date, year or month."))
    elif not audit.old_labels:
        facts.append(Fact("old_labels", "Old and new forms", "No label ends about when one with a like name begins."))
    else:
        joined = sum(pair.merged for pair in audit.old_labels)
        facts.append(
            Fact(
                "old_labels",
                "Old and new forms",
                f"{plural(len(audit.old_labels), 'label')} ended about when one with a like name began; "
                f"merging joins {joined} of these pairs.",
                (Value("pairs", len(audit.old_labels), "count"),),
                ("A heuristic on names and years: it proposes pairs, someone has to read them.",),
                ("forms",),
            )
        )
        tables.append(_forms(audit, source))
    return Part("pipeline", "Label pipeline", tuple(facts), tables=tuple(tables))


def alike(audit: Audit) -> Part:
    """Pairs of labels that may be one."""
    if not audit.suspects:
        sentence = "No two labels share a distinctive word, and no two are both merge targets."
        return Part("alike", "Labels that may be one", (Fact("suspects", "Suspect pairs", sentence),))
    strong = sum(len(pair.shared) > 1 for pair in audit.suspects)
    rows, notes = capped(
        [
            {
                "a": name(pair.a),
                "b": name(pair.b),
                "shared": name(", ".join(pair.shared)) or "none",
                "merge": pair.merge_targets,
                "rows_a": pair.rows[0],
                "rows_b": pair.rows[1],
            }
            for pair in audit.suspects
        ]
    )
    left = audit.suspects_found - len(audit.suspects)
    if left > 0:
        notes = (*notes, f"{plural(left, 'further pair')} found; the audit keeps the first {len(audit.suspects)}.")
    fact = Fact(
        "suspects",
        "Suspect pairs",
        f"{plural(audit.suspects_found, 'pair')} of labels share a distinctive word or took in other labels both; "
        f"{strong} of those listed share two words or more. Confusion within a pair may be the label list’s.",
        (Value("pairs", audit.suspects_found, "count"),),
        ("A heuristic on names alone: no text was compared.",),
        ("pairs",),
    )
    table = Table(
        "pairs",
        "Pairs of labels by shared words, then by the rows of the smaller one.",
        (
            Column("a", "Label", wide=True),
            Column("b", "Label", wide=True),
            Column("shared", "Shared words"),
            Column("merge", "Both merge targets"),
            Column("rows_a", "Rows, first", "count", help="train"),
            Column("rows_b", "Rows, second", "count", help="train"),
        ),
        rows,
        "a",
        notes,
        folded_after=_PAIRS,
    )
    return Part("alike", "Labels that may be one", (fact,), tables=(table,))


def _pipeline_sentence(merge: MergeAudit) -> str:
    empty = f" {plural(merge.empty_rows, 'row')} had no text or no label." if merge.empty_rows else ""
    if not merge.merged and not merge.dropped:
        return f"{plural(merge.raw_labels, 'label')} in the source: none merged, none left out.{empty}"
    return (
        f"{plural(merge.raw_labels, 'label')} in the source, {merge.merged_labels:,} after merging, "
        f"{merge.kept_labels:,} kept. Merging renamed {plural(merge.merged_rows, 'row')}; "
        f"{plural(merge.dropped_rows, 'row')} went with {plural(len(merge.dropped), 'label')} left out.{empty}"
    )


def _rows() -> Column:
    return Column("rows", "Rows", "count")


def _forms(audit: Audit, source: Provenance) -> Table:
    pairs = audit.old_labels[: LISTED // 2]
    years = sorted({year for p in pairs for form in (p.old, p.new) for year in source.label_years.get(form, ())})
    shown, earlier = years[-_YEARS:], years[:-_YEARS]
    rows: list[dict[str, Scalar]] = []
    for number, pair in enumerate(pairs, start=1):
        for side, form in (("old", pair.old), ("new", pair.new)):
            found = source.label_years.get(form, {})
            row: dict[str, Scalar] = {
                "form": name(form),
                "pair": f"{number} {side}",
                "merged": pair.merged if side == "old" else "",
            }
            row |= {year: found.get(year, 0) or None for year in shown}
            rows.append(row | {"earlier": sum(found.get(year, 0) for year in earlier)})
    return Table(
        "forms",
        "Rows by year of labels that ended and of those that took over, before merging. “Merged”: the pipeline "
        "counts the two as one.",
        (
            Column("pair", "Pair"),
            Column("form", "Label", wide=True),
            Column("merged", "Merged"),
            *((Column("earlier", f"to {earlier[-1]}", "count"),) if earlier else ()),
            *(Column(year, year, "count") for year in shown),
        ),
        tuple(rows),
        "pair",
        ("The other pairs are in audit.json.",) if len(pairs) < len(audit.old_labels) else (),
        folded_after=8,
    )
