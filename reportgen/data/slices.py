"""Features of a text that slices are made of, and the six slice axes of week 4 (course-evidence §1.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

AXES = ("char_length", "redaction", "tok_length", "numeric", "opener_I", "allcaps")

_REDACTED = "X{4}"
_NUMERIC = re.compile(r"\$\d|(?<!\w)\d{4,}(?!\w)")
_CAPITALS = re.compile(r"\b[A-Z]{3,}\b")


def row_features(
    texts: Sequence[str] | NDArray[np.object_],
    tokens: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    *,
    redaction: str = _REDACTED,
) -> pd.DataFrame:
    """Slice features of texts, a row each; the texts themselves are not kept.

    Args:
        texts: n strings.
        tokens: token count of each text (untruncated, with special tokens) where a tokenizer was at hand.
        redaction: regular expression that finds a redaction.

    Returns:
        Columns `chars`, `words` (int32), `tokens` (nullable Int32), `redacted`, `numeric`, `opener_I` (bool) and
        `caps_share` (float64: words of three and more capitals ÷ words, redactions included as the course counts them).
    """
    import pandas as pd

    n = len(texts)
    redacted = re.compile(redaction)
    words = np.fromiter((len(text.split()) for text in texts), np.int32, n)
    capitals = np.fromiter((len(_CAPITALS.findall(text)) for text in texts), np.int32, n)
    return pd.DataFrame(
        {
            "chars": np.fromiter(map(len, texts), np.int32, n),
            "words": words,
            "tokens": pd.array([pd.NA] * n if tokens is None else np.asarray(tokens, np.int32), dtype="Int32"),
            "redacted": np.fromiter((redacted.search(text) is not None for text in texts), bool, n),
            "numeric": np.fromiter((_NUMERIC.search(text) is not None for text in texts), bool, n),
            "opener_I": np.fromiter((text.lstrip().startswith(("I ", "I'")) for text in texts), bool, n),
            "caps_share": capitals / np.maximum(words, 1),
        }
    )


def slice_axes(rows: pd.DataFrame, max_length: int = 128) -> dict[str, NDArray[np.object_]]:
    """Slice name of each row on each axis; quartiles and median are those of the rows given.

    Args:
        rows: the features of one split's rows, as `row_features` returns them.
        max_length: tokens the model sees; a text of exactly so many counts as truncated, as in the course.

    Returns:
        Axis to names of shape (n,). `tok_length` is left out where no row has a token count.
    """
    chars = rows["chars"].to_numpy()
    caps = rows["caps_share"].to_numpy()
    axes = {
        "char_length": _bins(
            chars,
            np.percentile(chars, (25, 50, 75)) if len(chars) else (0, 0, 0),
            ("q1_shortest", "q2", "q3", "q4_longest"),
        ),
        "redaction": _either(rows["redacted"], "redacted", "clean"),
    }
    if rows["tokens"].notna().any():
        tokens = rows["tokens"].astype("Float64").to_numpy(np.float64, na_value=np.nan)
        last = max_length - 1
        names = ("1-30", "31-80", f"81-{last}", f"truncated_{max_length}")
        axes["tok_length"] = np.where(np.isnan(tokens), "unknown", _bins(tokens, (30, 80, last), names)).astype(object)
    axes |= {
        "numeric": _either(rows["numeric"], "numeric", "non_numeric"),
        "opener_I": _either(rows["opener_I"], "starts_I", "other_opener"),
        "allcaps": _bins(caps, (np.median(caps) if len(caps) else 0.0,), ("caps_low", "caps_high")),
    }
    return axes


def _bins(values: NDArray[Any], edges: Sequence[float] | NDArray[Any], names: tuple[str, ...]) -> NDArray[np.object_]:
    """The first name whose edge is not exceeded, else the last."""
    return np.array(names, dtype=object)[np.searchsorted(np.asarray(edges), values, side="left")]


def _either(flags: pd.Series[bool], yes: str, no: str) -> NDArray[np.object_]:
    return np.where(flags.to_numpy(bool), yes, no).astype(object)
