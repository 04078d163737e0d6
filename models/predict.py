"""Scoring again with saved weights: no training, the same predictions or a note of how many changed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import LatencyRecord, ModelInfo
from reportgen.errors import InputError, Unavailable

from . import classifiers, device
from .adapters import count_parameters
from .batching import Scorer
from .derive import aligned_logits, as_parent, parent
from .finetune import memory
from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import time_scorer
from .token_cache import cached_tokens

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
    source = parent(ctx, cfg.run)
    classifier = classifiers.load(saved_weights(source, ctx.work), ctx.data.labels)
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
    result = rescore(
        ctx,
        source,
        scorer,
        precision=precision,
        merged=False if card.adapter else None,
        parameters=count_parameters(model),
        latency=cfg.latency,
    )
    return replace(result, memory=memory(model, accelerator.device), hardware=device.hardware(accelerator))


def rescore(
    ctx: RunContext,
    source: Bundle,
    scorer: Scorer,
    *,
    precision: str,
    merged: bool | None,
    parameters: int,
    latency: bool,
) -> RunResult:
    """Score the splits a run was scored on with another form of its weights, count what changed, and time it."""
    data = ctx.data
    started = time.perf_counter()
    tokens = {
        name: cached_tokens(scorer.tokenizer, split.texts, scorer.max_length, ctx.work.parent / "tokens")
        for name, split in data.splits.items()
        if name in source.splits
    }
    if not tokens:
        raise InputError(f"{source.run_id} was scored on none of the splits of {data.name}")
    before = {name: aligned_logits(source, data, name).argmax(1) for name in tokens}
    logits = {name: scorer.tokens(part) for name, part in tokens.items()}
    seconds = time.perf_counter() - started
    changed = {name: int((scores.argmax(1) != before[name]).sum()) for name, scores in logits.items()}
    ctx.say(f"predictions that differ from {source.run_id}: {changed}")
    sample = next(name for name in ("test", "val", "train") if name in tokens)
    manifest = source.manifest
    records: tuple[LatencyRecord, ...] = ()
    if latency:
        records = time_scorer(
            scorer,
            data.splits[sample].texts,
            tokens[sample],
            dtype=precision,
            merged=merged,
            synchronise=lambda: device.synchronise(scorer.device),
        )
    return RunResult(
        model=ModelInfo(
            name=manifest.model.name,
            family=manifest.model.family,
            revision=manifest.model.revision,
            parameters=parameters,
            trainable_parameters=manifest.model.trainable_parameters,
            precision=precision,
            merged=merged,
        ),
        logits=logits,
        trained_on=manifest.trained_on,
        latency=records,
        parents=(as_parent(source, "source"),),
        timings={"score": seconds},
        decided={"predictions_changed": changed, "eval_batch_size_used": scorer.batch_size},
        tokens={name: np.asarray(part.full_lengths) for name, part in tokens.items()},
    )


def saved_weights(source: Bundle, work: Path) -> Path:
    """Where the weights of a run are: beside the bundles, in RUNS/.work/<run_id>/model, or its bundle's adapter.

    Args:
        source: the run.
        work: folder of the run that asks; an adapter is unpacked there.

    Raises:
        Unavailable: they were not kept.
    """
    folder = source.path.parent / ".work" / source.run_id / "model"
    if folder.is_dir():
        return folder
    if "adapter/classifier.json" in source.adapter_files:
        unpacked = work / "source"
        unpacked.mkdir(parents=True, exist_ok=True)
        for name in source.adapter_files:
            with (unpacked / Path(name).name).open("wb") as file:
                file.writelines(source.read_file(name))
        return unpacked
    raise Unavailable(
        f"the weights of {source.run_id} were not kept",
        where=folder,
        remedy="train it again with --set save=full, under another --name",
    )
