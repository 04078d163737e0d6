"""Where compression does its damage: accuracy by tier, and the predictions that flipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import MIN_CHANGED, paired_values

from .context import Context, SectionEvidence
from .followed import named_classes
from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .pair import Pair
from .runs import PAIRED
from .tail import tier_map
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import Difference

    from .configurations import Group
    from .runs import Runs

STAGE = "week5"
FEW_FLIPS = MIN_CHANGED


@dataclass(frozen=True, eq=False)
class Change:
    """One compressed run against its reference on the rows of one tier. Only rows of the tier's classes count."""

    group: str
    run: Bundle
    reference: Bundle
    tier: str
    difference: Difference
    gained: int
    """Wrong under the reference, right now."""
    lost: int
    """Right under the reference, wrong now."""
    other: int
    """Wrong under both, with another class."""

    @property
    def title(self) -> str:
        """The comparison in a few words."""
        return f"{self.run.run_id}, {self.tier}"


def changes(runs: Runs, groups: Sequence[Group], tier: NDArray[np.str_], names: Sequence[str]) -> tuple[Change, ...]:
    """Every compressed run on every tier.

    Args:
        runs: the memo's runs.
        groups: models in several precisions.
        tier: (K,) tier of each label.
        names: the tiers in the order shown.
    """
    split, found = runs.split or "val", []
    for group in groups:
        for member in group.compressed:
            reference = group.reference
            assert reference is not None  # noqa: S101 - for the type checker: nothing is compressed without one
            old, new = reference.predictions(split), member.run.predictions(split)
            was, now = old.predictions == old.labels, new.predictions == new.labels
            counts = runs.counts(member.run)
            for name in names:
                inside = (tier == name)[old.labels]
                if not inside.any():
                    continue
                gained, lost = (int((flags & inside).sum()) for flags in (~was & now, was & ~now))
                moved = int((~was & ~now & inside & (old.predictions != new.predictions)).sum())
                difference = paired_values(
                    counts, was, now, mask=inside, changed=gained + lost, metric=f"{name}_accuracy"
                )
                found.append(Change(group.name, member.run, reference, name, difference, gained, lost, moved))
    return tuple(found)


def damage_section(context: Context, groups: Sequence[Group]) -> SectionEvidence:
    """Section w5.s2."""
    found = SectionEvidence()
    lead = groups[0].members[0].run
    mapped = tier_map(context, Pair(lead, lead))
    compressed = [member for group in groups for member in group.compressed]
    if mapped is None or not compressed:
        why = (
            "No run stored the training rows of each class, so there are no tiers."
            if mapped is None
            else "No model stands beside itself in another precision."
        )
        for number in (1, 2, 4):
            found.missing(f"w5.s2.e{number}", context.command(STAGE), why)
    else:
        _by_tier(context, groups, found, *mapped)
    named_classes(context, groups, found, mapped)
    return found


def _by_tier(
    context: Context,
    groups: Sequence[Group],
    found: SectionEvidence,
    rule: str,
    rarest: str,
    tier: NDArray[np.str_],
) -> None:
    runs = context.runs
    order = [name for name in ("head", "mid", "tail", "rare", "common") if (tier == name).any()]
    every = changes(runs, groups, tier, order)
    table, figure = _table(runs, every, tier, rule), _forest(runs, every, rule)
    found.figures.append(figure)
    found.tables.append(table)
    open_ = [one for one in every if one.difference.verdict != "null"]
    worst = min(open_ or every, key=lambda one: one.difference.delta)
    asked = context.course.tier_rule(context.week)
    found.answer(
        "w5.s2.e1",
        f"{plural(len(every), 'comparison')}: the interval excludes zero in {len(open_)}. "
        + (f"{_listed(open_)}. " if open_ else "")
        + (
            ""
            if open_
            else f"The largest change is {show(worst.difference.delta, 'fraction', signed=True)} ({worst.title})."
        ),
        value(runs, worst),
        verdict=worst.difference.verdict,
        exhibits=(table.id, figure.id),
        caveats=[
            f"Tiers by {rule}; the tail of the week's own rule is empty with {len(tier)} labels."
            if rule != asked
            else None,
            f"{plural(len(every), 'comparison')} side by side: about one in twenty excludes zero by chance alone.",
            DATA_NOISE,
        ],
    )
    flips = [one for one in every if one.gained or one.lost]
    totals = _totals(every)
    found.answer(
        "w5.s2.e2",
        "Wrong → right and right → wrong, all tiers together: "
        + "; ".join(
            f"{name} {gained} and {lost} (net {show(gained - lost, 'count', signed=True)})"
            for name, (gained, lost) in totals.items()
        )
        + ("." if flips else ". No prediction flipped."),
        exhibits=(table.id,),
        caveats=[
            "The change of accuracy times n is the net number of flips; the flips beneath it can be many more.",
        ],
    )
    verdicts = [one.difference.verdict for one in every]
    thin = [one for one in every if one.difference.verdict == "directional"]
    found.answer(
        "w5.s2.e4",
        f"{verdicts.count('real')} real, {verdicts.count('directional')} directional, {verdicts.count('null')} null. "
        f"Real: the interval excludes zero and at least {FEW_FLIPS} predictions turned right or wrong; directional: "
        "it excludes zero on fewer; null: it holds zero."
        + (f" A direction, no more: {_listed(thin)}." if thin else ""),
        exhibits=(table.id,),
        caveats=["Null is not proof of no change: the interval says how large one could be."],
    )


