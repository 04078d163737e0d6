"""One run's outcomes on the reporting split, row by row, with what follows from its logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import softmax
from reportgen.stats.calibration import CLIP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Arrays with a row an example; `logits` (n, K) is None where the run stores none."""

    name: str
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    logits: Floats | None
    stored: NDArray[np.float32] | None

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right."""
        return np.asarray(self.predictions == self.labels)

    @cached_property
    def probabilities(self) -> Floats | None:
        """Softmax of the logits, (n, K)."""
        return None if self.logits is None else softmax(self.logits)

    @cached_property
    def confidence(self) -> Floats | None:
        """Highest probability of each row, as stored where there are no logits."""
        if self.probabilities is not None:
            return np.asarray(self.probabilities.max(axis=1))
        return None if self.stored is None or np.isnan(self.stored).any() else self.stored.astype(np.float64)

    @cached_property
    def nll(self) -> Floats | None:
        """−ln P(true label) of each row, in nats."""
        if self.probabilities is None:
            return None
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.asarray(-np.log(np.maximum(own, CLIP)))

    def scaled(self, t: float) -> Outcomes:
        """The same predictions with the logits divided by a temperature."""
        from reportgen.stats import apply_temperature

        if self.logits is None:
            return self
        return Outcomes(f"{self.name} + T", self.labels, self.predictions, apply_temperature(self.logits, t), None)


def outcomes(runs: Runs, run: Bundle) -> Outcomes:
    """What a run left on the reporting split."""
    rows = run.predictions(runs.split or "val")
    return Outcomes(
        run.run_id,
        rows.labels.astype(np.int64),
        rows.predictions.astype(np.int64),
        None if rows.logits is None else rows.logits.astype(np.float64),
        rows.confidence,
    )
