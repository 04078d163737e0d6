"""Tier by tier: mean F1, classes at zero, and where errors land."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.stats import Destinations, destinations, tier_names, tiers
from reportgen.stats import interval as percentiles

from .classes import TIER_RULES
from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import BOOTSTRAP, PAIRED, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs

    Ints = NDArray[np.int64]


def present(counts: Ints, rule: str) -> dict[str, NDArray[np.bool_]]:
    """Tier to the mask of its labels, in the order shown, tiers without a label left out."""
    tier = tiers(counts, rule)
    return {name: tier == name for name in tier_names(rule) if (tier == name).any()}


def tier_mean(runs: Runs, run: Bundle, tier: str, inside: NDArray[np.bool_]) -> Value:
    """Mean F1 over a tier's labels (on all rows), with its interval."""
    samples = runs.resampled(run).per_class_f1[inside].mean(axis=0)
    found = runs.per_class(run)
    return Value(
        f"{tier}_mean_f1",
        float(found.f1[inside].mean()),
        "score",
        run=run.run_id,
        split=runs.split,
        n=int(found.support[inside].sum()),
        interval=Interval(*percentiles(samples), method=BOOTSTRAP),
        field="predictions.parquet",
    )


def tier_difference(runs: Runs, run: Bundle, baseline: Bundle, tier: str, inside: NDArray[np.bool_]) -> Value:
    """`run` − `baseline` in a tier's mean F1, with the paired interval."""
    samples = (runs.resampled(run).per_class_f1[inside] - runs.resampled(baseline).per_class_f1[inside]).mean(axis=0)
    found, before = runs.per_class(run), runs.per_class(baseline)
    return Value(
        f"{tier}_mean_f1",
        float((found.f1[inside] - before.f1[inside]).mean()),
        "score",
        run=run.run_id,
        baseline=baseline.run_id,
        split=runs.split,
        n=int(found.support[inside].sum()),
        interval=Interval(*percentiles(samples), method=PAIRED),
        field="predictions.parquet",
    )


def zeros(runs: Runs, run: Bundle, inside: NDArray[np.bool_]) -> tuple[int, int]:
    """Labels of a tier with F1 = 0: all of them, and those with rows."""
    found = runs.per_class(run)
    zero = inside & (found.f1 == 0)
    return int(zero.sum()), int((zero & (found.support > 0)).sum())


def tier_table(runs: Runs, shown: Sequence[Bundle], counts: Ints, rule: str, table_id: str) -> Table:
    """Mean F1 and zero-F1 classes of each tier under each run."""
    rows: list[dict[str, Scalar | Value]] = []
    absent = int((runs.per_class(shown[0]).support == 0).sum()) if shown else 0
    for tier, inside in present(counts, rule).items():
        for run in shown:
            zero, supported = zeros(runs, run, inside)
            rows.append(
                {
                    "tier": tier,
                    "run": run.run_id,
                    "classes": int(inside.sum()),
                    "rows": int(runs.per_class(run).support[inside].sum()),
                    "f1": tier_mean(runs, run, tier, inside),
                    "zero": zero,
                    "supported": supported,
                }
            )
    return Table(
        id=table_id,
        caption=f"Mean F1 over the classes of each tier on {runs.split} ({TIER_RULES[rule]}). The mean runs over the "
        "tier's classes, each F1 over all rows, so a false alarm from another tier counts."
        + (f" With F1 = 0 for {plural(absent, 'class', 'classes')} without rows on {runs.split}." if absent else ""),
        columns=(
            Column("tier", "Tier"),
            Column("run", "Run"),
            Column("classes", "Classes", "count"),
            Column("rows", "Rows", "count"),
            Column("f1", "Mean F1", "score"),
            Column("zero", "Zero-F1", "count"),
            Column("supported", "of these with rows", "count"),
        ),
        rows=tuple(rows),
        row_header="tier",
    )


