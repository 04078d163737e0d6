"""Distillation (Hinton et al. 2015): a student learns from a teacher's probabilities and from the labels."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from reportgen.errors import UsageError

from .derive import as_parent
from .encoder import EncoderConfig
from .finetune import Teaching, finetune
from .registry import RunContext, RunResult, runner
from .teacher import teacher_logits


class DistillConfig(EncoderConfig):
    """The encoder's recipe and the course's temperature and alpha."""

    teacher: str | None = Field(None, description="run_id of the teacher; null only with alpha=0.")
    alpha: float = Field(0.7, ge=0, le=1, description="Weight of the teacher's term; 0 is plain fine-tuning.")
    temperature: float = Field(4.0, gt=0, description="T of both distributions in the teacher's term.")


@runner("distill", DistillConfig, family="encoder")
def distill(ctx: RunContext) -> RunResult:
    """Fine-tune an encoder on a teacher's probabilities and the labels; `encoder` is its twin without a teacher."""
    cfg: DistillConfig = ctx.config
    if cfg.teacher is None:
        if cfg.alpha > 0:
            raise UsageError("distillation needs a teacher", remedy="--set teacher=<run_id>, or alpha=0 for none")
        return finetune(ctx, "encoder", side="right")
    logits, teacher = teacher_logits(ctx, cfg.teacher)
    result = finetune(ctx, "encoder", side="right", teaching=Teaching(logits, cfg.alpha, cfg.temperature))
    agree = float((logits.argmax(1) == ctx.data.splits["train"].labels).mean())
    return replace(
        result,
        parents=(*result.parents, as_parent(teacher, "teacher")),
        decided={**result.decided, "teacher_train_accuracy": agree, "teacher_temperature": cfg.temperature},
    )
