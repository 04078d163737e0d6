"""Outcomes of one split: checked arrays in, `predictions.parquet` out, and back."""

from __future__ import annotations

import dataclasses
import io
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .digests import rows_sha256
from .errors import BadOutcome, BadTable, Contradiction, TooLarge
from .limits import MAX_CELLS, MAX_LABELS, MAX_ROWS, MAX_STRING
from .tables import arrow_errors, is_text, open_table, strings

FILE = "predictions.parquet"
SPLITS = ("train", "val", "test")
UNPARSED = -1
"""The prediction of an answer that names no label; always wrong, and only where a model has no logits."""

COLUMNS = {
    "split": "string: train, val or test; splits in this order, rows in order of row_id",
    "row_id": "string, unique within its split",
    "text_sha256": "string or null: SHA-256 of the UTF-8 text",
    "label": "int16: id of the true label",
    "prediction": "int16: argmax of the stored logits, the lowest id on ties; without logits −1 is an unparsed answer",
    "confidence": "float32 or null: largest softmax of the stored logits, or what the model stated",
    "logits": "float16 list of fixed length K; the column is absent where the model has none",
}
"""Columns of predictions.parquet, as published in docs/schema."""

_FLOAT16_MAX = float(np.finfo(np.float16).max)
_RAW_UP_TO = 64.0
_CONFIDENCE_TOLERANCE = 1e-4
_digested: deque[tuple[tuple[NDArray[Any], ...], str]] = deque(maxlen=4)
"""Rows digested last: the runs of a memo scored the same ones, and comparing arrays takes a tenth of a digest."""


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """What a model answered on one split; all arrays are read-only.

    A file holds rows in order of row_id as text, a bundle hands them out in `scored_order`.

    Shapes: `row_ids`, `text_sha256` (object, str or None), `labels`, `predictions` (int16, −1 = unparsed) and
    `confidence` (float32, None if unknown) have n entries; `logits` is (n, K) float16 as stored, or None.
    """

    row_ids: NDArray[np.object_]
    text_sha256: NDArray[np.object_]
    labels: NDArray[np.int16]
    predictions: NDArray[np.int16]
    confidence: NDArray[np.float32] | None
    logits: NDArray[np.float16] | None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, order: NDArray[np.intp]) -> SplitPredictions:
        """The same rows in another order."""
        taken = SplitPredictions(
            self.row_ids[order],
            self.text_sha256[order],
            self.labels[order],
            self.predictions[order],
            None if self.confidence is None else self.confidence[order],
            None if self.logits is None else self.logits[order],
        )
        for field in dataclasses.fields(taken):
            if (array := getattr(taken, field.name)) is not None:
                array.flags.writeable = False
        if "rows_sha256" in vars(self):  # No order changes it, and it is not cheap.
            vars(taken)["rows_sha256"] = self.rows_sha256
        return taken

    @cached_property
    def rows_sha256(self) -> str:
        """Digest of the rows that were scored."""
        rows = (self.row_ids, self.text_sha256, self.labels)
        if any(array.flags.writeable for array in rows):
            return rows_sha256(*rows)
        for known, digest in tuple(_digested):
            if all(map(np.array_equal, known, rows)):
                return digest
        digest = rows_sha256(*rows)
        _digested.append((rows, digest))
        return digest


def scored_order(row_ids: NDArray[np.object_]) -> NDArray[np.intp]:
    """Indices that put row ids as they were scored, shape (n,): val:2 before val:10, shorter ids first.

    Folds, resamples and samples are drawn by position: so that a notebook's own T and rows come out again, positions
    must be those of the file that was scored.
    """
    by_text = np.argsort(row_ids, kind="stable")
    lengths = np.fromiter(map(len, row_ids[by_text]), np.intp, len(row_ids))
    return by_text[np.argsort(lengths, kind="stable")]


