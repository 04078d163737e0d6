"""Fine-tuning a pretrained encoder or decoder for classification, from weights to scored splits."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from reportgen.bundle.schema import MemoryRecord, ModelInfo
from reportgen.errors import InputError, UsageError

from . import classifiers, device
from .adapters import LoraSettings, add_lora, count_parameters
from .batching import Scorer, tokenise
from .checkpoints import Checkpoints
from .heads import head_of, reading
from .losses import LossName, Weighting, distillation, make_loss
from .probe import Probe
from .registry import RunContext, RunResult
from .timing import time_model
from .token_cache import cached_tokens
from .training import Fit, Labelled, Trainer, TrainingConfig
from .weights import Weights, resolve

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reportgen.data import Dataset


class Stage2(BaseModel):
    """Retraining of the head alone on balanced classes after the main training (cRT, Kang et al. 2020)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(3, ge=1)
    lr: float = Field(1e-3, gt=0)


class FinetuneConfig(TrainingConfig):
    """Levers common to encoders and decoders."""

    model: str
    revision: str | None = None
    max_length: int = Field(128, ge=4)
    eval_batch_size: int = Field(64, ge=1)
    loss: LossName = "ce"
    class_weights: Weighting = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    focal_gamma: float = Field(2.0, ge=0)
    tau: float = Field(1.0, ge=0, description="Strength of the prior in loss=logit_adjusted.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    lora: LoraSettings | None = None
    gradient_checkpointing: bool = False
    pooling: Literal["auto", "stock", "mean", "cls", "last"] = "auto"
    head_init: Literal["random", "embedding_regression"] = "random"
    label_names_as_rows: bool = Field(False, description="Add each label's name to the training rows.")
    train_fraction: float = Field(1.0, gt=0, le=1, description="Share of each label's training rows that is used.")
    stage2: Stage2 | None = None
    save: Literal["auto", "none", "adapter", "full"] = Field(
        "auto", description="auto: the adapter where there is one."
    )
    score_train: bool = False
    latency: bool = True


@dataclass(frozen=True)
class Teaching:
    """What a student learns from beside the labels."""

    logits: NDArray[np.float32]
    """The teacher's, for every row of `train` in the dataset's order, shape (n, K)."""
    alpha: float
    temperature: float


def finetune(
    ctx: RunContext,
    family: Literal["encoder", "decoder"],
    side: Literal["left", "right"],
    teaching: Teaching | None = None,
) -> RunResult:
    """Train on `train`, select on `val`, score every split; the body of the fine-tuning runners.

    Args:
        teaching: teacher logits, where the run is a distillation.
    """
    import torch

    cfg: FinetuneConfig = ctx.config
    keep = _what_to_save(cfg)
    data = ctx.data
    if "train" not in data.splits or not len(data.splits["train"]):
        raise InputError("there is no training split to learn from", where=data.name)
    accelerator, precision = device.accelerator(cfg.precision)
    say = ctx.say if accelerator.is_main_process else _silent

    weights = resolve(cfg.model, cfg.revision)
    torch.manual_seed(ctx.seed)  # the new head is drawn here
    classifier = classifiers.build(
        weights, data.labels, family=family, pooling=cfg.pooling, side=side, max_length=cfg.max_length
    )
    say(f"{weights.name} ({weights.source}, {weights.revision}), pooling {classifier.card.pooling}, {precision}")

    clock = [time.perf_counter()]
    tokens = {
        name: cached_tokens(classifier.tokenizer, split.texts, cfg.max_length, ctx.work.parent / "tokens")
        for name, split in data.splits.items()
    }
    rows = fraction_of(data.splits["train"].labels, cfg.train_fraction, ctx.seed)
    train = training_rows(
        data,
        classifier.tokenizer,
        cfg.max_length,
        names=cfg.label_names_as_rows,
        rows=rows,
        teacher=teaching.logits if teaching else None,
    )
    val = Labelled(tokens["val"], data.splits["val"].labels.astype(np.int64)) if "val" in tokens else None
    clock.append(time.perf_counter())

    model = classifier.model.to(accelerator.device)
    scorer = Scorer(
        model,
        classifier.tokenizer,
        cfg.eval_batch_size,
        device=accelerator.device,
        padding=cfg.padding,
        max_length=cfg.max_length,
        side=side,
        autocast=accelerator.autocast,
    )
    if cfg.head_init == "embedding_regression":
        fit_head(classifier, scorer, train)
    if cfg.gradient_checkpointing:
        _checkpoint_activations(model)
    matched: dict[str, int] = {}
    if cfg.lora:
        adapted = add_lora(model, cfg.lora, classifier.card.fresh)
        model, matched = adapted.model, adapted.matched
        model.to(accelerator.device)
        classifier, scorer.model = replace(classifier, model=model), model
    parameters, trainable = count_parameters(model), count_parameters(model, trainable=True)
    say(f"{trainable:,} of {parameters:,} parameters train ({trainable / parameters:.2%})" + _listed(matched))
    probe = Probe.take(tokens, precision)
    probe.padding(scorer)

    loss = make_loss(
        cfg.loss,
        np.bincount(data.splits["train"].labels[rows], minlength=len(data.labels)),
        weighting=cfg.class_weights,
        label_smoothing=cfg.label_smoothing,
        focal_gamma=cfg.focal_gamma,
        tau=cfg.tau,
    )
    if teaching:
        loss = distillation(loss, alpha=teaching.alpha, temperature=teaching.temperature)
    fingerprint = _fingerprint(ctx, weights, teaching)
    checkpoints = Checkpoints(ctx.work / "checkpoints", fingerprint)
    head = head_of(model, classifier.card.head)
    # Recomputing activations saves and restores the state of the random numbers, which cannot be recorded.
    levers = cfg.model_copy(update={"cuda_graphs": cfg.cuda_graphs and not cfg.gradient_checkpointing})
    fit = Trainer(model, scorer, accelerator, loss, levers, checkpoints, ctx.seed, say, head).fit(train, val)
    history = fit.history
    stage2: dict[str, Any] = {}
    if cfg.stage2:
        again = _retrain_head(cfg.stage2, cfg, classifier, scorer, accelerator, train, val, ctx, fingerprint, say)
        history, stage2 = _chained(history, again.history), {"stage2": again.decided()}
    clock.append(time.perf_counter())

    saved = ctx.work / "model"
    if keep != "none" and accelerator.is_main_process:
        classifiers.save(classifier, saved, adapter=keep == "adapter")
        probe.reload(scorer, saved, data.labels)
        say(f"saved ({keep}) and reloaded: same predictions on {len(probe.tokens)} rows")
    probe.repeatable(scorer)
    logits = {name: scorer.tokens(part) for name, part in tokens.items() if name != "train" or cfg.score_train}
    clock.append(time.perf_counter())

    sample = next(name for name in ("test", "val", "train") if name in tokens)
    latency = ()
    if cfg.latency:
        latency = time_model(
            scorer.texts,
            data.splits[sample].texts,
            timed="tokenise + forward",
            dtype=precision,
            tokenisation=True,
            device=accelerator.device.type,
            padding="max_length" if cfg.padding == "max_length" else "dynamic",
            token_lengths=tokens[sample].full_lengths,
            merged=False if cfg.lora else None,
            synchronise=lambda: device.synchronise(accelerator.device),
        )
    return RunResult(
        model=ModelInfo(
            name=weights.name,
            family=family,
            revision=weights.revision,
            parameters=parameters,
            trainable_parameters=trainable,
            precision=precision,
            merged=False if cfg.lora else None,
        ),
        logits=logits,
        trained_on=("train",),
        training=history,
        latency=latency,
        memory=memory(model, accelerator.device),
        hardware=device.hardware(accelerator),
        timings={
            phase: seconds
            for phase, seconds in zip(("tokenise", "train", "score"), np.diff(clock).tolist(), strict=True)
            # A resumed run has seen only the rest of its training: no figure rather than a flattering one.
            if phase != "train" or fit.resumed_at is None
        },
        decided={
            **fit.decided(),
            **stage2,
            "precision_used": precision,
            "selection_rule": _rule(cfg, fit),
            "pooling_used": classifier.card.pooling,
            "padding_side": side,
            "pad_token_id": classifier.tokenizer.pad_token_id,
            "eval_batch_size_used": scorer.batch_size,
            "lora_matched": matched,
            "n_train": len(train.labels),
            "weights_source": weights.source,
        },
        adapter=saved if keep == "adapter" else None,
        tokens={name: part.full_lengths for name, part in tokens.items()},
        score=scorer.texts,
    )


def training_rows(
    data: Dataset,
    tokenizer: Any,
    max_length: int,
    *,
    names: bool,
    rows: NDArray[np.integer] | slice = slice(None),
    teacher: NDArray[np.float32] | None = None,
) -> Labelled:
    """The training split, tokenised; with every label's name as one more row of that label where `names`.

    Args:
        rows: positions in the split; all of them by default.
        teacher: logits of the whole split, shape (n, K); the rows of label names get NaN: no teacher saw them.
    """
    split = data.splits["train"]
    texts, labels = split.texts[rows], split.labels[rows].astype(np.int64)
    soft = None if teacher is None else teacher[rows].astype(np.float32)
    if names:
        texts = np.concatenate([texts, np.array([readable(label) for label in data.labels], dtype=object)])
        labels = np.concatenate([labels, np.arange(len(data.labels))])
        if soft is not None:
            soft = np.concatenate([soft, np.full((len(data.labels), soft.shape[1]), np.nan, np.float32)])
    return Labelled(tokenise(tokenizer, texts, max_length), labels, soft)


def fraction_of(labels: NDArray[np.integer], fraction: float, seed: int) -> NDArray[np.integer] | slice:
    """Positions of a share of each label's rows, rounded up so that no label loses its last one; in their order."""
    if fraction == 1:
        return slice(None)
    order = np.random.default_rng(seed).permutation(len(labels))
    kept = []
    for label in np.unique(labels):
        own = order[labels[order] == label]
        kept.append(own[: math.ceil(fraction * len(own))])
    return np.sort(np.concatenate(kept))


def readable(label: str) -> str:
    """A label as words: card_arrival → card arrival."""
    return " ".join(label.replace("_", " ").split())


def fit_head(classifier: classifiers.Classifier, scorer: Scorer, train: Labelled, strength: float = 10.0) -> None:
    """Start the head from a logistic regression on what it will read, taken from the model before training."""
    import torch
    from sklearn.linear_model import LogisticRegression

    head = head_of(classifier.model, classifier.card.head)
    present = np.unique(train.labels)
    if not isinstance(head, torch.nn.Linear) or len(present) < 3:
        raise UsageError(
            "head_init=embedding_regression needs a linear head and three labels", remedy="set head_init=random"
        )
    with reading(head) as read:
        features = replace(scorer, output=lambda _out, batch: read(batch["attention_mask"])).tokens(train.tokens)
    scale = float(np.linalg.norm(features, axis=1).mean()) or 1.0
    regression = LogisticRegression(C=strength, max_iter=300, fit_intercept=head.bias is not None)
    regression.fit(features / scale, train.labels)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[present] = torch.from_numpy(regression.coef_ / scale).to(head.weight)
        if head.bias is not None:
            # A label without training rows: as unlikely as the least likely of the others.
            head.bias.fill_(float(regression.intercept_.min()))
            head.bias[present] = torch.from_numpy(regression.intercept_).to(head.bias)


def _retrain_head(
    stage: Stage2,
    cfg: FinetuneConfig,
    classifier: classifiers.Classifier,
    scorer: Scorer,
    accelerator: Any,
    train: Labelled,
    val: Labelled | None,
    ctx: RunContext,
    fingerprint: str,
    say: Callable[[str], None],
) -> Fit:
    """cRT: everything but the head is frozen, and every class is drawn alike."""
    for name, parameter in classifier.model.named_parameters():
        parameter.requires_grad_(classifier.card.head in name.split(".") and ".original_module." not in name)
    config = cfg.model_copy(update={"epochs": stage.epochs, "lr": stage.lr, "sampling": "balanced", "patience": None})
    say("stage 2: the head alone, on balanced classes")
    loss = make_loss("ce", ctx.data.train_counts)
    folder = Checkpoints(ctx.work / "checkpoints-stage2", fingerprint)
    alone = replace(train, teacher=None)
    head = head_of(classifier.model, classifier.card.head)
    return Trainer(classifier.model, scorer, accelerator, loss, config, folder, ctx.seed + 1, say, head).fit(alone, val)


def _chained(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if first.empty:
        return second
    second = second.assign(step=second["step"] + first["step"].max(), epoch=second["epoch"] + first["epoch"].max())
    return pd.concat([first, second], ignore_index=True)


def _checkpoint_activations(model: Any) -> None:
    """Trade time for memory; transformers 5.2x renamed the switch."""
    backbone = getattr(model, "backbone", model)
    kwargs = {"use_reentrant": False}
    if hasattr(backbone, "activation_checkpointing_enable"):
        backbone.activation_checkpointing_enable(activation_checkpointing_kwargs=kwargs)
    else:
        backbone.gradient_checkpointing_enable(gradient_checkpointing_kwargs=kwargs)


def _what_to_save(cfg: FinetuneConfig) -> Literal["none", "adapter", "full"]:
    if cfg.save == "auto":
        return "adapter" if cfg.lora else "none"
    if cfg.save == "adapter" and cfg.lora is None:
        raise UsageError("save=adapter, but there is no adapter", remedy="set lora, or save=full")
    return cfg.save


def _rule(cfg: FinetuneConfig, fit: Fit) -> str:
    if cfg.select == "best" and fit.best_epoch is not None:
        return "highest val macro F1, the earliest epoch on ties"
    return "last epoch"


def memory(model: Any, where: Any) -> tuple[MemoryRecord, ...]:
    """Bytes of the weights, and on a GPU the allocator's peak in this process."""
    import torch

    size = sum(p.numel() * p.element_size() for p in model.parameters())
    records = [MemoryRecord(bytes=size, kind="weights_on_disk")]
    if where.type == "cuda":
        records.append(MemoryRecord(bytes=torch.cuda.max_memory_allocated(where), kind="allocated_peak"))
    return tuple(records)


def _fingerprint(ctx: RunContext, weights: Weights, teaching: Teaching | None) -> str:
    """Digest of everything a training step depends on."""
    whole = hashlib.sha256()
    said = [ctx.config.model_dump(mode="json"), ctx.seed, weights.name, weights.revision, list(ctx.data.labels)]
    whole.update(json.dumps(said, sort_keys=True).encode())
    for name in ("train", "val"):
        if split := ctx.data.splits.get(name):
            whole.update(np.ascontiguousarray(split.labels).tobytes())
            for text in split.texts:
                whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    if teaching:
        whole.update(np.ascontiguousarray(teaching.logits).tobytes())
    return whole.hexdigest()


def _listed(matched: dict[str, int]) -> str:
    return "; LoRA on " + ", ".join(f"{count} × {name}" for name, count in matched.items()) if matched else ""


def _silent(line: str) -> None:
    """What the other processes of a distributed run say."""
