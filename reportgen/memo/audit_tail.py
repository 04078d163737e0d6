"""What the audit page says about the distribution of the classes: long tail, tier rules, validation support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reportgen.evidence.classes import FEW, TIER_RULES, long_tail
from reportgen.evidence.datafacts import LabelCounts
from reportgen.evidence.model import Column, Figure, Scalar, Table, Value
from reportgen.evidence.numbers import plural, show

from .audit_labels import Fact, Part, capped, name

if TYPE_CHECKING:
    from reportgen.data.audit import Audit
    from reportgen.data.audit.model import LabelRows

DRAWN = 400
"""Classes in the long-tail chart: more would be thinner than a pixel."""


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


def _high(bin_: str) -> float:
    return float("inf") if bin_.endswith("+") else int(bin_.rpartition("-")[2])


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
    rows: tuple[dict[str, Scalar], ...] = tuple(
        {
            "tier": f"{rule}: {tier}",
            "classes": sized.labels,
            **{f"rows.{split}": sized.rows[split] for split in splits},
            **{f"share.{split}": sized.shares[split] for split in splits},
        }
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
