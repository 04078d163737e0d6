"""Scoring again with saved weights: no training, the same predictions or a note of how many changed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import ModelInfo, Parent
from reportgen.errors import Unavailable

from . import classifiers, device
from .adapters import count_parameters
from .batching import Scorer, tokenise
from .derive import aligned_logits, parent
from .finetune import memory
from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import time_model

if TYPE_CHECKING:
    from reportgen.bundle import Bundle


class PredictConfig(RunnerConfig):
    """Whose weights, and how they are scored."""

    run: str = Field(description="run_id of a fine-tuned run whose weights are kept beside it.")
    eval_batch_size: int = Field(64, ge=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    latency: bool = True


@runner("predict", PredictConfig, family="encoder")
def predict(ctx: RunContext) -> RunResult:
    """Score every split again with the saved weights of a fine-tuned run."""
    cfg: PredictConfig = ctx.config
    source, data = parent(ctx, cfg.run), ctx.data
    classifier = classifiers.load(saved_weights(source), data.labels)
    accelerator, precision = device.accelerator(cfg.precision)
    model, card = classifier.model.to(accelerator.device), classifier.card
    scorer = Scorer(
        model,
        classifier.tokenizer,
        cfg.eval_batch_size,
        device=accelerator.device,
        max_length=card.max_length,
        side=card.side,
        autocast=accelerator.autocast,
    )
    started = time.perf_counter()
    tokens = {
        name: tokenise(classifier.tokenizer, split.texts, card.max_length)
        for name, split in data.splits.items()
        if name in source.splits
    }
    logits = {name: scorer.tokens(part) for name, part in tokens.items()}
    seconds = time.perf_counter() - started
    changed = {
        name: int((scores.argmax(1) != aligned_logits(source, data, name).argmax(1)).sum())
        for name, scores in logits.items()
    }
    ctx.say(f"predictions that differ from {cfg.run}: {changed}")
    sample = next(name for name in ("test", "val", "train") if name in tokens)
    manifest = source.manifest
    return RunResult(
        model=ModelInfo(
            name=manifest.model.name,
            family=manifest.model.family,
            revision=manifest.model.revision,
            parameters=count_parameters(model),
            trainable_parameters=manifest.model.trainable_parameters,
            precision=precision,
            merged=False if card.adapter else None,
        ),
        logits=logits,
        trained_on=manifest.trained_on,
        latency=time_model(
            scorer.texts,
            data.splits[sample].texts,
            timed="tokenise + forward",
            dtype=precision,
            tokenisation=True,
            device=accelerator.device.type,
            padding="dynamic",
            token_lengths=tokens[sample].full_lengths,
            merged=False if card.adapter else None,
            synchronise=lambda: device.synchronise(accelerator.device),
        )
        if cfg.latency
        else (),
        memory=memory(model, accelerator.device),
        parents=(Parent(role="source", run_id=manifest.run_id, root=source.root),),
        hardware=device.hardware(accelerator),
        timings={"score": seconds},
        decided={"predictions_changed": changed, "eval_batch_size_used": scorer.batch_size},
        tokens={name: np.asarray(part.full_lengths) for name, part in tokens.items()},
    )


def saved_weights(source: Bundle) -> Path:
    """Where the weights of a run are kept: beside the bundles, in RUNS/.work/<run_id>/model.

    Raises:
        Unavailable: they were not kept.
    """
    folder = source.path.parent / ".work" / source.manifest.run_id / "model"
    if not folder.is_dir():
        raise Unavailable(
            f"the weights of {source.manifest.run_id} were not kept",
            where=folder,
            remedy="train it again with --set save=full, under another --name",
        )
    return folder