def _listed(some: Sequence[Change]) -> str:
    return "; ".join(
        f"{one.title} {show(one.difference.delta, 'fraction', signed=True)} ({one.difference.verdict}, "
        f"{one.gained} gained, {one.lost} lost)"
        for one in some
    )


def value(runs: Runs, one: Change) -> Value:
    """The change of accuracy with its paired interval."""
    found = one.difference
    return Value(
        metric=f"{one.tier}_accuracy",
        value=found.delta,
        unit="fraction",
        run=one.run.run_id,
        baseline=one.reference.run_id,
        split=runs.split,
        n=found.n,
        interval=Interval(found.low, found.high, method=PAIRED),
        field="predictions.parquet",
    )


def _totals(every: Sequence[Change]) -> dict[str, tuple[int, int]]:
    totals: dict[str, tuple[int, int]] = {}
    for one in every:
        gained, lost = totals.get(one.run.run_id, (0, 0))
        totals[one.run.run_id] = (gained + one.gained, lost + one.lost)
    return totals


def _table(runs: Runs, every: Sequence[Change], tier: NDArray[np.str_], rule: str) -> Table:
    def flips(one: Change, metric: str, count: int) -> Value:
        name, n = f"{one.tier}_{metric}", one.difference.n
        return Value(name, count, "count", one.run.run_id, None, runs.split, n, field="predictions.parquet")

    rows: tuple[Mapping[str, Scalar | Value], ...] = tuple(
        {
            "run": f"{one.run.run_id} − {one.reference.run_id}",
            "tier": one.tier,
            "n": one.difference.n,
            "before": one.difference.a,
            "delta": value(runs, one),
            "gained": flips(one, "wrong_to_right", one.gained),
            "lost": flips(one, "right_to_wrong", one.lost),
            "other": one.other,
            "verdict": one.difference.verdict,
        }
        for one in every
    )
    classes = ", ".join(f"{name} {int((tier == name).sum())}" for name in dict.fromkeys(one.tier for one in every))
    return Table(
        id="w5-tiers",
        caption=f"Accuracy by tier against the same model in its reference precision, on {runs.split}; a tier holds "
        f"the rows whose true class is in it. Tiers by {rule} of training rows ({classes} classes). Brackets: 95 % "
        f"{PAIRED}. Real: the interval excludes zero and {FEW_FLIPS} predictions or more turned right or wrong.",
        columns=(
            Column("run", "Run − reference", wide=True),
            Column("tier", "Tier"),
            Column("n", "Rows", "count"),
            Column("before", "Accuracy before", "fraction"),
            Column("delta", "Change", "fraction"),
            Column("gained", "Wrong → right", "count"),
            Column("lost", "Right → wrong", "count"),
            Column("other", "Wrong, other class", "count"),
            Column("verdict", "Verdict"),
        ),
        rows=rows,
        row_header="run",
    )


def _forest(runs: Runs, every: Sequence[Change], rule: str) -> Figure:
    axes = []
    for name in dict.fromkeys(one.run.run_id for one in every):
        parts = [one for one in every if one.run.run_id == name]
        axes.append(
            {
                "name": name,
                "slices": [
                    {
                        "name": one.tier,
                        "delta": one.difference.delta,
                        "low": one.difference.low,
                        "high": one.difference.high,
                        "n": one.difference.n,
                        "state": "null"
                        if one.difference.verdict == "null"
                        else "up"
                        if one.difference.delta > 0
                        else "down",
                        "few": one.difference.verdict == "directional",
                    }
                    for one in parts
                ],
            }
        )
    open_ = [one for one in every if one.difference.verdict != "null"]
    return Figure(
        id="w5-damage",
        kind="forest",
        caption=f"Change of accuracy by tier (by {rule}), in points, with 95 % paired intervals; n at the left. "
        f"Filled: the interval excludes zero; faint: on fewer than {FEW_FLIPS} flips.",
        finding=f"Accuracy on {runs.split} changes in {len(open_)} of {len(every)} comparisons by more than the "
        "interval allows" + (f": {listing([one.title for one in open_], 6)}." if open_ else "."),
        data={
            "axes": axes,
            "unit": "fraction",
            "right": "right of the line: more accurate than the reference →",
            "left": "← left of it: less accurate",
        },
    )
