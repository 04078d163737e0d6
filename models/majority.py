"""The floor: always the most frequent training label."""

from __future__ import annotations

import numpy as np

from reportgen.bundle.schema import ModelInfo

from .registry import RunContext, RunResult, runner


@runner("majority", family="majority")
def majority(ctx: RunContext) -> RunResult:
    """Always predict the most frequent training label; its scores are the log of the label frequencies."""
    counts = ctx.data.train_counts
    # +1 keeps the logarithm finite for labels without training rows and never changes the order of the others.
    log_prior = np.log((counts + 1) / (counts.sum() + len(counts))).astype(np.float32)
    scored = {name: split for name, split in ctx.data.splits.items() if name != "train"}
    return RunResult(
        model=ModelInfo(name="majority label", family="majority", parameters=len(counts), precision="fp32"),
        logits={name: np.tile(log_prior, (len(split), 1)) for name, split in scored.items()},
        trained_on=("train",),
    )
