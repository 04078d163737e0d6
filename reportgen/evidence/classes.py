"""Class by class: the long tail, per-class F1, and the rescue table of a candidate against the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.stats import tiers

from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import PAIRED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import Rescue

    from .datafacts import LabelCounts
    from .runs import Runs

FEW = 4
"""Classes with at most so many rows show hits as k/n and nothing derived from them."""
SPREAD = 10
"""Classes shown on which runs differ most."""
TIER_RULES = {
    "count": "tiers by count: head from 2,000 training rows, tail below 100",
    "rank": "tiers by rank: head 1–20, mid 21–60, tail the rest",
    "quartile": "rare: the quarter of classes with the fewest training rows",
}


def rule_sentence(rule: str) -> str:
    """A rule for tiers as a sentence of its own."""
    return f"{TIER_RULES[rule][0].upper()}{TIER_RULES[rule][1:]}."


def by_frequency(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label ids, most training rows first, ties by id."""
    return np.argsort(-counts, kind="stable")


def long_tail(labels: LabelCounts, rule: str, figure_id: str) -> Figure:
    """Training rows of every class on a log scale, coloured by tier."""
    tier, order = tiers(labels.counts, rule), by_frequency(labels.counts)
    classes = [
        {"name": labels.names[i], "count": int(labels.counts[i]), "tier": str(tier[i]), "rank": rank}
        for rank, i in enumerate(order, start=1)
    ]
    top, last, k = classes[0], classes[-1], len(classes)
    half = int(np.searchsorted(np.cumsum(labels.counts[order]), labels.total / 2)) + 1
    return Figure(
        id=figure_id,
        kind="long-tail",
        caption=f"Training rows of each of the {k} classes, log scale, most frequent first "
        f"(n = {labels.total:,}; {TIER_RULES[rule]}).",
        finding=f"Half of the training rows belong to {plural(half, 'class', 'classes')} of {k}: counts run from "
        f"{top['count']:,} ({top['name']}) down to {last['count']:,} ({last['name']}).",
        data={"classes": classes, "total": labels.total, "rule": rule},
    )


def f1_by_class(runs: Runs, run: Bundle, counts: NDArray[np.int64], figure_id: str) -> Figure:
    """F1 of every class of one run, classes ordered by training rows, zeros marked."""
    found = runs.per_class(run)
    classes = [
        {
            "name": run.labels.names[i],
            "train": int(counts[i]),
            "n": int(found.support[i]),
            "f1": float(found.f1[i]),
            "state": "absent" if found.support[i] == 0 else "zero" if found.f1[i] == 0 else "above",
        }
        for i in by_frequency(counts)
    ]
    states = [entry["state"] for entry in classes]
    where = f"; the most frequent of them has rank {states.index('zero') + 1}" if "zero" in states else ""
    absent = f", {states.count('absent')} have no rows" if "absent" in states else ""
    return Figure(
        id=figure_id,
        kind="class-f1",
        caption=f"F1 of each class under {run.run_id} on {runs.split} (n = {int(found.support.sum()):,}), classes "
        "ordered by training rows. Rings below the axis: F1 = 0.",
        finding=f"Of {len(classes)} classes {states.count('zero')} have rows and F1 = 0 under "
        f"{run.run_id}{where}{absent}.",
        data={"classes": classes, "run": run.run_id},
    )


