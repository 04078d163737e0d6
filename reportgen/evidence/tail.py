"""Where errors on rare classes land, the worst classes, and pairs the label list itself makes alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import confusion, destinations, suspect_pairs, tier_names, tiers, wilson, worst_classes

from .classes import TIER_RULES
from .datafacts import label_counts
from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import WILSON
from .texts import text_cell, text_column, text_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle, SplitPredictions
    from reportgen.stats import Destinations, WorstClass

    from .context import Context
    from .pair import Pair
    from .runs import Runs

MIN_ROWS = 5
SUSPECTS = 10
"""Suspect pairs shown."""


def tier_map(context: Context, pair: Pair) -> tuple[str, str, NDArray[np.str_]] | None:
    """The week's tier rule, its rarest tier and the tier of each label; None where nobody kept training counts.

    A short label list may leave the rule's tail empty; then the rarest quarter of the classes stands in.
    """
    labels = label_counts(context)
    if labels is None or labels.names != pair.reference.labels.names or not labels.counts.any():
        return None
    rule = context.course.tier_rule(context.week)
    for name in (rule, "quartile"):
        tier = tiers(labels.counts, name)
        rarest = "rare" if name == "quartile" else tier_names(name)[-1]
        if (tier == rarest).any():
            return name, rarest, tier
    return None


def landings(runs: Runs, pair: Pair, tier: NDArray[np.str_], rarest: str) -> dict[str, Destinations]:
    """Where each model's errors on the rarest tier land, by run_id."""
    split = runs.split or "val"
    found = {}
    for run in pair.both:
        rows = run.predictions(split)
        found[run.run_id] = destinations(rows.labels, rows.predictions, tier)[rarest]
    return found


def landing_values(runs: Runs, run: Bundle, found: Destinations, rarest: str) -> list[Value]:
    """Shares of a model's tail errors by the tier they land in."""
    values = []
    for name, count in found.to.items():
        low, high = wilson(count, found.errors)
        values.append(
            Value(
                metric=f"{rarest}_errors_to_{name}",
                value=count / found.errors,
                unit="fraction",
                run=run.run_id,
                split=runs.split,
                n=found.errors,
                interval=Interval(float(low), float(high), method=WILSON),
                field="predictions.parquet",
            )
        )
    return values


def landing_sentence(name: str, found: Destinations, rarest: str) -> str:
    """Where one model's tail errors go, in words."""
    if not found.errors:
        return f"{name} makes no error on the {found.n:,} rows of the {rarest}."
    away = found.errors - found.to.get(rarest, 0) - found.unparsed
    parts = ", ".join(
        f"{show(count / found.errors, 'fraction')} to {'another class of the ' if tier == rarest else ''}{tier}"
        for tier, count in found.to.items()
    )
    unread = f"; {plural(found.unparsed, 'answer')} could not be read" if found.unparsed else ""
    return (
        f"{name} is wrong on {found.errors:,} of the {found.n:,} rows of the {rarest}: {parts}{unread}. "
        f"{show(away / found.errors, 'fraction')} of these errors leave the {rarest}."
    )


def destinations_figure(runs: Runs, found: dict[str, Destinations], rule: str, rarest: str, figure_id: str) -> Figure:
    """Stacked bars: a model's errors on the rarest tier by destination."""
    bars = [
        {"run": name, "n": part.n, "errors": part.errors, "to": part.to, "unparsed": part.unparsed}
        for name, part in found.items()
    ]
    said = []
    for name, part in found.items():
        if part.errors:
            away = part.errors - part.to.get(rarest, 0) - part.unparsed
            said.append(f"{show(away / part.errors, 'fraction')} under {name}")
    finding = f"Errors on the {rarest} that land outside it: {listing(said)}." if said else "There are no such errors."
    return Figure(
        id=figure_id,
        kind="destinations",
        caption=f"Where wrong answers on rows of the {rarest} land on {runs.split} ({TIER_RULES[rule]}).",
        finding=finding,
        data={"bars": bars, "rarest": rarest},
    )


def worst(runs: Runs, run: Bundle) -> list[WorstClass]:
    """The three classes of five rows or more with the lowest F1."""
    rows = run.predictions(runs.split or "val")
    return worst_classes(rows.labels, rows.predictions, len(run.labels.names), min_support=MIN_ROWS)


