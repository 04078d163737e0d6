"""Encoder beside decoder, class by class: rare and common tiers, and the scatter of F1s."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import tiers

from . import classes, tierfacts
from .context import Context, SectionEvidence
from .datafacts import label_counts
from .model import Figure, Value
from .numbers import listing, plural, show_interval, show_value
from .systems import STAGE, Roles
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs


def tiers_section(context: Context, roles: Roles) -> SectionEvidence:
    """Section w3.s3."""
    found, runs = SectionEvidence(), context.runs
    encoder, decoder, labels = roles.encoder, roles.decoder, label_counts(context)
    why = ""
    if encoder is None or decoder is None:
        why = "It takes an encoder and a decoder."
    elif reason := runs.why_not(decoder, encoder):
        why = f"Not compared: {reason}."
    elif labels is None or labels.names != encoder.labels.names or not labels.total:
        why = "No run stored the training counts of its labels."
    if why or encoder is None or decoder is None or labels is None:
        for item in range(1, 5):
            found.missing(f"w3.s3.e{item}", context.command(STAGE), why)
        return found
    rule, counts = context.course.tier_rule(context.week), labels.counts
    both = [encoder, decoder]
    table = tierfacts.tier_table(runs, both, counts, rule, "w3-tiers")
    ladder = tierfacts.tier_ladder(runs, both, counts, rule, "w3-tier-ladder")
    scatter = class_scatter(runs, encoder, decoder, counts, rule, "w3-scatter")
    each = classes.classes_table(runs, decoder, encoder, counts, "w3-classes")
    found.tables += [table, each]
    found.figures += [ladder, scatter]
    present = tierfacts.present(counts, rule)
    gaps = [tierfacts.tier_difference(runs, decoder, encoder, tier, inside) for tier, inside in present.items()]
    said = [
        f"{tier} {show_value(gap)} {show_interval(gap.interval, gap.unit, signed=True) if gap.interval else ''}".strip()
        for tier, gap in zip(present, gaps, strict=True)
    ]
    found.answer(
        "w3.s3.e1",
        f"{decoder.run_id} − {encoder.run_id}: {listing(said)}. {_excluding(list(present), gaps)}",
        *(tierfacts.tier_mean(runs, run, tier, inside) for tier, inside in present.items() for run in both),
        *gaps,
        exhibits=(ladder.id, table.id),
        caveats=[classes.rule_sentence(rule), DATA_NOISE],
    )
    zero = {run.run_id: {tier: tierfacts.zeros(runs, run, inside) for tier, inside in present.items()} for run in both}
    shared = {"split": runs.split, "n": runs.scores(encoder).n, "field": "predictions.parquet"}
    size = {tier: int(inside.sum()) for tier, inside in present.items()}
    counted = [
        f"{name}: {listing([f'{tier} {count} of {size[tier]}' for tier, (count, _) in by_tier.items()])}"
        for name, by_tier in zero.items()
    ]
    found.answer(
        "w3.s3.e2",
        f"{'; '.join(counted)}.",
        *(
            Value(f"{tier}_zero_f1", count, "count", run=name, **shared)  # type: ignore[arg-type]
            for tier in present
            for name, by_tier in zero.items()
            for count, _ in [by_tier[tier]]
        ),
        exhibits=(table.id,),
        caveats=[tierfacts.without_rows(runs, encoder, present)],
    )
    found.answer("w3.s3.e3", scatter.finding, exhibits=(scatter.id, each.id), caveats=[runs.few_rows()])
    at_zero = [
        f"{name} has F1 = 0 in every {tier} class ({size[tier]})"
        for name, by_tier in zero.items()
        for tier, (count, _) in by_tier.items()
        if count == size[tier]
    ]
    found.answer(
        "w3.s3.e4",
        f"{'; '.join(at_zero)}. A mean of zeros says nothing about how close the misses are."
        if at_zero
        else "No whole tier is at zero under either model.",
        Value("tiers_at_zero", len(at_zero), "count", **shared),  # type: ignore[arg-type]
        exhibits=(table.id,),
    )
    return found


def _excluding(names: list[str], gaps: list[Value]) -> str:
    clear = [
        tier
        for tier, gap in zip(names, gaps, strict=True)
        if gap.interval is not None and not gap.interval.low <= 0 <= gap.interval.high
    ]
    if not clear:
        return "No interval excludes zero: these rows do not place the difference in a tier."
    return f"The interval excludes zero for {listing(clear)}{' only' if len(clear) < len(names) else ''}."


def class_scatter(
    runs: Runs, encoder: Bundle, decoder: Bundle, counts: NDArray[np.int64], rule: str, figure_id: str
) -> Figure:
    """F1 of every class under both models; ties are counted by themselves and win nothing for either."""
    first, second = runs.per_class(encoder), runs.per_class(decoder)
    where = f"on {runs.split}, n = {int(first.support.sum()):,}"
    return scatter((encoder, decoder), (first.f1, second.f1), first.support.tolist(), counts, rule, where, figure_id)


def scatter(
    both: tuple[Bundle, Bundle],
    f1: tuple[NDArray[np.float64], NDArray[np.float64]],
    rows: Sequence[int | None],
    counts: NDArray[np.int64],
    rule: str,
    where: str,
    figure_id: str,
) -> Figure:
    """The scatter of two lists of F1, (K,) each, and the rows of each class, None where nobody states them.

    `where` says on what the classes were scored.
    """
    encoder, decoder = (run.run_id for run in both)
    (first, second), tier = f1, tiers(counts, rule)
    points = [
        {
            "name": both[0].labels.names[i],
            "x": float(first[i]),
            "y": float(second[i]),
            "n": rows[i],
            "train": int(counts[i]),
            "tier": str(tier[i]),
        }
        for i in classes.by_frequency(counts)
    ]
    scored = np.array([n != 0 for n in rows])
    zero = int((scored & (first == 0) & (second == 0)).sum())
    ties = int((scored & (first == second)).sum())
    absent = f"; {plural(int((~scored).sum()), 'class has', 'classes have')} no rows" if not scored.all() else ""
    wins = int((second > first).sum()), int((first > second).sum())
    return Figure(
        id=figure_id,
        kind="f1-scatter",
        caption=f"F1 of each class under {encoder} (across) and {decoder} (up) {where}; {classes.TIER_RULES[rule]}. "
        "On the diagonal the two tie.",
        finding=f"{decoder} has the higher F1 in {wins[0]} of {len(points)} classes, {encoder} in {wins[1]}; "
        f"{ties} tie, {zero} of them at zero{absent}.",
        data={"points": points, "x": encoder, "y": decoder, "few": classes.FEW},
    )