def f1_pairs(
    runs: Runs, run: Bundle, baseline: Bundle, found: Rescue, counts: NDArray[np.int64], figure_id: str
) -> Figure:
    """F1 of every class under baseline and candidate, joined by a line."""
    rows = found.per_class
    states = dict.fromkeys(np.flatnonzero(rows.support == 0).tolist(), "absent")
    states |= dict.fromkeys(found.rescued, "rescued") | dict.fromkeys(found.confirmed, "confirmed")
    states |= dict.fromkeys(found.lost, "lost")
    classes = [
        {
            "name": run.labels.names[i],
            "train": int(counts[i]),
            "n": int(rows.support[i]),
            "baseline": float(rows.baseline_f1[i]),
            "f1": float(rows.f1[i]),
            "state": states.get(int(i), "zero" if rows.f1[i] == 0 and rows.baseline_f1[i] == 0 else "above"),
        }
        for i in by_frequency(counts)
    ]
    better = sum(entry["f1"] > entry["baseline"] for entry in classes)
    worse = sum(entry["f1"] < entry["baseline"] for entry in classes)
    both = sum(entry["state"] == "zero" for entry in classes)
    missing = int((rows.support == 0).sum())
    absent = f", {missing} have no rows" if missing else ""
    return Figure(
        id=figure_id,
        kind="class-pairs",
        caption=f"F1 of each class from {baseline.run_id} (open) to {run.run_id} (filled), classes ordered by "
        f"training rows; {runs.split}, n = {int(rows.support.sum()):,}.",
        finding=f"Of {len(classes)} classes {better} have a higher F1 under {run.run_id}, {worse} a lower one; "
        f"{len(found.rescued)} leave zero, {len(found.lost)} fall to it, {both} stay there{absent}.",
        data={"classes": classes, "run": run.run_id, "baseline": baseline.run_id},
    )


def spread_table(runs: Runs, shown: Sequence[Bundle], counts: NDArray[np.int64], table_id: str) -> Table | None:
    """The classes on which these runs differ most in F1; None where there are no two runs on the same rows."""
    alike = [run for run in shown if not runs.why_not(run, shown[0])]
    if len(alike) < 2:
        return None
    names, support = alike[0].labels.names, runs.per_class(alike[0]).support
    f1 = np.array([runs.per_class(run).f1 for run in alike])
    spread = np.where(support > FEW, f1.max(axis=0) - f1.min(axis=0), 0.0)
    order = [int(i) for i in np.argsort(-spread, kind="stable")[:SPREAD] if spread[i] > 0]
    if not order:
        return None
    return Table(
        id=table_id,
        caption=f"The {plural(len(order), 'class', 'classes')} of more than {FEW} rows on which the F1 of "
        f"{len(alike)} runs on {runs.split} lies furthest apart. Picked as the largest, they are flattered.",
        columns=(
            Column("class", "Class", wide=True),
            Column("train", "Train rows", "count"),
            Column("n", "Rows", "count"),
            Column("low", "Lowest F1", "score"),
            Column("worst", "under"),
            Column("high", "Highest F1", "score"),
            Column("best", "under"),
            Column("spread", "Apart", "score"),
        ),
        rows=tuple(
            {
                "class": names[i],
                "train": int(counts[i]),
                "n": int(support[i]),
                "low": float(f1[:, i].min()),
                "worst": alike[int(f1[:, i].argmin())].run_id,
                "high": float(f1[:, i].max()),
                "best": alike[int(f1[:, i].argmax())].run_id,
                "spread": float(spread[i]),
            }
            for i in order
        ),
        row_header="class",
    )


def classes_table(
    runs: Runs, run: Bundle | None, baseline: Bundle | None, counts: NDArray[np.int64], table_id: str
) -> Table:
    """Every class with its rows and F1s: the figures' numbers, folded away."""
    shown = [one for one in (baseline, run) if one is not None]
    names = shown[0].labels.names
    scored = {one.run_id: runs.per_class(one) for one in shown}
    rows: list[dict[str, Scalar]] = []
    for i in by_frequency(counts):
        row: dict[str, Scalar] = {"class": names[i], "train": int(counts[i])}
        for name, found in scored.items():
            row |= {"n": int(found.support[i]), f"hits.{name}": _hits(found.hits[i], found.support[i])}
            row[f"f1.{name}"] = float(found.f1[i]) if found.support[i] > FEW else None
        rows.append(row)
    columns = [
        Column("class", "Class", wide=True),
        Column("train", "Train rows", "count"),
        Column("n", "Rows", "count"),
    ]
    for name in scored:
        columns += [Column(f"hits.{name}", f"Hits, {name}", "text"), Column(f"f1.{name}", f"F1, {name}", "score")]
    return Table(
        id=table_id,
        caption=f"All {len(names)} classes on {runs.split}, most training rows first. Classes with {FEW} rows or fewer "
        "show hits only.",
        columns=tuple(columns),
        rows=tuple(rows),
        row_header="class",
        folded_after=0,
    )