def worst_table(context: Context, pair: Pair, table_id: str) -> Table:
    """The worst classes of both models with what their rows are mistaken for."""
    runs, labels = context.runs, label_counts(context)
    names = pair.reference.labels.names
    counts = labels.counts if labels is not None and labels.names == names and labels.counts.any() else None
    rows: list[dict[str, Scalar]] = []
    for run in pair.both:
        hits = runs.per_class(run).hits
        rows += [
            {
                "run": run.run_id,
                "class": names[found.label],
                "train": None if counts is None else int(counts[found.label]),
                "n": found.support,
                "hits": f"{int(hits[found.label])}/{found.support}",
                "f1": found.f1,
                "mistaken": "; ".join(f"{names[pair.predicted]} ×{pair.count}" for pair in found.mistaken_for) or None,
            }
            for found in worst(runs, run)
        ]
    return Table(
        id=table_id,
        caption=f"The three classes with the lowest F1 under each model, among those with {MIN_ROWS} rows or more on "
        f"{runs.split}; equal F1 by label id. Mistaken for: the three most frequent wrong answers with their counts.",
        columns=(
            Column("run", "Run"),
            Column("class", "True class", wide=True),
            Column("train", "Train rows", "count"),
            Column("n", "Rows", "count"),
            Column("hits", "Hits"),
            Column("f1", "F1", "score"),
            Column("mistaken", "Mistaken for", wide=True),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def drill_table(context: Context, pair: Pair, table_id: str) -> Table:
    """The surest error of each of the worst classes, to be read."""
    runs, names, dataset = context.runs, pair.reference.labels.names, pair.reference.manifest.dataset
    rows: list[dict[str, Scalar]] = []
    for run in pair.both:
        part = run.predictions(runs.split or "val")
        surest = surest_errors(part)
        for found in worst(runs, run):
            if (at := surest.get(found.label)) is not None:
                said = int(part.predictions[at])
                rows.append(
                    {
                        "row": str(part.row_ids[at]),
                        "run": run.run_id,
                        "true": names[found.label],
                        "predicted": names[said] if said >= 0 else "(unreadable)",
                        **text_cell(context.texts, part, at),
                    }
                )
    return Table(
        id=table_id,
        caption=f"The surest error of each of these classes on {runs.split}: the wrong row the run was most confident "
        "about, or the first by id where it gives no confidences.",
        columns=(
            Column("row", "Row"),
            Column("run", "Run"),
            Column("true", "True class", wide=True),
            Column("predicted", "Predicted as", wide=True),
            *text_column(context.texts),
        ),
        rows=tuple(rows),
        row_header="row",
        notes=(text_note(context.texts, dataset.name if dataset else "the dataset"),),
    )


def surest_errors(rows: SplitPredictions) -> dict[int, int]:
    """Of each class, the position of the wrong row with the highest confidence; without confidences, the first id."""
    wrong = np.flatnonzero(rows.labels != rows.predictions)
    sure = np.zeros(len(wrong)) if rows.confidence is None else -np.asarray(rows.confidence, np.float64)[wrong]
    ordered = wrong[np.lexsort((rows.row_ids[wrong].astype(str), sure))]
    labels, first = np.unique(rows.labels[ordered], return_index=True)
    return dict(zip(labels.tolist(), ordered[first].tolist(), strict=True))


def suspects(context: Context, pair: Pair) -> tuple[list[dict[str, Scalar]], int]:
    """Confusions the label list itself may cause, most frequent first, and how many suspect pairs there are."""
    runs = context.runs
    split, names = runs.split or "val", pair.reference.labels.names
    cells = {}
    for run in pair.both:
        rows = run.predictions(split)
        cells[run.run_id] = confusion(rows.labels, rows.predictions, len(names))
    first, second = cells.values()
    total = first + second
    targets = set(context.course.merge.values())
    every = suspect_pairs(names, targets)
    found_rows: list[dict[str, Scalar]] = []
    for found in every:
        why = f"share “{', '.join(found.shared)}”" if found.shared else ""
        if found.merged:
            why += f"{'; ' if why else ''}both took in other labels"
        for true, predicted in ((found.a, found.b), (found.b, found.a)):
            if total[true, predicted]:
                row: dict[str, Scalar] = {"true": names[true], "predicted": names[predicted]}
                row |= {f"rows.{name}": int(cell[true, predicted]) for name, cell in cells.items()}
                found_rows.append(
                    {**row, "n": int(total[true].sum()) // 2, "why": why, "total": int(total[true, predicted])}
                )
    # A shared word is the stronger hint of the two.
    found_rows.sort(
        key=lambda row: (not str(row["why"]).startswith("share"), -int(row["total"] or 0), str(row["true"]))
    )
    return found_rows, len(every)


def suspect_table(runs: Runs, pair: Pair, rows: list[dict[str, Scalar]], table_id: str) -> Table:
    """The most frequent suspect confusions."""
    a, b = (run.run_id for run in pair.both)
    return Table(
        id=table_id,
        caption=f"Confusions on {runs.split} that the label list may have caused: names that share a distinctive word, "
        "or two labels that both took in others when labels were merged. A flag for reading, not a finding; the "
        f"{min(SUSPECTS, len(rows))} most frequent of {len(rows)}, shared words first.",
        columns=(
            Column("true", "True class", wide=True),
            Column("predicted", "Predicted", wide=True),
            Column(f"rows.{a}", f"Rows, {a}", "count"),
            Column(f"rows.{b}", f"Rows, {b}", "count"),
            Column("n", "Rows of the true class", "count"),
            Column("why", "Why suspect", wide=True),
        ),
        rows=tuple({key: value for key, value in row.items() if key != "total"} for row in rows[:SUSPECTS]),
        row_header="true",
    )
