"""Decoders (Qwen, Llama, SmolLM2, F2LLM, …) as classifiers: LoRA and a head on the last token."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .adapters import LoraSettings
from .finetune import FinetuneConfig, finetune
from .registry import RunContext, RunResult, runner


class DecoderConfig(FinetuneConfig):
    """The course's recipe for Qwen2.5-0.5B.

    F2LLM-0.6B is the same with model=codefuse-ai/F2LLM-0.6B, max_length=192 and gradient_checkpointing=true;
    precision=auto is fp16 below compute capability 8 and bf16 from there.
    """

    model: str = "Qwen/Qwen2.5-0.5B"
    lr: float = Field(2e-4, gt=0)
    max_grad_norm: float = Field(1.0, ge=0)
    lora: LoraSettings | None = LoraSettings()
    padding_side: Literal["left", "right"] = "left"


@runner("decoder", DecoderConfig, family="decoder")
def decoder(ctx: RunContext) -> RunResult:
    """Fine-tune a causal language model with a classification head, by default through LoRA."""
    return finetune(ctx, "decoder", side=ctx.config.padding_side)
