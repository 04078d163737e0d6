"""A temperature and nothing else: a run's logits divided by the T that fits a half of val best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from reportgen.bundle import store_logits
from reportgen.errors import UsageError

from .derive import aligned_logits, as_parent, parent
from .registry import RunContext, RunnerConfig, RunResult, runner

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TemperConfig(RunnerConfig):
    """Temperature scaling (Guo et al. 2017) of one run."""

    run: str = Field(description="run_id of the run to temper.")
    fold_seed: int = Field(42, description="Seed of the halves of val; T is fitted on the first.")


@runner("temper", TemperConfig, family="encoder")
def temper(ctx: RunContext) -> RunResult:
    """Divide a run's logits by the temperature of least log loss on a half of val; no prediction changes."""
    from reportgen.stats import fit_temperature, folds

    cfg: TemperConfig = ctx.config
    source, data = parent(ctx, cfg.run), ctx.data
    if "val" not in source.splits or "val" not in data.splits:
        raise UsageError(f"{cfg.run} has no val split to fit a temperature on", remedy="score val with it first")
    logits = {name: aligned_logits(source, data, name) for name in source.splits if name in data.splits}
    fitted_on, _ = folds(len(logits["val"]), cfg.fold_seed)
    fit = fit_temperature(logits["val"][fitted_on], data.splits["val"].labels[fitted_on])
    ctx.say(f"T {fit.t:.4f} on {len(fitted_on)} of {len(logits['val'])} val rows")
    manifest = source.manifest
    return RunResult(
        model=manifest.model.model_copy(update={"name": f"{manifest.model.name}, T = {fit.t:.3f}"}),
        logits={name: scaled(scores, fit.t) for name, scores in logits.items()},
        trained_on=manifest.trained_on,
        parents=(as_parent(source, "source"),),
        hardware=manifest.hardware,
        decided={"temperature_used": fit.t, "fitted_on": "first half of val", "rows_fitted_on": len(fitted_on)},
    )


def scaled(logits: NDArray[np.float32], t: float) -> NDArray[np.float16]:
    """Logits / T as a bundle stores them, shape (n, K), with the highest of each row where it was."""
    divided = store_logits(logits / np.float32(t))
    winner = logits.argmax(1)
    # Rounding can make two neighbours equal, and then the first of them would win.
    lost = np.flatnonzero(divided.argmax(1) != winner)
    divided[lost, winner[lost]] = np.nextafter(divided[lost].max(1), np.float16(np.inf))
    return divided
