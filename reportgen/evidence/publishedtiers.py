"""Classes from stated F1s: rare and common tiers, the scatter, and what became of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from . import classes, published
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural, show_value
from .published import derived, fill
from .rarecommon import scatter
from .tierfacts import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .context import Context, SectionEvidence

    Sections = Mapping[str, SectionEvidence]
    Floats = NDArray[np.float64]


def tiers(context: Context, sections: Sections, encoder: Bundle, decoder: Bundle) -> None:
    """Answer section w3.s3 where both files list the F1 of every class and one counts the training rows."""
    first, second, both = published.class_f1(encoder), published.class_f1(decoder), (encoder, decoder)
    alike = encoder.labels.names == decoder.labels.names
    counts = np.array(next((run.labels.train_counts for run in both if run.labels.train_counts), ()), dtype=np.int64)
    open_ = any(published.is_open(sections, f"w3.s3.e{number}") for number in range(1, 5))
    if first is None or second is None or not alike or not counts.any() or not open_:
        return
    found, rule = sections["w3.s3"], context.course.tier_rule(context.week)
    by_tier, f1 = present(counts, rule), {encoder.run_id: first, decoder.run_id: second}
    table = _tier_table(both, f1, by_tier, rule)
    where, every = "as stated, rows of the classes not stated", np.ones(len(first), dtype=np.bool_)
    plot = scatter(both, (first, second), [None] * len(first), counts, rule, where, "w3-scatter-stated")
    each = classes_table(encoder, decoder, (first, second), every, "w3-classes-stated", counts)
    found.tables += [table, each]
    found.figures.append(plot)
    means = {
        (tier, run.run_id): derived(run, f"{tier}_mean_f1", float(f1[run.run_id][inside].mean()), "score")
        for tier, inside in by_tier.items()
        for run in both
    }
    gaps = [
        Value(
            f"{tier}_mean_f1",
            float((second[inside] - first[inside]).mean()),
            "score",
            run=decoder.run_id,
            baseline=encoder.run_id,
            field=published.FIELD,
        )
        for tier, inside in by_tier.items()
    ]
    said = [f"{tier} {show_value(gap)}" for tier, gap in zip(by_tier, gaps, strict=True)]
    fill(
        sections,
        "w3.s3.e1",
        f"{decoder.run_id} − {encoder.run_id}, from the F1 of each class as stated: {listing(said)}.",
        *means.values(),
        *gaps,
        runs=both,
        exhibits=(table.id,),
        caveats=[classes.rule_sentence(rule)],
    )
    zero = {(t, run.run_id): int((f1[run.run_id][inside] == 0).sum()) for t, inside in by_tier.items() for run in both}
    size = {tier: int(inside.sum()) for tier, inside in by_tier.items()}
    counted = [
        f"{run.run_id}: {listing([f'{tier} {zero[tier, run.run_id]} of {size[tier]}' for tier in by_tier])}"
        for run in both
    ]
    values = [derived(run, f"{tier}_zero_f1", zero[tier, run.run_id], "count") for tier in by_tier for run in both]
    fill(sections, "w3.s3.e2", f"{'; '.join(counted)}.", *values, runs=both, exhibits=(table.id,))
    gained, lost = int(((first == 0) & (second > 0)).sum()), int(((first > 0) & (second == 0)).sum())
    fill(
        sections,
        "w3.s3.e3",
        f"{plot.finding} {gained} at zero under {encoder.run_id} are above it under {decoder.run_id}, {lost} went the "
        "other way.",
        runs=both,
        exhibits=(plot.id, each.id),
        caveats=["No rows of the classes are stated, so classes too few to call cannot be told from others."],
    )
    at_zero = [
        f"{run.run_id} has F1 = 0 in every {tier} class ({size[tier]})"
        for run in both
        for tier in by_tier
        if zero[tier, run.run_id] == size[tier]
    ]
    fill(
        sections,
        "w3.s3.e4",
        f"{'; '.join(at_zero)}. A mean of zeros says nothing about how close the misses are."
        if at_zero
        else "No whole tier is at zero under either model.",
        derived(decoder, "tiers_at_zero", len(at_zero), "count"),
        runs=both,
        exhibits=(table.id,),
    )


def _tier_table(
    both: tuple[Bundle, Bundle], f1: Mapping[str, Floats], by_tier: Mapping[str, NDArray[np.bool_]], rule: str
) -> Table:
    rows: list[dict[str, Scalar | Value]] = [
        {
            "tier": tier,
            "run": run.run_id,
            "classes": int(inside.sum()),
            "f1": derived(run, f"{tier}_mean_f1", float(f1[run.run_id][inside].mean()), "score"),
            "zero": int((f1[run.run_id][inside] == 0).sum()),
        }
        for tier, inside in by_tier.items()
        for run in both
    ]
    return Table(
        id="w3-tiers-stated",
        caption=f"Mean F1 over the classes of each tier, from the F1 of each class as stated "
        f"({classes.TIER_RULES[rule]}). {published.NO_INTERVAL}",
        columns=(
            Column("tier", "Tier"),
            Column("run", "Run"),
            Column("classes", "Classes", "count"),
            Column("f1", "Mean F1", "score"),
            Column("zero", "Zero-F1", "count"),
        ),
        rows=tuple(rows),
        row_header="tier",
        reported=True,
    )


def classes_table(
    before: Bundle,
    after: Bundle,
    f1: tuple[Floats, Floats],
    shown: NDArray[np.bool_],
    table_id: str,
    counts: NDArray[np.int64] | None = None,
) -> Table:
    """Classes under two runs, most training rows first, and what became of each."""
    known = counts if counts is not None else np.array(after.labels.train_counts or before.labels.train_counts)
    order = classes.by_frequency(known) if len(known) else np.arange(len(f1[0]))
    rows = [
        {
            "class": before.labels.names[i],
            "train": int(known[i]) if len(known) else None,
            "before": float(f1[0][i]),
            "after": float(f1[1][i]),
            "what": _became(f1[0][i], f1[1][i]),
        }
        for i in order
        if shown[i]
    ]
    return Table(
        id=table_id,
        caption=f"{'All' if shown.all() else 'The'} {plural(len(rows), 'class', 'classes')} "
        f"{'' if shown.all() else 'that leave zero or fall to it '}from {before.run_id} to {after.run_id}, as stated; "
        f"most training rows first. {published.NO_INTERVAL}",
        columns=(
            Column("class", "Class", wide=True),
            Column("train", "Train rows", "count"),
            Column("before", before.run_id, "score", help="F1"),
            Column("after", after.run_id, "score", help="F1"),
            Column("what", "What changed"),
        ),
        rows=tuple(rows),
        row_header="class",
        folded_after=0 if shown.all() else 12,
        reported=True,
    )


def _became(before: float, after: float) -> str:
    if before == after:
        return "tie, at zero" if before == 0 else "tie"
    if before == 0:
        return "gained: above zero"
    return "lost: at zero" if after == 0 else "higher" if after > before else "lower"
