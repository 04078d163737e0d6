"""What a training script imports; NumPy is all it needs."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.errors import InputError, UsageError
from reportgen.stats import scores


def path(name: str) -> str:
    """The folder of an `evaluate` module, for `evaluate.load`.

    Raises:
        UsageError: there is no such module.
    """
    here = Path(__file__).parent
    known = sorted(folder.name for folder in here.iterdir() if (folder / f"{folder.name}.py").is_file())
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"no metric called {name!r}", remedy=hint)
    return str(here / name)


def compute_metrics(k: int) -> Callable[[Any], dict[str, float]]:
    """A `compute_metrics` for transformers' Trainer, over a fixed list of k labels.

    The function takes an `EvalPrediction` (or a pair of scores and label ids): scores of shape (n, k), or a tuple that
    starts with them, as models with further outputs return; label ids of shape (n,). It returns `accuracy`, `macro_f1`
    (a label without rows counts 0), `macro_f1_present`, `weighted_f1`, `zero_f1` and `zero_f1_supported`; the Trainer
    logs them as `eval_…`, which `reportgen bundle import` reads back.

    Args:
        k: number of labels.

    Raises:
        UsageError: k is no positive number.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise UsageError(f"compute_metrics({k!r})", remedy="pass the number of labels")

    def compute(evaluated: Any) -> dict[str, float]:
        logits, labels = evaluated
        logits = np.asarray(logits[0] if isinstance(logits, tuple | list) else logits)
        if logits.ndim != 2 or logits.shape[1] != k:
            raise InputError(f"scores of shape {logits.shape} for {k} labels", remedy="pass one row of k scores a row")
        found = scores(np.asarray(labels), logits.argmax(axis=1), k)
        names = ("accuracy", "macro_f1", "macro_f1_present", "weighted_f1", "zero_f1", "zero_f1_supported")
        return {name: float(getattr(found, name)) for name in names}

    return compute
