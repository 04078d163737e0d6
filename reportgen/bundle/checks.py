"""What the files of a bundle say about one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .digests import labels_sha256
from .errors import BadTable, Contradiction, TooLarge, WrongTypes
from .limits import MAX_LABELS
from .predictions import FILE, check_outcomes
from .schema import Labels

if TYPE_CHECKING:
    import pandas as pd

    from .reader import Bundle


def check_contents(bundle: Bundle) -> None:
    """Decode everything once and check the files against one another.

    Raises:
        Contradiction: they disagree.
        BundleError: one of them cannot be decoded.
    """
    manifest, labels = bundle.manifest, bundle.labels
    k = len(labels.names)
    if k > MAX_LABELS:
        raise TooLarge(f"{k:,} labels, at most {MAX_LABELS:,}", where=bundle.path)
    check_labels(labels)
    _ = bundle.config, bundle.latency, bundle.audit, bundle.reported, bundle.edits, bundle.training
    dataset = manifest.dataset
    if dataset is None:
        if manifest.kind == "measured":
            raise WrongTypes("field dataset: a measured bundle names its dataset", where=bundle.path)
    elif dataset.labels_sha256 != labels_sha256(labels.names) and (k or manifest.kind == "measured"):
        raise Contradiction("labels.json is not the dataset's label list", where=bundle.path)
    if dataset is not None and FILE in manifest.files and set(bundle.splits) != set(dataset.splits):
        raise Contradiction(
            f"predictions on {', '.join(bundle.splits) or 'nothing'}, the manifest says {', '.join(dataset.splits)}",
            where=bundle.path,
        )
    for split in bundle.splits:
        part = bundle.stored(split)
        check_outcomes(split, part, k)
        # A measured bundle has a dataset with just these splits: checked above.
        info = dataset.splits[split] if dataset is not None else None  # type: ignore[index]
        if info is None or info.n_rows != len(part) or info.rows_sha256 != part.rows_sha256:
            raise Contradiction(f"the rows of {split} are not those the manifest describes", where=bundle.path)
    if bundle.all_rows is not None:
        _check_rows(bundle, bundle.all_rows)


def check_labels(labels: Labels) -> None:
    """Check that label names are unique and that every per-label list has their length.

    Raises:
        Contradiction: they are not.
    """
    names = labels.names
    if len(set(names)) < len(names) or not all(names):
        raise Contradiction("label names repeat or are empty", where="labels.json")
    lengths = {"train_counts": labels.train_counts, **labels.tiers}
    for name, values in lengths.items():
        # Training counts may be unknown: a notebook need not have seen the training data.
        if len(values) != len(names) and not (name == "train_counts" and not values):
            raise Contradiction(f"{len(values)} {name} for {len(names)} labels", where="labels.json")
    if min(labels.train_counts, default=0) < 0:
        raise Contradiction("a negative training count", where="labels.json")


def _check_rows(bundle: Bundle, rows: pd.DataFrame) -> None:
    where = "rows.parquet"
    if not {"split", "row_id"} <= set(rows.columns):
        raise BadTable("columns split and row_id are missing", where=where)
    splits = rows["split"].to_numpy(dtype=object)
    unknown = set(splits.tolist()) - set(bundle.splits)
    if bundle.splits and unknown:
        raise Contradiction(f"rows of a split without predictions: {sorted(map(str, unknown))[0]!r}", where=where)
    for split in bundle.splits:
        ids = rows["row_id"].to_numpy(dtype=object)[splits == split]
        if len(ids) and not np.array_equal(ids, bundle.stored(split).row_ids):
            raise Contradiction(f"the rows of {split} are not those of the predictions", where=where)
