"""Predictions as a file states them → a draft of a measured bundle: checked, matched with the data, noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle import (
    Config,
    DatasetInfo,
    Labels,
    ModelInfo,
    SplitPredictions,
    canonical_json,
    labels_sha256,
    sha256,
    text_sha256,
)
from reportgen.bundle.predictions import SPLITS, outcome_of, prepare, store_logits
from reportgen.data import Course, Dataset, row_features
from reportgen.errors import InputError, one_line
from reportgen.stats import TIER_RULES, tiers

from .draft import Draft, Part
from .labels import Ids, LabelList
from .reading import FileId
from .rows import Match, by_position_ids, covered, match_rows, subset

if TYPE_CHECKING:
    import pandas as pd

_TIE = 1e-3
"""A stated prediction whose logit is within this share of the largest is a tie: float16 keeps three digits."""
_CONFIDENCE = 0.02


@dataclass
class Outcomes:
    """What a file states, in its own order; n rows each. `where` names the file in errors."""

    where: str
    names: LabelList
    labels: Ids | None = None
    logits: NDArray[np.floating[Any]] | None = None
    predictions: Ids | None = None
    confidence: NDArray[np.floating[Any]] | None = None
    row_ids: list[str] | None = None
    texts: list[str] | None = None
    split: str | None = None
    splits: list[str] | None = None
    """The split of each row, where the file says so."""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        logits, k = self.logits, len(self.names.names)
        if logits is not None and (logits.ndim != 2 or logits.shape[1] != k or logits.dtype.kind not in "iuf"):
            raise InputError(
                f"logits are {logits.dtype} of shape {logits.shape}",
                where=self.where,
                remedy=f"one row of {k} numbers an example",
            )

    @property
    def n(self) -> int:
        """Number of rows.

        Raises:
            InputError: the arrays have different lengths.
        """
        sizes = {
            name: len(values)
            for name in ("labels", "logits", "predictions", "confidence", "row_ids", "texts", "splits")
            if (values := getattr(self, name)) is not None
        }
        if len(set(sizes.values())) > 1:
            said = ", ".join(f"{size:,} {name}" for name, size in sizes.items())
            raise InputError(f"arrays of different lengths: {said}", where=self.where, remedy="one entry a row in each")
        return next(iter(sizes.values()), 0)


def measured(
    found: Outcomes,
    *,
    run_id: str,
    model: ModelInfo,
    course: Course,
    data: Dataset | None,
    files: Sequence[FileId],
    form: str,
    dataset: str = "not stated",
    week: int | None = None,
    trained_on: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Draft:
    """A draft of a measured bundle.

    Args:
        found: what the file states.
        run_id: name of the run.
        model: what is known about the model.
        course: the course.
        data: the dataset; its ids, texts and training counts go with the rows. Without it rows have positional ids.
        files: the source files.
        form: name of the format, for the bundle's config.
        dataset: name of the data the rows are said to be from, where `data` is None.
        week: of the course.
        trained_on: splits the model was fitted to, if known.
        settings: further facts for the bundle's config.

    Raises:
        InputError: outcomes that contradict themselves, each other or the data.
    """
    where = found.where
    if not found.n:
        raise InputError("there are no rows", where=where, remedy="save at least one prediction")
    if found.logits is None and found.predictions is None:
        raise InputError("neither predictions nor scores", where=where, remedy="add a column prediction, or logits")
    _check_logits(found)
    if data is None:
        parts, features, how = _without_data(found)
        info = DatasetInfo(name=dataset, labels_sha256=labels_sha256(found.names.names), splits={})
        counts: tuple[int, ...] = ()
    else:
        parts, features, how = _with_data(found, data, course)
        info = DatasetInfo(
            name=data.name,
            revision=data.revision,
            labels_sha256=labels_sha256(data.labels),
            splits={},
            synthetic=data.synthetic,
            licence=data.licence,
        )
        counts = tuple(data.train_counts.tolist()) if "train" in data.splits else ()
    source = ", ".join(one_line(file.name, 120) for file in files)
    notes = [f"Imported from {source} ({form}); rows matched by {how}.", *found.notes]
    info = info.model_copy(update={"notes": (*(data.notes if data else ()), *notes)})
    resolved = {
        "format": form,
        "files": {file.name: file.sha256 for file in files},
        "rows_matched_by": how,
        "outcomes_sha256": {name: _digest(part.outcomes) for name, part in parts.items()},
        **(settings or {}),
    }
    return Draft(
        run_id=run_id,
        model=model,
        course=course.name,
        config=Config(passed={"files": [file.name for file in files]}, resolved=resolved),
        labels=Labels(names=found.names.names, train_counts=counts, tiers=tier_map(counts)),
        kind="measured",
        dataset=info,
        parts=parts,
        rows=features,
        week=week,
        trained_on=trained_on,
        notes=notes,
    )


def tier_map(train_counts: Sequence[int]) -> dict[str, tuple[str, ...]]:
    """The tier of every label under every rule, empty where the training counts are unknown."""
    if not train_counts:
        return {}
    return {rule: tuple(str(tier) for tier in tiers(train_counts, rule)) for rule in TIER_RULES}


def _check_logits(found: Outcomes) -> None:
    """Predictions and confidences must follow from the logits beside them."""
    logits, where = found.logits, found.where
    if logits is None:
        if found.confidence is not None and not ((found.confidence >= 0) & (found.confidence <= 1)).all():
            raise InputError("a confidence lies outside of 0 … 1", where=where, remedy="give probabilities")
        return
    top = logits.max(axis=1)
    if bad := int((~np.isfinite(top)).sum()):
        raise InputError(
            f"logits of {bad:,} rows are NaN or infinite",
            where=where,
            remedy="look for a diverged loss or an fp16 overflow",
        )
    if found.predictions is not None:
        if (found.predictions < 0).any():
            raise InputError(
                "a prediction of −1 beside logits", where=where, remedy="an answer with scores has a label"
            )
        chosen = np.take_along_axis(logits, found.predictions[:, None], axis=1)[:, 0].astype(np.float64)
        margin = top.astype(np.float64) - chosen
        wrong = np.flatnonzero(margin > _TIE * np.maximum(1.0, np.abs(top.astype(np.float64))))
        if wrong.size:
            raise InputError(
                f"{wrong.size:,} of {len(margin):,} predictions are not the argmax of their scores, "
                f"first in row {int(wrong[0]) + 1}",
                where=where,
                remedy="save predictions and scores of the same model in the same row order",
            )
    stored = store_logits(logits, where)
    if found.predictions is not None and (moved := int((outcome_of(stored)[0] != found.predictions).sum())):
        found.notes.append(
            f"{moved:,} predictions are ties, or become ties in float16; the stored logits decide (lowest id)."
        )
    if found.confidence is not None:
        values = logits.astype(np.float64)
        own = 1 / np.exp(values - values.max(axis=1, keepdims=True)).sum(axis=1)
        if off := int((np.abs(own - found.confidence) > _CONFIDENCE).sum()):
            found.notes.append(
                f"{off:,} stated confidences are not the softmax of the logits beside them; the logits' are used."
            )
        found.confidence = None
    found.logits = stored


def _with_data(found: Outcomes, data: Dataset, course: Course) -> tuple[dict[str, Part], pd.DataFrame | None, str]:
    import pandas as pd

    match: Match = match_rows(
        data,
        found.n,
        row_ids=found.row_ids,
        texts=found.texts,
        labels=found.labels,
        split=found.split,
        where=found.where,
    )
    _check_splits(found, match)
    parts, features = {}, []
    for rows in sorted(match.found, key=lambda rows: SPLITS.index(rows.split)):
        split = data.splits[rows.split]
        ids, texts = split.row_ids[rows.in_data], split.texts[rows.in_data]
        outcomes = _prepare(found, rows.in_file, ids, text_sha256(texts), split.labels[rows.in_data], rows.split)
        parts[rows.split] = Part(outcomes, subset(split, rows))
        frame = row_features(texts, redaction=course.redaction)
        features.append(frame.assign(split=rows.split, row_id=ids))
    for name, (here, there) in covered(data, match).items():
        if here < there:
            found.notes.append(f"The file covers {here:,} of the {there:,} rows of {name}.")
    return parts, pd.concat(features, ignore_index=True), match.how


def _without_data(found: Outcomes) -> tuple[dict[str, Part], None, str]:
    if found.labels is None:
        raise InputError(
            "the file has no true labels",
            where=found.where,
            remedy="pass --data, or import a file of the same run that has them",
        )
    ids = found.row_ids
    how = "the file's own row ids" if ids is not None else "position"
    if ids is None:
        ids = by_position_ids(found.n)
        said = "Without the data, rows are known by their position only"
    else:
        said = "Without the data, nobody checked that these rows and labels are the dataset's"
    digests = None if found.texts is None else text_sha256(found.texts)
    if digests is None:
        said += " and no text is known: slices cannot be joined to them"
    if found.split is None and found.splits is None:
        said += "; that they are the validation split is assumed"
    found.notes.append(f"{said}. Import with --data to change that.")
    names = np.array(found.splits or [found.split or "val"] * found.n, dtype=object)
    every = np.array(ids, dtype=object)
    parts = {}
    for split in sorted(set(names.tolist()), key=SPLITS.index):
        rows = np.flatnonzero(names == split)
        known = None if digests is None else digests[rows]
        parts[split] = Part(_prepare(found, rows, every[rows], known, found.labels[rows], split))
    return parts, None, how


def _check_splits(found: Outcomes, match: Match) -> None:
    """The splits a file states must be those its rows have in the data."""
    for rows in match.found if found.splits is not None else ():
        stated = np.array(found.splits, dtype=object)[rows.in_file]
        wrong = np.flatnonzero(stated != rows.split)
        if wrong.size:
            raise InputError(
                f"row {int(rows.in_file[wrong[0]]) + 1} is in {rows.split} of the data, not in {stated[wrong[0]]}",
                where=found.where,
                remedy="was it scored on another split of the same data?",
            )


def _prepare(
    found: Outcomes, rows: NDArray[np.int64], ids: Any, digests: Any, labels: Any, split: str
) -> SplitPredictions:
    def part(values: Any) -> Any:
        return None if values is None else values[rows]

    return prepare(
        ids,
        digests,
        labels,
        k=len(found.names.names),
        logits=part(found.logits),
        predictions=part(found.predictions) if found.logits is None else None,
        confidence=part(found.confidence) if found.logits is None else None,
        where=f"{found.where}, {split}",
    )


def _digest(part: SplitPredictions) -> str:
    raw = part.predictions if part.logits is None else part.logits
    return sha256(part.rows_sha256.encode() + canonical_json(str(raw.dtype)) + np.ascontiguousarray(raw).tobytes())
