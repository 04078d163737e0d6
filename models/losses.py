"""Losses for long-tailed labels: a value and a weight a row, so that batches of any size average alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

LossName = Literal["ce", "focal", "logit_adjusted", "balanced_softmax"]
Weighting = Literal["none", "sqrt", "balanced"]


@dataclass(frozen=True)
class RowLoss:
    """A training loss, a value a row; a batch's loss is the sum of `rows` over the sum of its labels' `weights`."""

    weights: NDArray[np.float64]
    """Weight of each label, shape (K,)."""
    rows: Callable[..., Tensor]
    """(logits (n, K), labels (n,)) to weighted losses (n,); a third argument where the rows carry teacher logits."""


def class_weights(counts: NDArray[np.integer], scheme: Weighting) -> NDArray[np.float64]:
    """Weight of each label, shape (K,), mean 1 over the labels.

    sqrt: √(max count / count), the course's recipe; equal to the root of scikit-learn's balanced weights once the
    mean is 1. balanced: 1 / count. A label without training rows is taken to have one, which keeps it finite.
    """
    counts = np.maximum(np.asarray(counts, dtype=np.float64), 1)
    raw = {"none": np.ones_like(counts), "sqrt": np.sqrt(counts.max() / counts), "balanced": 1 / counts}[scheme]
    return raw / raw.mean()


def make_loss(
    name: LossName,
    counts: NDArray[np.integer],
    *,
    weighting: Weighting = "none",
    label_smoothing: float = 0.0,
    focal_gamma: float = 2.0,
    tau: float = 1.0,
) -> RowLoss:
    """The training loss.

    ce: cross-entropy. focal: (1 − p)^γ times cross-entropy (Lin et al. 2017). logit_adjusted: cross-entropy of
    logits + τ·log prior (Menon et al. 2021, eq. 10); the model's own logits are then already balanced.
    balanced_softmax: the same with the log counts and no τ (Ren et al. 2020), so equal to logit_adjusted at τ = 1.
    Label smoothing and class weights apply to all of them as in torch's cross-entropy.

    Args:
        counts: training rows of each label, shape (K,).
    """
    import torch.nn.functional as F

    from reportgen.stats import log_prior

    weights = class_weights(counts, weighting)
    weight = _constant(weights)
    shift = {"logit_adjusted": tau * log_prior(counts), "balanced_softmax": np.log(np.maximum(counts, 1))}.get(name)
    adjustment = None if shift is None else _constant(np.asarray(shift))

    def rows(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        if adjustment is not None:
            logits = logits + adjustment(logits.device)
        loss = F.cross_entropy(
            logits, labels, weight=weight(logits.device), reduction="none", label_smoothing=label_smoothing
        )
        if name == "focal":
            true = F.log_softmax(logits, dim=-1).gather(1, labels[:, None]).squeeze(1)
            loss = loss * (1 - true.exp()) ** focal_gamma
        return loss

    return RowLoss(weights, rows)


def distillation(hard: RowLoss, *, alpha: float, temperature: float) -> RowLoss:
    """α T² KL(p_teacher ‖ p_student) at temperature T, plus (1 − α) times `hard` (Hinton et al. 2015).

    T² keeps the gradient of the soft term at the size of the hard one whatever T. Its rows take teacher logits (n, K)
    as a third argument; a row of NaN has no teacher and gets `hard` alone. Class weights weigh both terms.

    Args:
        alpha: weight of the soft term, 0 … 1.
        temperature: T > 0 of both distributions.
    """
    import torch
    import torch.nn.functional as F

    weight = _constant(hard.weights)

    def rows(logits: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        taught = teacher[:, 0].isfinite()
        student = F.log_softmax(logits.float() / temperature, dim=-1)
        target = F.log_softmax(teacher.float().nan_to_num() / temperature, dim=-1)
        soft = F.kl_div(student, target, log_target=True, reduction="none").sum(-1)
        soft = soft * temperature**2 * weight(logits.device)[labels]
        plain = hard.rows(logits, labels)
        return torch.where(taught, alpha * soft + (1 - alpha) * plain, plain)

    return RowLoss(hard.weights, rows)


def _constant(values: NDArray[np.floating]) -> Callable[[Any], Tensor]:
    """The values on a device; copied there once, because a step that copies waits and cannot be recorded."""
    import torch

    return functools.cache(lambda device: torch.from_numpy(values).float().to(device))