def tier_ladder(runs: Runs, shown: Sequence[Bundle], counts: Ints, rule: str, figure_id: str) -> Figure:
    """Mean F1 of each tier under each run as dots with intervals."""
    groups: list[dict[str, Any]] = []
    steps: dict[str, list[str]] = {run.run_id: [] for run in shown}
    for tier, inside in present(counts, rule).items():
        marks = []
        for run in shown:
            value = tier_mean(runs, run, tier, inside)
            bounds = value.interval
            marks.append(
                {
                    "run": run.run_id,
                    "value": value.value,
                    "low": bounds.low if bounds else value.value,
                    "high": bounds.high if bounds else value.value,
                }
            )
            steps[run.run_id].append(f"{tier} {show(value.value, 'score')}")
        absent = int((runs.per_class(shown[0]).support[inside] == 0).sum())
        groups.append({"tier": tier, "classes": int(inside.sum()), "absent": absent, "marks": marks})
    absent_said = without_rows(runs, shown[0], present(counts, rule))
    return Figure(
        id=figure_id,
        kind="tier-ladder",
        caption=f"Mean F1 by tier on {runs.split} with 95 % intervals ({BOOTSTRAP}; {TIER_RULES[rule]}). "
        "Classes of one or two rows drop out of resamples, so an interval may lie below its point. Overlap decides "
        f"nothing: differences need the paired intervals. {absent_said}".rstrip(),
        finding=f"Mean F1 by tier under {'; under '.join(f'{name}: {listing(said)}' for name, said in steps.items())}. "
        f"{absent_said}".rstrip(),
        data={"groups": groups},
    )


def without_rows(runs: Runs, run: Bundle, by_tier: Mapping[str, NDArray[np.bool_]]) -> str:
    """Which tiers look worse than their classes are, because some of these have no rows; empty where none has."""
    support = runs.per_class(run).support
    empty = {tier: int((support[inside] == 0).sum()) for tier, inside in by_tier.items()}
    said = [f"{plural(count, 'class', 'classes')} of {tier}" for tier, count in empty.items() if count]
    if not said:
        return ""
    return f"{listing(said)} {'has' if sum(empty.values()) == 1 else 'have'} no rows on {runs.split} and count as 0."


def destination_table(runs: Runs, run: Bundle, counts: Ints, rule: str, table_id: str) -> Table:
    """For each tier of the true class, how many errors land in which tier."""
    names = list(present(counts, rule))
    rows: list[dict[str, Scalar | Value]] = []
    for tier, found in _destinations(runs, run, counts, rule).items():
        row: dict[str, Scalar | Value] = {"tier": tier, "rows": found.n, "errors": found.errors}
        for name in names:
            share = found.to.get(name, 0) / found.errors if found.errors else None
            row[name] = f"{found.to.get(name, 0):,} ({show(share, 'fraction')})"
        row["unparsed"] = found.unparsed
        rows.append(row)
    columns = [Column("tier", "True tier"), Column("rows", "Rows", "count"), Column("errors", "Errors", "count")]
    columns += [Column(name, f"to {name}", help="errors, share") for name in names]
    if any(row["unparsed"] for row in rows):
        columns.append(Column("unparsed", "No label", "count"))
    shown = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"Where the errors of {run.run_id} land on {runs.split} ({TIER_RULES[rule]}). In its own tier an error "
        "is another class of that tier.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="tier",
    )


def destination_sentence(runs: Runs, run: Bundle, counts: Ints, rule: str) -> tuple[str, list[Value]]:
    """Where errors on the rarest tier land, in words, and their shares."""
    names = list(present(counts, rule))
    rarest = names[0] if rule == "quartile" else names[-1]
    found = _destinations(runs, run, counts, rule)[rarest]
    if not found.errors:
        return f"{run.run_id} makes no error on the {found.n:,} rows of {rarest} classes.", []
    values = [
        Value(
            f"{rarest}_errors_to_{name}",
            found.to.get(name, 0) / found.errors,
            "fraction",
            run=run.run_id,
            split=runs.split,
            n=found.errors,
            interval=wilson_interval(found.to.get(name, 0), found.errors),
            field="predictions.parquet",
        )
        for name in names
    ]
    parts = [f"{found.to.get(name, 0):,} in {'another ' if name == rarest else ''}{name}" for name in names]
    sentence = f"Of {found.n:,} rows with a {rarest} class {run.run_id} gets {plural(found.errors, 'row')} wrong; "
    return f"{sentence}these land: {listing(parts)}.", values


def _destinations(runs: Runs, run: Bundle, counts: Ints, rule: str) -> dict[str, Destinations]:
    rows = run.predictions(runs.split or "val")
    return destinations(rows.labels, rows.predictions, tiers(counts, rule))
