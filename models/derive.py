"""Runs made from other runs without training: post-hoc logit adjustment, averaging, a shifted label frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle import scored_order, text_sha256
from reportgen.bundle.schema import Parent
from reportgen.errors import InputError, UsageError

from .registry import RunContext, RunnerConfig, RunResult, runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.data import Dataset


def parent(ctx: RunContext, run_id: str) -> Bundle:
    """The run of that name among those a runner may build on.

    Raises:
        UsageError: there is none.
    """
    if run_id not in ctx.runs:
        have = ", ".join(ctx.runs) or "none"
        raise UsageError(
            f"there is no run called {run_id!r}", remedy=f"make it first or pass --from; there are: {have}"
        )
    return ctx.runs[run_id]


def as_parent(bundle: Bundle, role: Literal["source", "member", "teacher"]) -> Parent:
    """A bundle as the parent of a run."""
    return Parent(role=role, run_id=bundle.manifest.run_id, root=bundle.manifest.root or "")


def aligned_logits(bundle: Bundle, data: Dataset, split: str) -> NDArray[np.float32]:
    """The bundle's logits of a split in the dataset's row order, shape (n, K).

    Raises:
        InputError: other labels, other rows or texts, or predictions without logits.
    """
    run_id = bundle.manifest.run_id
    if bundle.labels.names != data.labels:
        raise InputError(f"{run_id} has another label list than {data.name}", remedy="use the data it was scored on")
    stored, rows = bundle.predictions(split), data.splits[split]
    if stored.logits is None:
        raise InputError(
            f"{run_id} holds predictions without logits", where=split, remedy="use a run that stores logits"
        )
    order = scored_order(rows.row_ids)
    same = len(order) == len(stored.row_ids) and bool((rows.row_ids[order].astype(str) == stored.row_ids).all())
    same = same and bool((rows.labels[order] == stored.labels).all())
    if not same or not _same_texts(text_sha256(rows.texts[order]), stored.text_sha256):
        raise InputError(
            f"the rows of {run_id} are not those of {data.name}", where=split, remedy="score the same rows"
        )
    logits = np.empty(stored.logits.shape, np.float32)
    logits[order] = stored.logits
    return logits


def _same_texts(ours: NDArray[np.object_], theirs: NDArray[np.object_]) -> bool:
    """Whether the digests agree wherever the bundle kept one."""
    return all(other is None or one == other for one, other in zip(ours, theirs, strict=True))


def _splits(bundles: list[Bundle], data: Dataset) -> list[str]:
    shared = [name for name in data.splits if all(name in bundle.splits for bundle in bundles)]
    if not shared:
        raise InputError(f"{bundles[0].manifest.run_id} was scored on none of the splits of {data.name}")
    return shared


class AdjustConfig(RunnerConfig):
    """Post-hoc logit adjustment of one run."""

    run: str = Field(description="run_id of the run to adjust.")
    tau: float | None = Field(None, ge=0, description="Strength; null: chosen on val.")
    metric: Literal["balanced_accuracy", "macro_f1"] = "balanced_accuracy"


@runner("adjust", AdjustConfig, family="encoder")
def adjust(ctx: RunContext) -> RunResult:
    """Subtract τ · ln(training share) from a run's logits (Menon et al., 2021); τ is chosen on val.

    Other splits get the τ of all val rows. Val itself is cross-fitted: each half gets the τ chosen on the other, so
    that its score is not the one τ was chosen by.
    """
    from reportgen.stats import adjust as shift
    from reportgen.stats import choose_tau, folds, log_prior

    cfg: AdjustConfig = ctx.config
    source = parent(ctx, cfg.run)
    prior = log_prior(source.labels.train_counts)
    logits = {name: aligned_logits(source, ctx.data, name) for name in _splits([source], ctx.data)}
    if cfg.tau is not None:
        adjusted = {name: shift(scores, prior, cfg.tau) for name, scores in logits.items()}
        decided: dict[str, object] = {"tau_used": cfg.tau}
    elif "val" not in logits:
        raise UsageError(f"{cfg.run} has no val split to choose tau on", remedy="give one with --set tau=1")
    else:
        labels = ctx.data.splits["val"].labels

        def chosen_on(rows: NDArray[np.integer]) -> float:
            return choose_tau(logits["val"][rows], labels[rows], prior, metric=cfg.metric).tau

        tau = chosen_on(np.arange(len(labels)))
        adjusted = {name: shift(scores, prior, tau) for name, scores in logits.items()}
        halves = folds(len(labels))
        across = (chosen_on(halves[1]), chosen_on(halves[0]))
        for rows, fold_tau in zip(halves, across, strict=True):
            adjusted["val"][rows] = shift(logits["val"][rows], prior, fold_tau)
        decided = {"tau_used": tau, "tau_of_val_halves": list(across)}
        ctx.say(f"tau {tau} on val by {cfg.metric}; its halves, cross-fitted: {across[0]} and {across[1]}")
    manifest = source.manifest
    return RunResult(
        model=manifest.model.model_copy(update={"name": f"{manifest.model.name}, logits adjusted"}),
        logits=adjusted,
        trained_on=manifest.trained_on,
        parents=(as_parent(source, "source"),),
        hardware=manifest.hardware,
        decided=decided,
    )


class AverageConfig(RunnerConfig):
    """A mean of runs: seeds of one recipe, or different models."""

    members: tuple[str, ...] = Field(min_length=2, description="run_ids whose probabilities are averaged.")


@runner("average", AverageConfig, family="encoder")
def average(ctx: RunContext) -> RunResult:
    """Average the probabilities of several runs; its logits are their logarithms."""
    from reportgen.stats import softmax

    bundles = [parent(ctx, run_id) for run_id in ctx.config.members]
    logits = {
        name: np.log(
            np.mean([softmax(aligned_logits(bundle, ctx.data, name)) for bundle in bundles], axis=0).clip(1e-30)
        )
        for name in _splits(bundles, ctx.data)
    }
    first = bundles[0].manifest
    names = sorted({bundle.manifest.model.name for bundle in bundles})
    parameters = [bundle.manifest.model.parameters for bundle in bundles]
    return RunResult(
        model=first.model.model_copy(
            update={
                "name": f"mean of {len(bundles)} × {' + '.join(names)}",
                "parameters": None if None in parameters else sum(filter(None, parameters)),
                "trainable_parameters": None,
            }
        ),
        logits=logits,
        trained_on=tuple(sorted({split for bundle in bundles for split in bundle.manifest.trained_on})),
        parents=tuple(as_parent(bundle, "member") for bundle in bundles),
        hardware=first.hardware,
    )


class ShiftConfig(RunnerConfig):
    """A label frame that slipped."""

    run: str = Field(description="run_id of the run whose labels slip.")
    by: int = Field(17, description="Every label id moves up by so many, modulo K.")


@runner("shift", ShiftConfig, family="encoder")
def shift_labels(ctx: RunContext) -> RunResult:
    """The run a checkpoint with slipped training labels would leave: its logits moved by so many ids, to diagnose."""
    source = parent(ctx, ctx.config.run)
    manifest = source.manifest
    return RunResult(
        model=manifest.model.model_copy(update={"name": f"{manifest.model.name}, labels slipped by {ctx.config.by}"}),
        logits={
            name: np.roll(aligned_logits(source, ctx.data, name), ctx.config.by, axis=1)
            for name in _splits([source], ctx.data)
        },
        trained_on=manifest.trained_on,
        parents=(as_parent(source, "source"),),
        hardware=manifest.hardware,
    )
