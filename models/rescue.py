"""Our recipes for a long tail: one for a CPU, one for a GPU. What each lever is worth: docs/rescue.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import ModelInfo

from . import device
from .embed import EmbedConfig, embed
from .finetune import FinetuneConfig, finetune
from .losses import LossName
from .registry import RunContext, RunResult, runner
from .timing import time_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RescueConfig(EmbedConfig):
    """The recipe for rare labels on a CPU: label names as rows, C and τ chosen out of fold."""

    C: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    tau: Annotated[float, Field(ge=0)] | Literal["auto"] = "auto"
    label_names_as_rows: bool = True


@runner("rescue", RescueConfig, family="embed")
def rescue(ctx: RunContext) -> RunResult:
    """`embed` for rare labels: label names as rows, C and τ chosen out of fold on the training rows."""
    return embed(ctx)


class RescueFinetunedConfig(FinetuneConfig):
    """The recipe for rare labels on a GPU: every lever that paid on validation, and the CPU's recipe beside it."""

    model: str = "minilm"
    epochs: int = Field(20, ge=0)
    lr: float = Field(1e-4, gt=0)
    max_grad_norm: float = Field(1.0, ge=0)
    select: Literal["best", "last"] = "last"
    loss: LossName = "logit_adjusted"
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    label_names_as_rows: bool = True
    head_init: Literal["random", "embedding_regression"] = "embedding_regression"
    token_mask: float = Field(0.15, ge=0, lt=1)
    rdrop: float = Field(4.0, ge=0)
    supcon: float = Field(1.0, ge=0)
    save: Literal["auto", "none", "adapter", "full"] = "none"
    frozen_share: float = Field(
        0.5, ge=0, le=1, description="Weight of the frozen encoder's probabilities (runner rescue) in the answer."
    )


@runner("rescue-finetuned", RescueFinetunedConfig, family="encoder")
def rescue_finetuned(ctx: RunContext) -> RunResult:
    """Fine-tune with every lever that paid, and average with the frozen `rescue`: they err on different rows."""
    cfg: RescueFinetunedConfig = ctx.config
    tuned = finetune(replace(ctx, config=cfg.model_copy(update={"latency": False})), "encoder", side="right")
    if cfg.frozen_share == 0:
        return tuned
    beside = RescueConfig(
        model=cfg.model,
        revision=cfg.revision,
        max_length=cfg.max_length,
        eval_batch_size=cfg.eval_batch_size,
        precision=cfg.precision,
        score_train=cfg.score_train,
        latency=False,
    )
    frozen = embed(replace(ctx, config=beside))
    share, frozen_logits, tuned_score, frozen_score = cfg.frozen_share, frozen.logits, tuned.score, frozen.score

    def score(texts: NDArray[np.object_]) -> NDArray[np.float32]:
        return mixed(tuned_score(texts), frozen_score(texts), share)

    latency = ()
    if cfg.latency:
        sample = next(name for name in ("test", "val", "train") if name in ctx.data.splits)
        accelerator, precision = device.accelerator(cfg.precision)
        latency = time_model(
            score,
            ctx.data.splits[sample].texts,
            timed="tokenise + forward, of both models",
            dtype=precision,
            tokenisation=True,
            device=accelerator.device.type,
            padding="dynamic",
            token_lengths=tuned.tokens[sample].tolist(),
            synchronise=lambda: device.synchronise(accelerator.device),
        )
    model = tuned.model
    both = (model.parameters or 0) + (frozen.model.parameters or 0)
    return replace(
        tuned,
        model=ModelInfo(**model.model_dump() | {"name": f"{model.name}, with its frozen self", "parameters": both}),
        logits={name: mixed(scores, frozen_logits[name], share) for name, scores in tuned.logits.items()},
        latency=latency,
        # Both sets of weights are loaded; what was measured is one of them.
        memory=(),
        timings={**tuned.timings, "frozen": sum(frozen.timings.values())},
        decided={**tuned.decided, "frozen": dict(frozen.decided)},
        score=score,
    )


def mixed(tuned: NDArray[np.floating], frozen: NDArray[np.floating], frozen_share: float) -> NDArray[np.float32]:
    """Logarithm of the weighted mean of two models' probabilities, shape (n, K)."""
    from reportgen.stats import softmax

    mean = (1 - frozen_share) * softmax(tuned) + frozen_share * softmax(frozen)
    return np.log(mean.clip(1e-30)).astype(np.float32)
