"""What a model mistakes for what: confused pairs, the block of classes around them, and its surest errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import confused_pairs, confusion, suspect_pairs

from .classes import FEW
from .model import Column, Figure, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import wilson_interval
from .texts import text_cell, text_column, text_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.data import Course

    from .runs import Runs
    from .texts import Texts

PAIRS, BLOCK, HARD = 10, 12, 10


def _matrix(runs: Runs, run: Bundle) -> NDArray[np.int64]:
    rows = run.predictions(runs.split or "val")
    return np.asarray(confusion(rows.labels, rows.predictions, len(run.labels.names)))


def pairs_table(runs: Runs, run: Bundle, course: Course, table_id: str) -> Table:
    """The most frequent errors as ordered pairs, with a flag where the label list itself may be the cause."""
    names, matrix = run.labels.names, _matrix(runs, run)
    support = runs.per_class(run).support
    suspects = {(pair.a, pair.b): pair for pair in suspect_pairs(names, course.merge.values())}
    rows: list[dict[str, Scalar | Value]] = []
    for pair in confused_pairs(matrix, PAIRS):
        suspect = suspects.get((min(pair.true, pair.predicted), max(pair.true, pair.predicted)))
        flag = None
        if suspect is not None:
            shared = f"both names hold {listing([f'“{word}”' for word in suspect.shared], 3)}" if suspect.shared else ""
            flag = "; ".join(filter(None, (shared, "both took in merged labels" if suspect.merged else "")))
        n = int(support[pair.true])
        rows.append(
            {
                "true": names[pair.true],
                "predicted": names[pair.predicted],
                "count": pair.count,
                "n": n,
                "share": None
                if n <= FEW
                else Value(
                    "confused_share",
                    pair.count / n,
                    "fraction",
                    run=run.run_id,
                    split=runs.split,
                    n=n,
                    interval=wilson_interval(pair.count, n),
                    field="predictions.parquet",
                ),
                "back": int(matrix[pair.predicted, pair.true]),
                "flag": flag,
            }
        )
    columns = [
        Column("true", "True class", wide=True),
        Column("predicted", "Predicted as", wide=True),
        Column("count", "Errors", "count"),
        Column("n", "Rows", "count", help="of the true class"),
        Column("share", "Share of its rows", "fraction"),
        Column("back", "Other way", "count"),
    ]
    if any(row["flag"] for row in rows):
        columns.append(Column("flag", "Label pipeline?", wide=True))
    shown = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"The most frequent errors of {run.run_id} on {runs.split} as ordered pairs. “Label pipeline?” flags "
        "pairs to read by hand: names that share a rare word, or both targets of a merge. It is no finding.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="true",
    )


def pairs_sentence(runs: Runs, run: Bundle, table: Table) -> str:
    """How much of all errors the shown pairs hold."""
    rows = run.predictions(runs.split or "val")
    wrong = int((rows.labels != rows.predictions).sum())
    if not table.rows:
        return f"{run.run_id} confuses no two classes on {runs.split}."
    held = sum(int(str(row["count"])) for row in table.rows)
    flagged = sum(bool(row.get("flag")) for row in table.rows)
    first = table.rows[0]
    tail = (
        f" {flagged} of the pairs {'is' if flagged == 1 else 'are'} flagged for a look at the labels."
        if flagged
        else ""
    )
    return (
        f"The {plural(len(table.rows), 'pair')} shown hold {held:,} of {wrong:,} errors "
        f"({show(held / wrong, 'fraction')}); most often “{first['true']}” is taken for “{first['predicted']}” "
        f"({first['count']} of {first['n']} rows).{tail}"
    )


def confusion_block(runs: Runs, run: Bundle, figure_id: str) -> Figure | None:
    """Counts among the classes of the most frequent errors, classes that are confused side by side."""
    matrix, names = _matrix(runs, run), run.labels.names
    pairs = confused_pairs(matrix, None)
    if not pairs:
        return None
    chosen: list[int] = []
    for pair in pairs:
        fresh = [label for label in (pair.true, pair.predicted) if label not in chosen]
        if len(chosen) + len(fresh) > BLOCK:
            break
        chosen += fresh
    order = _side_by_side(chosen, matrix)
    block = matrix[np.ix_(order, order)]
    support = runs.per_class(run).support[order]
    wrong = int(matrix.sum() - np.trace(matrix))
    inside = int(block.sum() - np.trace(block))
    top = pairs[0]
    return Figure(
        id=figure_id,
        kind="confusion-block",
        caption=f"Rows of {runs.split} by true class (down) and predicted class (across, by number), {run.run_id}. "
        f"The {len(order)} classes of the most frequent errors. Shade: share of the true class's rows.",
        finding=f"{inside:,} of {wrong:,} errors of {run.run_id} fall between these {len(order)} classes; the largest "
        f"cell off the diagonal is {names[top.true]} taken for {names[top.predicted]}: {top.count}.",
        data={
            "names": [names[label] for label in order],
            "counts": block.tolist(),
            "support": support.tolist(),
        },
    )


def _side_by_side(labels: list[int], matrix: NDArray[np.int64]) -> list[int]:
    """Greedy chain: each class is followed by the one it is most often confused with, either way."""
    left = list(labels)
    order = [left.pop(0)]
    while left:
        last = order[-1]
        mixed = [int(matrix[last, other] + matrix[other, last]) for other in left]
        order.append(left.pop(int(np.argmax(mixed))))
    return order


def hard_table(runs: Runs, run: Bundle, table_id: str, texts: Texts | None = None) -> Table | None:
    """The wrong rows with the largest margin between first and second logit; None without logits or errors."""
    rows = run.predictions(runs.split or "val")
    if (stored := rows.logits) is None or len(run.labels.names) < 2:
        return None
    logits = np.asarray(stored, dtype=np.float64)
    wrong = np.flatnonzero((rows.labels != rows.predictions) & (rows.predictions >= 0))
    if not len(wrong):
        return None
    top = np.partition(logits[wrong], -2, axis=1)
    margin = top[:, -1] - top[:, -2]
    # Equal margins keep the order of row ids, so a memo is the same whoever builds it.
    order = np.lexsort((rows.row_ids[wrong].astype(str), -margin))[:HARD]
    names = run.labels.names
    features = _features(run, runs.split or "val")
    shown: list[dict[str, Scalar]] = []
    for at in order:
        i = int(wrong[at])
        row_id = str(rows.row_ids[i])
        shown.append(
            {
                "row": row_id,
                "true": names[int(rows.labels[i])],
                "predicted": names[int(rows.predictions[i])],
                "margin": float(margin[at]),
                "confidence": None if rows.confidence is None else float(rows.confidence[i]),
                "words": features.get(row_id),
                **text_cell(texts, rows, i),
            }
        )
    dataset = run.manifest.dataset.name if run.manifest.dataset else "the dataset"
    columns = [
        Column("row", "Row id"),
        Column("true", "True class", wide=True),
        Column("predicted", "Predicted as", wide=True),
        Column("margin", "Margin", "score", help="logits, 1st − 2nd"),
        Column("confidence", "Confidence", "fraction"),
    ]
    if features:
        columns.append(Column("words", "Words", "count"))
    columns += text_column(texts)
    keys = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"The surest errors of {run.run_id} on {runs.split}: largest margin between first and second logit, of "
        f"{len(wrong):,} wrong rows.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in keys} for row in shown),
        row_header="row",
        notes=(text_note(texts, dataset),),
    )


def _features(run: Bundle, split: str) -> dict[str, int]:
    frame = run.rows(split)
    if frame is None or not {"row_id", "words"} <= set(frame.columns):
        return {}
    return {str(row): int(words) for row, words in zip(frame["row_id"], frame["words"], strict=True)}
