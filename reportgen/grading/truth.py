"""The instructor's labels: what no student controls, and the predictions in a memo scored against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle import scored_order
from reportgen.errors import InputError
from reportgen.stats import scores

if TYPE_CHECKING:
    from reportgen.memo.check.recompute import Rows

REMEDY = "give a CSV with a column `label` (and `row_id`, `text`, `split` where known), or a bundle of your own"


@dataclass(frozen=True, eq=False)
class TrueRows:
    """True labels of one split in the file's order: shape (n,), ids into `names`; row ids where the file has them."""

    labels: NDArray[np.int16]
    row_ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Truth:
    """True labels by split; a file without a split column has one, called "" and taken for whichever split fits."""

    names: tuple[str, ...]
    splits: Mapping[str, TrueRows]
    digest: str

    def of(self, split: str) -> TrueRows | None:
        """The labels of a split."""
        return self.splits.get(split) or self.splits.get("")


def read_truth(path: str | Path) -> Truth:
    """Read the instructor's labels from a table or a bundle.

    Raises:
        InputError: no such file, no column `label`, or a label that is empty.
    """
    target = Path(path)
    if target.is_dir() or target.suffix == ".zip":
        return _from_bundle(target)
    import pandas as pd

    try:
        frame = pd.read_csv(target, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as a table: {error}", where=target.name, remedy=REMEDY) from None
    if "label" not in frame.columns or frame.empty:
        raise InputError("there is no column 'label'", where=target.name, remedy=REMEDY)
    if (frame["label"] == "").any():
        raise InputError("a row has no label", where=target.name, remedy="give every row its label")
    names = tuple(sorted(set(frame["label"])))
    ids = frame["label"].map({name: number for number, name in enumerate(names)}).to_numpy(np.int16)
    split = frame["split"].to_numpy() if "split" in frame.columns else np.full(len(frame), "")
    rows = frame["row_id"].to_numpy() if "row_id" in frame.columns else None
    return Truth(
        names,
        {
            str(name): TrueRows(ids[split == name], () if rows is None else tuple(rows[split == name]))
            for name in dict.fromkeys(split.tolist())
        },
        _digest(names, ids, split),
    )


def _from_bundle(path: Path) -> Truth:
    from reportgen.bundle import read_bundle

    bundle = read_bundle(path)
    found: dict[str, TrueRows] = {}
    for split in bundle.splits:
        outcomes = bundle.predictions(split)
        found[split] = TrueRows(outcomes.labels.astype(np.int16), tuple(map(str, outcomes.row_ids)))
    names = tuple(bundle.labels.names)
    return Truth(names, found, _digest(names, *(rows.labels for rows in found.values())))


def _digest(names: tuple[str, ...], *arrays: Any) -> str:
    from reportgen.bundle import canonical_json, sha256

    return sha256(canonical_json([names, *(np.asarray(array).tolist() for array in arrays)]))


def against(truth: Truth, runs: Mapping[str, Rows]) -> list[str]:
    """What the instructor's labels say about a memo's rows; empty where they agree.

    Rows are matched by position, and where that disagrees by the order of the sorted row ids.
    """
    said = []
    seen: set[int] = set()
    for name, rows in runs.items():
        true = truth.of(rows.split)
        if true is None:
            continue
        if len(true.labels) != len(rows.labels):
            if rows.set not in seen:
                said.append(
                    f"scored on {len(rows.labels):,} rows of {rows.split}; your labels have {len(true.labels):,}"
                )
            seen.add(rows.set)
            continue
        ids = {label: number for number, label in enumerate(rows.names)}
        known = np.array([ids.get(label, -1) for label in truth.names])
        labels = _best(known[true.labels], true.row_ids, rows.labels)
        differ = int((labels != rows.labels).sum())
        if not differ:
            continue
        again = scores(np.maximum(labels, 0), np.where(labels < 0, -1, rows.predictions), rows.k)
        own = scores(rows.labels, rows.predictions, rows.k)
        said.append(
            f"{differ:,} of {len(labels):,} true labels differ from yours; on your labels {name} has accuracy "
            f"{again.accuracy:.3f} and macro F1 {again.macro_f1:.3f}, on the memo's {own.accuracy:.3f} and "
            f"{own.macro_f1:.3f}"
        )
    return said


def _best(labels: NDArray[Any], row_ids: tuple[str, ...], said: NDArray[Any]) -> NDArray[Any]:
    if not row_ids or np.array_equal(labels, said):
        return labels
    ids = np.array(row_ids, dtype=object)
    # Memos of earlier versions carry their rows in the order of the ids as text.
    orders = labels, labels[scored_order(ids)], labels[np.argsort(ids, kind="stable")]
    return min(orders, key=lambda one: int((one != said).sum()))
