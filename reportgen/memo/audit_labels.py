"""What the audit page says about rows and labels: splits, pipeline, long tail, validation support, alike names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reportgen.evidence.classes import FEW, TIER_RULES, long_tail
from reportgen.evidence.datafacts import LabelCounts
from reportgen.evidence.model import Column, Figure, Scalar, Table, Value
from reportgen.evidence.numbers import plural, show

if TYPE_CHECKING:
    from reportgen.data.audit import Audit
    from reportgen.data.audit.model import LabelRows, MergeAudit
    from reportgen.data.dataset import Provenance

LISTED = 250
"""Rows of a list on the page; `audit.json` has them all."""
DRAWN = 400
"""Classes in the long-tail chart: more would be thinner than a pixel."""
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
        facts.append(Fact("old_labels", "Old and new forms", "Not measured: the source has no date column."))
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


def tail(audit: Audit, rule: str) -> Part:
    """The distribution of the classes, and what each tier rule makes of it."""
    labels, split = audit.labels, "train" if "train" in audit.rows else "all splits"
    n = audit.rows.get("train", sum(audit.rows.values()))
    counts = [c.train if split == "train" else c.train + c.val + c.test for c in labels.counts]
    shares = [
        Value(f"{side}_{number}", share, "fraction", split=split, n=n)
        for side, found in (("largest", labels.head_shares), ("smallest", labels.tail_shares))
        for number, share in found.items()
    ]
    fewer = [Value(f"below_{number}", found, "count", split=split) for number, found in labels.fewer_than.items()]
    facts = [
        Fact(
            "labels.top_share",
            "Largest class",
            f"“{name(labels.top)}” holds {labels.top_rows:,} of {plural(n, 'row')}: what a model that always says it "
            "gets right.",
            (Value("top_class_share", labels.top_share, "fraction", split=split, n=n),),
        ),
        Fact(
            "labels.imbalance_ratio",
            "Imbalance",
            f"The largest class has {show(labels.imbalance_ratio, 'count')} times the rows of “{name(labels.smallest)}”"
            f", the smallest that has any ({plural(labels.smallest_rows, 'row')})."
            if labels.imbalance_ratio > 1
            else f"Every class that has rows has {labels.smallest_rows:,}.",
            (Value("largest_to_smallest", labels.imbalance_ratio, "count", split=split, n=n),),
            exhibits=("long-tail",),
        ),
        Fact(
            "labels.rare_labels",
            f"Classes below {show(labels.rare_below, 'fraction')} of the rows",
            f"{plural(labels.rare_labels, 'class', 'classes')} of {labels.listed:,} "
            f"{'holds' if labels.rare_labels == 1 else 'hold'} less than {show(labels.rare_below, 'fraction')} of the "
            f"rows each, {show(labels.rare_share, 'fraction')} together."
            if labels.rare_labels
            else f"Each class of the list holds at least {show(labels.rare_below, 'fraction')} of the rows.",
            (Value("classes", labels.rare_labels, "count", split=split, n=n),),
        ),
        Fact(
            "labels.fewer_than",
            "Few rows",
            f"Classes, of {labels.listed:,}, with fewer rows than 5, 20, 50 and 100.",
            tuple(fewer),
        ),
    ]
    if shares:
        sentence = "Shares of the rows held by the largest and the smallest classes of the list."
        facts.insert(1, Fact("labels.head_shares", "Both ends", sentence, tuple(shares)))
    figure = _long_tail(labels.counts, counts, rule, split)
    tables = (_tiers(audit), _classes(audit, counts))
    return Part("tail", "Long tail", tuple(facts), (figure,), tables)


def support(audit: Audit) -> Part:
    """How many rows a class is scored on."""
    found = audit.labels.val_support
    if not found:
        missing = "There is no val split: nothing to choose a model on."
        return Part("support", "Validation support", (Fact("labels.val_support", "Rows a class", missing),))
    few = sum(classes for bin_, classes in found.items() if _high(bin_) <= FEW)
    thin, none, n = few - found.get("0", 0), found.get("0", 0), audit.rows["val"]
    fact = Fact(
        "labels.val_support",
        "Rows a class",
        f"Of {plural(audit.labels.listed, 'class', 'classes')} {none} have no row on val and {thin} have one to {FEW}: "
        "there one row moves F1 by a lot. In macro F1 over the list each class weighs "
        f"{show(1 / audit.labels.listed, 'score')}.",
        (
            Value("without_rows", none, "count", split="val", n=n),
            Value(f"1_to_{FEW}_rows", thin, "count", split="val", n=n),
        ),
        exhibits=("support",),
    )
    figure = Figure(
        "support",
        "support",
        f"Classes by their number of rows on val (n = {n:,}, {audit.labels.listed:,} classes). Light: {FEW} rows or "
        "fewer.",
        f"{few} of {audit.labels.listed:,} classes have {FEW} rows or fewer on val.",
        {
            "bars": [
                {"label": bin_.replace("-", "–"), "classes": classes, "few": _high(bin_) <= FEW}
                for bin_, classes in found.items()
            ]
        },
    )
    return Part("val", "Validation support", (fact,), (figure,))


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


def _high(bin_: str) -> float:
    return float("inf") if bin_.endswith("+") else int(bin_.rpartition("-")[2])


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


def _long_tail(listed: Sequence[LabelRows], counts: Sequence[int], rule: str, split: str) -> Figure:
    names = tuple(name(entry.name) for entry in listed)
    figure = long_tail(LabelCounts(names, np.asarray(counts, np.int64), None), rule, "long-tail")
    classes = figure.data["classes"]
    caption, finding = figure.caption, figure.finding
    if split != "train":
        caption = caption.replace("Training rows", "Rows, over all splits,", 1)
        finding = finding.replace("training rows", "rows of all splits", 1)
    if len(classes) > DRAWN:
        caption += f" The {DRAWN} most frequent are drawn."
    return replace(figure, caption=caption, finding=finding, data={**figure.data, "classes": classes[:DRAWN]})


def _tiers(audit: Audit) -> Table:
    splits = list(audit.rows)
    rows = tuple(
        {"tier": f"{rule}: {tier}", "classes": sized.labels}
        | {f"rows.{split}": sized.rows[split] for split in splits}
        | {f"share.{split}": sized.shares[split] for split in splits}
        for rule, found in audit.labels.tiers.items()
        for tier, sized in found.items()
        if (rule == "quartile") == (tier in ("rare", "common"))
    )
    return Table(
        "tiers",
        "The same classes under the three tier rules. A result “on the tail” means nothing without the rule.",
        (
            Column("tier", "Rule and tier"),
            Column("classes", "Classes", "count"),
            *(Column(f"rows.{split}", "Rows", "count", help=split) for split in splits),
            *(Column(f"share.{split}", "Share", "fraction", help=split) for split in splits),
        ),
        rows,
        "tier",
        tuple(f"{TIER_RULES[rule][0].upper()}{TIER_RULES[rule][1:]}." for rule in audit.labels.tiers),
    )


def _classes(audit: Audit, counts: Sequence[int]) -> Table:
    order = np.argsort(-np.asarray(counts), kind="stable")
    listed = [audit.labels.counts[i] for i in order]
    rows, notes = capped(
        [
            {"rank": rank, "class": name(entry.name), "train": entry.train, "val": entry.val, "test": entry.test}
            for rank, entry in enumerate(listed, start=1)
        ]
    )
    return Table(
        "classes",
        f"All {audit.labels.listed:,} classes with their rows. Most frequent first, n = {sum(audit.rows.values()):,}.",
        (
            Column("rank", "Rank", "count"),
            Column("class", "Class", wide=True),
            *(Column(split, split, "count") for split in ("train", "val", "test") if split in audit.rows),
        ),
        rows,
        "class",
        notes,
        folded_after=0,
    )
