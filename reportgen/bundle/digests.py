"""Digests that say whether two runs scored the same rows with the same labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def canonical_json(value: Any) -> bytes:
    """The one byte string for a JSON value: sorted keys, no blanks, UTF-8.

    Raises:
        ValueError: NaN, Infinity, a cycle or a lone surrogate.
        TypeError: something JSON has no type for.
    """
    return _ENCODER.encode(value).encode("utf-8")


def sha256(data: bytes) -> str:
    """Lower-case hex digest."""
    return hashlib.sha256(data).hexdigest()


def text_sha256(texts: Iterable[str | None]) -> NDArray[np.object_]:
    """Hex digest of the UTF-8 bytes of each text, None where there is no text. Shape (n,), dtype object."""
    digest = hashlib.sha256
    # surrogatepass: a text scraped with lone surrogates still has one digest instead of an error.
    hashed = [None if t is None else digest(t.encode("utf-8", "surrogatepass")).hexdigest() for t in texts]
    out = np.empty(len(hashed), dtype=object)
    out[:] = hashed
    return out


def rows_sha256(row_ids: Sequence[str] | ArrayLike, text_digests: ArrayLike | None, labels: ArrayLike) -> str:
    """Digest of what was scored: the (row_id, text_sha256 or null, label id) triples, sorted by row_id.

    Args:
        row_ids: unique strings, shape (n,), in any order.
        text_digests: hex digests or None, shape (n,); None when no row has a text.
        labels: label ids, shape (n,).
    """
    ids = np.asarray(row_ids, dtype=object)
    digests = np.full(len(ids), None, dtype=object) if text_digests is None else np.asarray(text_digests, dtype=object)
    order = np.argsort(ids, kind="stable")
    triples = zip(
        ids[order].tolist(), digests[order].tolist(), np.asarray(labels, dtype=np.int64)[order].tolist(), strict=True
    )
    return sha256(canonical_json(list(triples)))


def labels_sha256(names: Iterable[str]) -> str:
    """Digest of the label names in id order."""
    return sha256(canonical_json(list(names)))
