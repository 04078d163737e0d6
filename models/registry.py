"""Runners by name. A runner is a function from a context to a result; its config is a pydantic model.

The registry keeps name + parameters, so a run can be rebuilt from its bundle.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from reportgen.bundle.schema import Family, Hardware, LatencyRecord, MemoryRecord, ModelInfo, Parent
from reportgen.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.data import Dataset


class RunnerConfig(BaseModel):
    """Base of runner configs: every key is typed, has a default and can be set with `--set key=value`."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


@dataclass(frozen=True)
class RunContext:
    """What a runner is given."""

    data: Dataset
    config: Any
    """An instance of the runner's own config class."""
    seed: int
    work: Path
    """RUNS/.work/<run_id>: checkpoints and caches; survives a kill, never part of the bundle."""
    runs: Mapping[str, Bundle]
    """Bundles it may build on (--from, --teacher), by run_id."""
    say: Callable[[str], None]
    """Progress: one line."""


@dataclass(frozen=True)
class RunResult:
    """What a runner hands back; the harness turns it into a bundle."""

    model: ModelInfo
    logits: Mapping[str, NDArray[np.floating[Any]]] | None = None
    """Split to scores of shape (n, K), rows in the split's order."""
    predictions: Mapping[str, NDArray[np.integer[Any]]] | None = None
    """Split to label ids of shape (n,), only where the model has no logits; −1 is an unparsed answer."""
    rows: Mapping[str, NDArray[np.integer[Any]]] = field(default_factory=dict)
    """Split to the positions that were scored, where only a sample was; all rows of a split that is not named."""
    trained_on: tuple[str, ...] = ()
    training: pd.DataFrame | None = None
    """Columns step, epoch, loss, lr, split metrics per epoch such as val_macro_f1 (NaN elsewhere)."""
    latency: tuple[LatencyRecord, ...] = ()
    memory: tuple[MemoryRecord, ...] = ()
    cold_start_s: float | None = None
    parents: tuple[Parent, ...] = ()
    hardware: Hardware | None = None
    """None: the CPU of this machine."""
    timings: Mapping[str, float] = field(default_factory=dict)
    decided: Mapping[str, Any] = field(default_factory=dict)
    """What was decided while running: batch size after OOM, matched LoRA targets, best epoch."""
    adapter: Path | None = None
    """Folder of safetensors and JSON files to store in the bundle as adapter/."""
    tokens: Mapping[str, NDArray[np.integer[Any]]] = field(default_factory=dict)
    """Split to token counts (untruncated, with special tokens) of each row, where the runner has a tokenizer."""
    score: Callable[[NDArray[np.object_]], NDArray[np.float32]] | None = None
    """Texts to scores (n, K), for runners that build on this one."""


@dataclass(frozen=True)
class Runner:
    """A registered runner."""

    name: str
    config: type[RunnerConfig]
    run: Callable[[RunContext], RunResult]
    family: Family
    help: str


_MODULES = (
    "majority",
    "tfidf",
    "embed",
    "encoder",
    "decoder",
    "prompt",
    "derive",
    "predict",
    "quantize",
    "distill",
    "distill_linear",
    "temper",
    "rescue",
)
"""Modules of this package that register runners; imported on first look-up."""

_RUNNERS: dict[str, Runner] = {}


def runner(
    name: str, config: type[RunnerConfig] = RunnerConfig, *, family: Family
) -> Callable[[Callable[[RunContext], RunResult]], Callable[[RunContext], RunResult]]:
    """Register the decorated function as a runner; the first line of its docstring becomes its help."""

    def register(run: Callable[[RunContext], RunResult]) -> Callable[[RunContext], RunResult]:
        _RUNNERS[name] = Runner(name, config, run, family, (run.__doc__ or "").strip().partition("\n")[0])
        return run

    return register


def runners() -> dict[str, Runner]:
    """All runners by name."""
    for module in _MODULES:
        importlib.import_module(f"models.{module}")
    return dict(sorted(_RUNNERS.items()))


def get_runner(name: str) -> Runner:
    """The runner of that name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    known = runners()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"no runner or stage called {name!r}",
        remedy=(f"did you mean {near[0]!r}? " if near else "") + f"runners: {', '.join(known)}",
    )
