"""Promises that are checked on a few rows while a model is trained, saved and scored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reportgen.errors import ReportgenError

from . import classifiers, device

if TYPE_CHECKING:
    from pathlib import Path

    from .batching import Scorer, Tokens

_PROBE_ROWS = 16
_PADDING_TOLERANCE = {"fp32": 1e-3, "fp16": 0.02, "bf16": 0.1}
"""Largest change of a logit, relative to the largest logit, that rounding explains."""


class Probe:
    """A few rows on which promises are checked: padding, saving and scoring twice must not change a prediction."""

    def __init__(self, tokens: Tokens, precision: device.Precision) -> None:
        self.tokens = tokens
        self.tolerance = _PADDING_TOLERANCE[precision]

    @classmethod
    def take(cls, tokens: dict[str, Tokens], precision: device.Precision) -> Probe:
        """Rows spread over the lengths of the first split there is."""
        source = next(part for name in ("val", "test", "train") if (part := tokens.get(name)) is not None and len(part))
        order = np.argsort(source.lengths, kind="stable")
        chosen = order[np.linspace(0, len(order) - 1, min(_PROBE_ROWS, len(order))).astype(int)]
        return cls(source.take(chosen), precision)

    def padding(self, scorer: Scorer) -> None:
        """A row's logits must not depend on the rows it shares a batch with (wrong side or pad token)."""
        together = replace(scorer, padding="dynamic", batch_size=len(self.tokens)).tokens(self.tokens)
        alone = replace(scorer, padding="dynamic", batch_size=1).tokens(self.tokens)
        change = float(np.abs(together - alone).max() / max(np.abs(alone).max(), 1e-6))
        if not change <= self.tolerance:
            raise ReportgenError(
                f"logits change by {change:.1%} with the padding of their batch",
                where=f"pad token {scorer.tokenizer.pad_token_id}, side {scorer.side}",
                remedy="this model needs another padding_side or pad token",
            )

    def repeatable(self, scorer: Scorer) -> None:
        """Scoring twice gives the same predictions: nothing random is left on."""
        if (scorer.tokens(self.tokens).argmax(1) != scorer.tokens(self.tokens).argmax(1)).any():
            raise ReportgenError(
                "scoring twice gives different predictions", remedy="report this model: it is not in eval mode"
            )

    def reload(self, scorer: Scorer, folder: Path, labels: tuple[str, ...]) -> None:
        """What was saved predicts what is in memory (a head that was not saved would not)."""
        fresh = classifiers.load(folder, labels)
        again = replace(scorer, model=fresh.model.to(scorer.device), tokenizer=fresh.tokenizer).tokens(self.tokens)
        before = scorer.tokens(self.tokens)
        differ = int((again.argmax(1) != before.argmax(1)).sum())
        if differ:
            raise ReportgenError(
                f"{differ} of {len(before)} predictions change when the model is saved and loaded again", where=folder
            )