def store_logits(logits: ArrayLike, where: str = "logits") -> NDArray[np.float16]:
    """Round logits to float16 as they are stored, shape (n, K).

    Rows are kept raw while their largest value lies within ±64. Beyond that float16 has steps of 1/16 and more, so
    that summed log-probabilities would tie; such rows are shifted to a largest value of 0, which no softmax and no
    argmax notices. What then is below −65,504 (−inf too: a probability of zero) is stored as −65,504.

    Raises:
        BadOutcome: not numbers, NaN, +inf, or a row of nothing but −inf.
    """
    try:
        values = np.asarray(logits)
        values = values.astype(np.float32 if values.dtype in (np.float16, np.float32) else np.float64)
    except (TypeError, ValueError):
        raise BadOutcome("logits are not a rectangular array of numbers", where=where) from None
    if values.ndim != 2:
        raise BadOutcome(f"logits have shape {values.shape}", where=where, remedy="pass one row of K scores an example")
    top = values.max(axis=1, keepdims=True, initial=-np.inf)
    bad = np.flatnonzero(~np.isfinite(top[:, 0]))
    if bad.size:
        raise BadOutcome(
            f"logits of {bad.size:,} rows are NaN or infinite, first in row {bad[0]}",
            where=where,
            remedy="look for a diverged loss or an overflow in fp16, then score again",
        )
    coarse = (np.abs(top) > _RAW_UP_TO) | (values.min(axis=1, keepdims=True, initial=0) < -_FLOAT16_MAX)
    shifted = np.where(coarse, values - top, values)
    return np.maximum(shifted, -_FLOAT16_MAX).astype(np.float16)


def outcome_of(logits: NDArray[np.float16]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Prediction (argmax, lowest id on ties) and confidence (largest softmax) of stored logits, each shape (n,)."""
    values = logits.astype(np.float32)
    if not values.size:
        return np.zeros(len(values), np.int16), np.zeros(len(values), np.float32)
    chosen = values.argmax(axis=1).astype(np.int16)
    values -= values.max(axis=1, keepdims=True)
    np.exp(values, out=values)
    return chosen, (1 / values.sum(axis=1)).astype(np.float32)


def prepare(
    row_ids: Sequence[str] | ArrayLike,
    text_sha256: ArrayLike | None,
    labels: ArrayLike,
    *,
    k: int,
    logits: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    where: str = "predictions",
) -> SplitPredictions:
    """Check the outcomes of one split, round them as stored and sort them by row_id.

    Args:
        row_ids: unique strings, shape (n,).
        text_sha256: hex digests or None, shape (n,), or None when no row has a text.
        labels: ids in [0, k), shape (n,).
        k: number of labels.
        logits: scores, shape (n, k). Predictions and confidence follow from them.
        predictions: ids in [−1, k), shape (n,), only without logits.
        confidence: in [0, 1], shape (n,), only without logits.
        where: what to call them in errors.

    Raises:
        BadOutcome: shapes, ranges, NaN, repeated row ids, or not exactly one of logits and predictions.
    """
    ids = np.asarray(row_ids, dtype=object)
    n = len(ids)
    if n and not all(isinstance(i, str) and 0 < len(i.encode("utf-8", "replace")) <= MAX_STRING for i in ids.tolist()):
        raise BadOutcome(f"row ids must be strings of 1 to {MAX_STRING} bytes", where=where)
    if len(set(ids.tolist())) < n:
        raise BadOutcome("row ids repeat", where=where, remedy="give every row of a split its own id")
    digests = np.full(n, None, dtype=object) if text_sha256 is None else np.asarray(text_sha256, dtype=object)
    true = _ids(labels, "labels", 0, k, where)
    if (logits is None) == (predictions is None):
        raise BadOutcome("give either logits or predictions", where=where)
    stored: NDArray[np.float16] | None = None
    stated: NDArray[np.float32] | None = None
    if logits is not None:
        if confidence is not None:
            raise BadOutcome("confidence follows from the logits", where=where, remedy="leave it out")
        stored = store_logits(logits, where)
        if stored.shape[1] != k:
            raise BadOutcome(f"{stored.shape[1]} logits a row for {k} label names", where=where)
        chosen, stated = outcome_of(stored)
    else:
        chosen = _ids(predictions, "predictions", UNPARSED, k, where)
        stated = None if confidence is None else _confidence(confidence, where)
    lengths = {"labels": len(true), "outcomes": len(chosen), "text_sha256": len(digests)}
    lengths |= {} if stated is None else {"confidence": len(stated)}
    for name, length in lengths.items():
        if length != n:
            raise BadOutcome(f"{length:,} {name} for {n:,} row ids", where=where)
    order = np.argsort(ids, kind="stable")
    return SplitPredictions(
        ids[order],
        digests[order],
        true[order],
        chosen[order],
        None if stated is None else stated[order],
        None if stored is None else stored[order],
    )


def to_parquet(splits: Mapping[str, SplitPredictions], k: int) -> bytes:
    """The file's bytes.

    Raises:
        BadOutcome: some splits with logits, some without.
        TooLarge: over the caps.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = {name: splits[name] for name in SPLITS if name in splits}
    _check_size(sum(map(len, parts.values())), k)
    with_logits = {part.logits is not None for part in parts.values()}
    if len(with_logits) > 1:
        raise BadOutcome("some splits have logits, some have none", where=FILE, remedy="write two runs")

    def column(field: str) -> list[Any]:
        return [getattr(part, field) for part in parts.values()]

    confidence = [
        np.full(len(part), np.nan, np.float32) if part.confidence is None else part.confidence
        for part in parts.values()
    ]
    split_ids = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in parts.values()])
    columns = {
        "split": pa.DictionaryArray.from_arrays(pa.array(split_ids), pa.array(list(parts), pa.string())),
        "row_id": pa.array(np.concatenate(column("row_ids")), pa.string()),
        "text_sha256": pa.array(np.concatenate(column("text_sha256")), pa.string()),
        "label": pa.array(np.concatenate(column("labels")), pa.int16()),
        "prediction": pa.array(np.concatenate(column("predictions")), pa.int16()),
        "confidence": pa.array(np.concatenate(confidence), pa.float32(), from_pandas=True),
    }
    if with_logits == {True}:
        flat = pa.array(np.concatenate(column("logits")).reshape(-1), pa.float16())
        columns["logits"] = pa.FixedSizeListArray.from_arrays(flat, k)
    sink = io.BytesIO()
    # Dictionaries of nearly unique values only cost time and bytes.
    pq.write_table(pa.table(columns), sink, compression="zstd", use_dictionary=["split", "label", "prediction"])
    return sink.getvalue()


