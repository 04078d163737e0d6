"""A training loss that cannot fall: the trace that a softmax before the cross-entropy leaves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .numbers import show
from .training import logged

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

FLAT = 0.2
"""Share of the band the loss may still fall after the first epoch and be called flat."""


def band(k: int) -> tuple[float, float]:
    """Losses within reach when probabilities are fed to the cross-entropy of k classes, in nats.

    Probabilities lie in 0…1: one for the true class gives ln(k − 1 + e) − 1, a uniform row gives ln k.
    """
    return math.log(k - 1 + math.e) - 1, math.log(k)


def plateau(run: Bundle) -> str | None:
    """A warning if the loss stays inside that band, and flat, in every epoch after the first."""
    frame, k = logged(run), len(run.labels.names)
    if frame is None or "epoch" not in frame or k < 3:
        return None
    low, high = band(k)
    steps = frame[frame["loss"].notna() & (frame["epoch"] > 1)]
    losses = steps["loss"].to_numpy(np.float64)
    if len(losses) < 2:
        return None
    # Means of a tenth of the log each: single steps scatter beyond the band.
    means = np.array([part.mean() for part in np.array_split(losses, min(10, len(losses)))])
    if means.min() < low or means.max() > high or means[0] - means[-1] > FLAT * (high - low):
        return None
    return (
        f"{run.run_id} hardly learns: after the first epoch its loss stays between {show(float(means.min()), 'score')} "
        f"and {show(float(means.max()), 'score')}. A softmax before the cross-entropy keeps the loss of {k} classes "
        f"within {show(low, 'score')} to {show(high, 'score')}; a learning rate near zero can look the same."
    )
