"""Encoders (ModernBERT, BERT, MiniLM, …): full fine-tuning or LoRA."""

from __future__ import annotations

from .finetune import FinetuneConfig, finetune
from .registry import RunContext, RunResult, runner


class EncoderConfig(FinetuneConfig):
    """The course's recipe for ModernBERT-base; set `lora` (and lr 2e-4) for adapters."""

    model: str = "answerdotai/ModernBERT-base"


@runner("encoder", EncoderConfig, family="encoder")
def encoder(ctx: RunContext) -> RunResult:
    """Fine-tune a bidirectional encoder, all of it or through LoRA."""
    return finetune(ctx, "encoder", side="right")