def from_parquet(data: bytes, k: int) -> dict[str, SplitPredictions]:
    """Decode the file; shapes and types are checked, contents are `check_outcomes`'s business.

    Raises:
        BadTable: not such a table.
        TooLarge: over the caps.
    """
    import pyarrow as pa

    with arrow_errors(FILE):
        file = open_table(data, FILE, ("split", "row_id", "text_sha256"))
        has_logits = _check_schema(file.schema_arrow, k)
        _check_size(file.metadata.num_rows, k if has_logits else 1)
        table = file.read(use_threads=False)
        if any(table[name].null_count for name in ("split", "row_id", "label", "prediction")):
            raise BadTable("empty cells in split, row_id, label or prediction", where=FILE)
        split = strings(table["split"], FILE)
        ids, digests = strings(table["row_id"], FILE), strings(table["text_sha256"], FILE)
        labels = table["label"].to_numpy().astype(np.int16)
        predictions = table["prediction"].to_numpy().astype(np.int16)
        confidence = table["confidence"].to_numpy().astype(np.float32)
        logits: NDArray[np.float16] | None = None
        if has_logits:
            lists = table["logits"].combine_chunks()
            lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
            flat = lists.flatten()
            if lists.null_count or flat.null_count or len(flat) != len(ids) * k:
                raise BadTable("empty cells in logits", where=FILE)
            logits = flat.to_numpy(zero_copy_only=False).reshape(len(ids), k)
    unknown = set(split.tolist()) - set(SPLITS)
    if unknown:
        raise BadTable(f"unknown split {min(unknown)!r}", where=FILE, remedy="splits are train, val and test")
    found: dict[str, SplitPredictions] = {}
    for name in SPLITS:
        rows = np.flatnonzero(split == name)
        if not rows.size:
            continue
        if rows[-1] - rows[0] + 1 != rows.size:
            raise BadTable(f"rows of {name} are not in one block", where=FILE)
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        stated = confidence[part]
        arrays = ids[part], digests[part], labels[part], predictions[part]
        scores = None if logits is None else logits[part]
        has_confidence = not np.isnan(stated).any()
        for array in (*arrays, stated, *(() if scores is None else (scores,))):
            array.flags.writeable = False
        found[name] = SplitPredictions(*arrays, stated if has_confidence else None, scores)
    return found


