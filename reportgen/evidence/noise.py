"""Is a gap more than noise? Support of the classes, discordant rows, and the rows on which two models disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import mcnemar_exact

from .classes import FEW
from .model import Column, Figure, Scalar, Table
from .numbers import plural
from .texts import text_cell, text_column, text_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pair import Pair
    from .runs import Runs
    from .texts import Texts

SUPPORT_BINS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 10), (11, 50), (51, None))
"""Rows of a class, from and to: the course's histogram."""
EACH_WAY = 20
SAMPLE_SEED = 42 + 111


def support_histogram(support: NDArray[np.int64]) -> list[tuple[str, int]]:
    """Number of classes by their rows on the split."""
    found = []
    for low, high in SUPPORT_BINS:
        label = f"{low}+" if high is None else str(low) if low == high else f"{low}–{high}"
        inside = support >= low if high is None else (support >= low) & (support <= high)
        found.append((label, int(inside.sum())))
    return found


def few_said(support: NDArray[np.int64]) -> str:
    """How many classes have hardly any rows, and how many of these none."""
    few, none = int((support <= FEW).sum()), int((support == 0).sum())
    return f"{few} of {len(support)} classes have {FEW} rows or fewer{f', {none} of them none,' if none else ''}"


def support_figure(runs: Runs, support: NDArray[np.int64], figure_id: str) -> Figure:
    """Bars: how many classes have so many rows."""
    k = len(support)
    return Figure(
        id=figure_id,
        kind="support",
        caption=f"Classes by their number of rows on {runs.split} (n = {int(support.sum()):,}, {k} classes). Light: "
        f"{FEW} rows or fewer, where one row moves F1 by a lot.",
        finding=f"{few_said(support)} on {runs.split}; {int((support > 50).sum())} have more than 50.",
        data={
            "bars": [
                {"label": label, "classes": count, "few": high is not None and high <= FEW}
                for (label, count), (_, high) in zip(support_histogram(support), SUPPORT_BINS, strict=True)
            ]
        },
    )


def few_table(runs: Runs, pair: Pair, table_id: str) -> Table:
    """The classes with four rows or fewer, hits as k/n."""
    names = pair.reference.labels.names
    found = [runs.per_class(run) for run in pair.both]
    support = found[0].support
    thin = [int(i) for i in np.argsort(support, kind="stable") if support[i] <= FEW]
    heads = [run.run_id for run in pair.both]
    return Table(
        id=table_id,
        caption=f"The {plural(len(thin), 'class', 'classes')} with {FEW} rows or fewer on {runs.split}. Hits as k/n: "
        "too few rows for a share.",
        columns=(
            Column("class", "Class", wide=True),
            Column("n", "Rows", "count"),
            *(Column(f"hits.{name}", f"Hits, {name}") for name in heads),
        ),
        rows=tuple(
            {
                "class": names[i],
                "n": int(support[i]),
                **{
                    f"hits.{name}": f"{int(one.hits[i])}/{int(support[i])}"
                    for name, one in zip(heads, found, strict=True)
                },
            }
            for i in thin
        ),
        row_header="class",
        folded_after=0,
    )


def discordant(runs: Runs, pair: Pair) -> tuple[int, int, float]:
    """Rows only the reference got right, rows only the candidate got right, and the exact McNemar p-value."""
    split = runs.split or "val"
    rows = [run.predictions(split) for run in pair.both]
    first, second = (part.predictions == part.labels for part in rows)
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    return b, c, float(mcnemar_exact(b, c))


def disagreements(runs: Runs, pair: Pair, table_id: str, texts: Texts | None = None) -> tuple[Table, tuple[int, int]]:
    """Up to 40 rows on which one model is right and the other wrong, with a tag to fill.

    The course's recipe: RandomState(42 + 111) draws 20 rows only the reference got right, then 20 of the reverse,
    without replacement. Rows are numbered as they were scored.
    """
    split, names = runs.split or "val", pair.reference.labels.names
    a, b = (run.predictions(split) for run in pair.both)
    right = [part.predictions == part.labels for part in (a, b)]
    pools = [np.flatnonzero(right[0] & ~right[1]), np.flatnonzero(right[1] & ~right[0])]
    rng = np.random.RandomState(SAMPLE_SEED)  # the course's generator
    rows: list[dict[str, Scalar]] = []
    heads = [run.run_id for run in pair.both]
    for head, pool in zip(heads, pools, strict=True):
        drawn = rng.choice(pool, min(EACH_WAY, len(pool)), replace=False) if len(pool) else ()
        rows += [
            {
                "row": str(a.row_ids[i]),
                "right": head,
                "true": names[a.labels[i]],
                "a": _name(names, int(a.predictions[i])),
                "b": _name(names, int(b.predictions[i])),
                **text_cell(texts, a, int(i)),
                "tag": "",
            }
            for i in drawn
        ]
    dataset = pair.reference.manifest.dataset
    table = Table(
        id=table_id,
        caption=f"{len(rows)} of the rows of {split} on which exactly one of the two models is right, to be read and "
        f"tagged by hand: up to {EACH_WAY} of the {len(pools[0]):,} rows only {heads[0]} got right, up to {EACH_WAY} "
        f"of the {len(pools[1]):,} only {heads[1]} did (seed {SAMPLE_SEED}).",
        columns=(
            Column("row", "Row"),
            Column("right", "Right"),
            Column("true", "True class", wide=True),
            Column("a", f"{heads[0]} says", wide=True),
            Column("b", f"{heads[1]} says", wide=True),
            *text_column(texts),
            Column("tag", "Your tag", wide=True, author=""),
        ),
        rows=tuple(rows),
        row_header="row",
        notes=(text_note(texts, dataset.name if dataset else "the dataset"),),
        folded_after=0,
    )
    return table, (len(pools[0]), len(pools[1]))


def _name(names: tuple[str, ...], label: int) -> str:
    return names[label] if label >= 0 else "(unreadable)"