def rescue_table(
    runs: Runs, run: Bundle, baseline: Bundle, found: Rescue, counts: NDArray[np.int64], table_id: str
) -> Table:
    """Rescued classes (confirmed ones first), then lost ones."""
    shown = found.per_class
    confirmed = set(found.confirmed) | set(found.lost_confirmed)

    def order(i: int) -> tuple[bool, bool, int, int]:
        return (i in found.lost, i not in confirmed, -int(shown.support[i]), i)

    rows: list[dict[str, Scalar | Value]] = []
    for i in sorted((*found.rescued, *found.lost), key=order):
        few = shown.support[i] <= FEW
        delta = Value(
            metric="f1",
            value=float(shown.delta[i]),
            unit="score",
            run=run.run_id,
            baseline=baseline.run_id,
            split=runs.split,
            n=int(shown.support[i]),
            interval=Interval(float(shown.low[i]), float(shown.high[i]), method=PAIRED),
            field="predictions.parquet",
        )
        rows.append(
            {
                "class": run.labels.names[i],
                "train": int(counts[i]),
                "before": _hits(shown.baseline_hits[i], shown.support[i]),
                "after": _hits(shown.hits[i], shown.support[i]),
                "f1": None if few else float(shown.f1[i] if i in found.rescued else shown.baseline_f1[i]),
                "delta": None if few else delta,
                "p": None if few or np.isnan(shown.p[i]) else show(float(shown.p[i]), "p"),
                "verdict": ("lost, " if few and i in found.lost else "") + verdict_said(str(shown.verdict[i])),
            }
        )
    low, high = found.chance_interval
    return Table(
        id=table_id,
        caption=f"Classes {run.run_id} brings back from F1 = 0 under {baseline.run_id}, and classes it loses, on "
        f"{runs.split}. Two equally good models would show {found.expected_by_chance:.1f} rescues by chance (95 % of "
        f"the time {low} to {high}). Confirmed: exact McNemar test on the class's own rows, Holm-adjusted over "
        f"{len(found.family)} classes, p < .05, five rows or more. The intervals are not adjusted.",
        columns=(
            Column("class", "Class", wide=True),
            Column("train", "Train rows", "count"),
            Column("before", f"Hits, {baseline.run_id}"),
            Column("after", f"Hits, {run.run_id}"),
            Column("delta", "ΔF1", "score", help="with 95 % paired interval"),
            Column("p", "p", help="Holm"),
            Column("verdict", "Verdict", wide=True),
        ),
        rows=tuple({key: value for key, value in row.items() if key != "f1"} for row in rows),
        row_header="class",
        folded_after=12,
    )


def verdict_said(verdict: str) -> str:
    """A verdict as a cell says it: beside a p of 1 the bare word would sound like a finding."""
    return "rescued, not confirmed" if verdict == "rescued" else verdict


def rescue_sentence(run: Bundle, baseline: Bundle, found: Rescue) -> str:
    """Rescues, losses and what of it is more than chance."""
    names = run.labels.names
    lead = (
        f"{plural(len(found.rescued), 'class', 'classes')} at F1 = 0 under {baseline.run_id} "
        f"{'is' if len(found.rescued) == 1 else 'are'} above it under {run.run_id}, "
        f"{len(found.lost)} went the other way: net {show(found.net, 'count', signed=True)}."
    )
    low, high = found.chance_interval
    chance = f"Two equally good models would show about {found.expected_by_chance:.1f} rescues (95 %: {low} to {high})"
    if len(found.rescued) <= high:
        chance += ", so the count alone shows nothing."
    else:
        chance += ", fewer than were found."
    if found.confirmed:
        confirmed = f"Confirmed: {listing([names[i] for i in found.confirmed], limit=6)}."
    else:
        confirmed = "No single rescue is confirmed."
    return f"{lead} {chance} {confirmed}"


def _hits(hits: Any, support: Any) -> str:
    return f"{int(hits)}/{int(support)}"