def check_outcomes(split: str, part: SplitPredictions, k: int) -> None:
    """Check what a decoded split says against itself.

    Raises:
        Contradiction: ids out of range or out of order, a digest that is none, a prediction that is not the argmax.
    """
    where = f"{FILE}, split {split}"
    if len(part) > 1 and (part.row_ids[1:] <= part.row_ids[:-1]).any():
        raise Contradiction("row ids repeat or are not in order", where=where)
    lowest = UNPARSED if part.logits is None else 0
    for name, ids, low in (("label", part.labels, 0), ("prediction", part.predictions, lowest)):
        if len(ids) and (ids.min() < low or ids.max() >= k):
            raise Contradiction(f"a {name} lies outside of {low} … {k - 1}", where=where)
    if part.confidence is not None and not ((part.confidence >= 0) & (part.confidence <= 1)).all():
        raise Contradiction("a confidence lies outside of 0 … 1", where=where)
    if part.logits is None:
        return
    if not np.isfinite(part.logits).all():
        raise Contradiction("logits are NaN or infinite", where=where)
    chosen, confidence = outcome_of(part.logits)
    differ = np.flatnonzero(chosen != part.predictions)
    if differ.size:
        raise Contradiction(
            f"{differ.size:,} predictions are not the argmax of their logits, first in row {part.row_ids[differ[0]]!r}",
            where=where,
        )
    if part.confidence is None or np.abs(confidence - part.confidence).max(initial=0) > _CONFIDENCE_TOLERANCE:
        raise Contradiction("confidences are not the softmax of their logits", where=where)


def _check_schema(schema: Any, k: int) -> bool:
    """Whether the table has logits; its columns must be exactly ours."""
    import pyarrow as pa

    expected = {"label": pa.int16(), "prediction": pa.int16(), "confidence": pa.float32()}
    names = list(COLUMNS)
    if schema.names not in (names, names[:-1]):
        raise BadTable(f"columns are {', '.join(schema.names[:10])}, expected {', '.join(names)}", where=FILE)
    for name in ("split", "row_id", "text_sha256"):
        if not is_text(schema.field(name).type):
            raise BadTable(f"column {name} is {schema.field(name).type}, not text", where=FILE)
    has_logits = "logits" in schema.names
    if has_logits:
        expected["logits"] = pa.list_(pa.float16(), k)
    for name, kind in expected.items():
        if schema.field(name).type != kind:
            raise BadTable(f"column {name} is {schema.field(name).type}, not {kind}", where=FILE)
    return has_logits


def _check_size(n: int, k: int) -> None:
    if n > MAX_ROWS or k > MAX_LABELS or n * k > MAX_CELLS:
        raise TooLarge(
            f"{n:,} rows × {k:,} labels; at most {MAX_ROWS:,} × {MAX_LABELS:,} and {MAX_CELLS:,} scores", where=FILE
        )


def _ids(values: Any, name: str, low: int, k: int, where: str) -> NDArray[np.int16]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise BadOutcome(
            f"{name} are {array.dtype} of shape {array.shape}", where=where, remedy="pass one integer label id a row"
        )
    if array.size and (array.min() < low or array.max() >= k):
        raise BadOutcome(
            f"{name} run from {array.min()} to {array.max()}; {k} names allow {low} … {k - 1}",
            where=where,
            remedy="pass all label names in id order, and ids that start at 0",
        )
    return array.astype(np.int16)


def _confidence(values: ArrayLike, where: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise BadOutcome("confidence is not an array of numbers", where=where) from None
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise BadOutcome("confidence is not one number from 0 to 1 a row", where=where)
    return array
