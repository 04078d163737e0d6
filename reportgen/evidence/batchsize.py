"""Batch size beside seed noise: the section that must not overclaim."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from . import training
from .context import Context, SectionEvidence
from .experiments import BATCH, Experiment, changed
from .model import Value
from .noisefloor import NoiseFloor
from .numbers import listing, plural, show, show_size
from .pair import seed_sentence
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.stats import Difference

STAGE = "week2"


def batch_section(context: Context, compared: list[Experiment], noise: NoiseFloor) -> SectionEvidence:
    """Section w2.s3."""
    found, runs = SectionEvidence(), context.runs
    batch = changed(compared, BATCH)
    pair = _seed_pair(noise, batch)
    if pair is None:
        found.missing("w2.s3.e2", context.command(STAGE), "No two runs differ in their seed and in nothing else.")
    else:
        macro, difference = runs.difference(pair[1], pair[0], "macro_f1")
        accuracy, _ = runs.difference(pair[1], pair[0], "accuracy")
        others = f" Over {plural(len(noise.pairs), 'pair')} of seeds it is at most {show(noise.seed, 'score')}."
        found.answer(
            "w2.s3.e2",
            difference_sentence(macro, difference) + (others if len(noise.pairs) > 1 else ""),
            macro,
            accuracy,
            verdict=difference.verdict,
            caveats=[
                "One pair of seeds is one draw of the seed's effect." if len(noise.pairs) == 1 else None,
                seed_sentence(runs, pair[0]) if len(noise.pairs) > 1 else None,
            ],
        )
    if batch is None:
        for item in ("w2.s3.e1", "w2.s3.e3", "w2.s3.e4"):
            found.missing(item, context.command(STAGE), "No two runs differ in their batch size.")
        return found
    macro, difference = runs.difference(batch.run, batch.reference, "macro_f1")
    accuracy, _ = runs.difference(batch.run, batch.reference, "accuracy")
    change = next(change for change in batch.changes if change.key in BATCH)
    confounded = (
        f"Confounded: {listing(list(batch.keys), 8)} differ, not the batch size alone."
        if len(batch.changes) > 1
        else None
    )
    metrics = ("accuracy", "macro_f1", "weighted_f1", "zero_f1")
    found.answer(
        "w2.s3.e1",
        f"Batches of {change.before} under {batch.reference.run_id}, of {change.after} under {batch.run.run_id}. "
        + difference_sentence(macro, difference),
        *(runs.value(run, metric) for run in (batch.reference, batch.run) for metric in metrics),
        macro,
        accuracy,
        caveats=[confounded, _halved(batch), DATA_NOISE],
    )
    _ratio(context, batch, difference, pair, confounded, found)
    _steps(context, batch, found)
    return found


def _seed_pair(noise: NoiseFloor, batch: Experiment | None) -> tuple[Bundle, Bundle] | None:
    """The pair of seeds that shares a run with the batch-size pair, else the one that differs most."""
    if not noise.pairs:
        return None
    near = [] if batch is None else [pair for pair in noise.pairs if batch.reference in pair or batch.run in pair]
    chosen = near or list(noise.pairs)
    first, second = max(chosen, key=lambda pair: noise.deltas[noise.pairs.index(pair)])
    return (second, first) if batch is not None and second in (batch.reference, batch.run) else (first, second)


def _halved(batch: Experiment) -> str | None:
    """Whether a run that ran out of memory used smaller forward passes than it asked for."""
    used = [
        f"{run.run_id} ran out of memory and computed its batches in parts of {smaller}"
        for run in (batch.reference, batch.run)
        if isinstance(smaller := run.config.decided.get("micro_batch_used"), int)
        and isinstance(asked := run.config.resolved.get("batch_size"), int)
        and run.config.resolved.get("micro_batch_size") is None
        and smaller < asked
    ]
    return f"{'; '.join(used)}; the examples an optimiser step are those shown." if used else None


def _ratio(
    context: Context,
    batch: Experiment,
    difference: Difference,
    pair: tuple[Bundle, Bundle] | None,
    confounded: str | None,
    found: SectionEvidence,
) -> None:
    runs = context.runs
    if pair is None:
        found.missing("w2.s3.e3", context.command(STAGE), "Without a second seed there is nothing to compare it with.")
        return
    delta = difference.delta
    _, between = runs.difference(pair[1], pair[0], "macro_f1")
    seed = between.delta
    shown = {
        "run": batch.run.run_id,
        "split": runs.split,
        "n": runs.scores(batch.run).n,
        "field": "predictions.parquet",
    }
    sizes = f"|Δ| is {show_size(delta, 'score')} for the batch size and {show_size(seed, 'score')} for the seed."
    related = {batch.run.run_id, batch.reference.run_id} & {run.run_id for run in pair}
    other = None if related else f"The seed pair ({pair[0].run_id}, {pair[1].run_id}) has another recipe."
    values = []
    if seed:
        values = [Value("batch_to_seed_ratio", abs(delta / seed), "ratio", **shown)]  # type: ignore[arg-type]
    if abs(delta) <= abs(seed):
        reading, said = "The batch-size difference is no larger than what a seed does: it shows no effect.", "null"
    elif difference.verdict == "null":
        reading = (
            "It exceeds this seed difference, but its own interval includes zero: these rows do not show an effect."
        )
        said = "null"
    elif confounded:
        reading = "It exceeds this seed difference, as may any of the other keys: the batch size shows nothing here."
        said = "confounded"
    elif not related:
        reading = "It exceeds this seed difference, of another recipe: what a seed does to these two was not measured."
        said = "above a seed pair of another recipe"
    else:
        reading = (
            "It exceeds this seed difference, and its interval excludes zero. One run a batch size cannot tell the "
            "batch size from the luck of a seed: more seeds of both would."
        )
        said = "above one seed pair"
    loose = (
        "The seed difference's own interval includes zero: read the ratio as an order of magnitude."
        if values and between.verdict == "null"
        else None
    )
    found.answer("w2.s3.e3", f"{sizes} {reading}", *values, verdict=said, caveats=[confounded, other, loose])


def _steps(context: Context, batch: Experiment, found: SectionEvidence) -> None:
    values, counted = [], []
    for run in (batch.reference, batch.run):
        steps, how = steps_per_epoch(context, run)
        if steps is not None:
            counted.append(f"{steps:,} under {run.run_id} ({how})")
            values.append(Value("steps_per_epoch", steps, "count", run=run.run_id, field="training.parquet"))
    if len(values) < 2:
        found.missing("w2.s3.e4", context.command(STAGE), "Neither a training log nor training counts are stored.")
        return
    found.answer(
        "w2.s3.e4",
        f"Optimiser steps an epoch: {listing(counted)}. At one learning rate, more steps an epoch also means more "
        "updates in all.",
        *values,
        verification="bound",
    )


def steps_per_epoch(context: Context, run: Bundle) -> tuple[int | None, str]:
    """Steps of the first epoch from the training log, else rows divided by the batch size."""
    frame = training.logged(run)
    if frame is not None and "epoch" in frame.columns:
        first = frame[frame["epoch"] <= 1]
        if len(first) and float(first["epoch"].max()) == 1:
            return int(first["step"].max()), "from its log"
    size = next((run.config.resolved[key] for key in BATCH if isinstance(run.config.resolved.get(key), int)), None)
    rows = sum(run.labels.train_counts)
    if not size or not rows:
        return None, ""
    return math.ceil(rows / size), f"{rows:,} rows ÷ {size}"
