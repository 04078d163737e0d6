"""How many rows each class has on the reporting split, and what that does to macro F1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .model import Column, Table, Value
from .numbers import plural, show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .runs import Runs

SPARSE = 10


def sparse_table(
    runs: Runs, names: tuple[str, ...], support: NDArray[np.int64], counts: NDArray[np.int64], table_id: str
) -> Table:
    """The classes with the fewest rows, with their training rows."""
    order = np.lexsort((np.arange(len(names)), counts, support))[:SPARSE]
    return Table(
        id=table_id,
        caption=f"The {len(order)} classes with the fewest rows on {runs.split}.",
        columns=(
            Column("class", "Class", wide=True),
            Column("n", "Rows", "count"),
            Column("train", "Train rows", "count"),
        ),
        rows=tuple({"class": names[i], "n": int(support[i]), "train": int(counts[i])} for i in order),
        row_header="class",
    )


def sparse_values(runs: Runs, run: str, support: NDArray[np.int64]) -> list[Value]:
    """Classes with one row, with five or fewer, with none."""
    n = int(support.sum())
    return [
        Value(metric, count, "count", run=run, split=runs.split, n=n, field="predictions.parquet")
        for metric, count in (
            ("classes_with_one_row", int((support == 1).sum())),
            ("classes_with_1_to_5_rows", int(((support > 0) & (support <= 5)).sum())),
            ("classes_without_rows", int((support == 0).sum())),
        )
    ]


def sparse_sentence(support: NDArray[np.int64]) -> str:
    """What one row of a sparse class is worth in macro F1."""
    k, one, five = len(support), int((support == 1).sum()), int(((support > 0) & (support <= 5)).sum())
    absent = int((support == 0).sum())
    gone = f" {plural(absent, 'class has', 'classes have')} no row and count as F1 = 0." if absent else ""
    return (
        f"Of {k} classes {one} have a single row and {five} one to five. A class with one row is all or nothing: its "
        f"row moves macro F1 by up to {show(1 / k, 'score')}.{gone}"
    )
