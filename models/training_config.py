"""The levers of training, and the learning rate they ask for."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from .batching import Padding
from .registry import RunnerConfig


class TrainingConfig(RunnerConfig):
    """How weights are moved; every key is one lever."""

    epochs: int = Field(3, ge=0)
    lr: float = Field(2e-5, gt=0)
    batch_size: int = Field(32, ge=1, description="Examples an optimiser step, over all devices and micro-batches.")
    micro_batch_size: int | None = Field(None, ge=1, description="Examples a forward pass; null: the whole batch.")
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, description="Below 1 a share of all steps, from 1 a number of steps.")
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    patience: int | None = Field(None, ge=1, description="Stop after this many epochs without a better val macro F1.")
    select: Literal["best", "last"] = Field("best", description="Epoch whose weights are kept, by val macro F1.")
    max_grad_norm: float = Field(0.0, ge=0, description="Clip gradients to this norm; 0: never.")
    sampling: Literal["none", "sqrt", "balanced"] = "none"
    padding: Padding = "bucketed"
    compile: bool = Field(False, description="Compile the layers: half a minute first, fewer launches a step after.")
    cuda_graphs: bool = Field(True, description="On one GPU: record each batch shape's step and replay it.")
    token_mask: float = Field(0.0, ge=0, lt=1, description="Share of the tokens hidden in each training batch.")
    rdrop: float = Field(0.0, ge=0, description="Weight of the disagreement of two dropout views of each row.")
    supcon: float = Field(0.0, ge=0, description="Weight of the contrast between labels, over two views of each row.")
    supcon_temperature: float = Field(0.1, gt=0)


def lr_factor(step: int, total: int, warmup: int, schedule: Literal["linear", "cosine", "constant"]) -> float:
    """Share of the peak learning rate at optimiser step `step` (from 0), as in transformers' schedules."""
    if step < warmup:
        return step / max(1, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return {
        "linear": max(0.0, 1 - progress),
        "cosine": max(0.0, 0.5 * (1 + math.cos(math.pi * progress))),
        "constant": 1.0,
    }[schedule]
