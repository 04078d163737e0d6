"""What a scenario can ask of a candidate: the metrics by name, and which way each is better."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from reportgen.errors import InputError

Mode = Literal["single-stream", "offline"]
MODES: tuple[Mode, ...] = ("single-stream", "offline")
STATISTICS = ("p50", "p90", "p95", "p99")


@dataclass(frozen=True)
class MetricInfo:
    """One metric a scenario may name."""

    label: str
    higher_is_better: bool
    unit: str = ""
    fraction: bool = False
    """Lies between 0 and 1."""


def _score(label: str) -> MetricInfo:
    return MetricInfo(label, True, fraction=True)


def _error(label: str) -> MetricInfo:
    return MetricInfo(label, False, fraction=True)


METRICS: dict[str, MetricInfo] = {
    "accuracy": _score("accuracy"),
    "macro_f1": _score("macro F1"),
    "macro_f1_present": _score("macro F1 over classes seen"),
    "weighted_f1": _score("weighted F1"),
    "head_f1": _score("head F1"),
    "mid_f1": _score("mid F1"),
    "tail_f1": _score("tail F1"),
    "zero_f1_classes": MetricInfo("classes at zero F1", False, "classes"),
    "ece": _error("ECE"),
    "ece_post": _error("ECE after temperature scaling"),
    "ece_pre": _error("ECE before temperature scaling, on the rows of the one after"),
    "tail_ece": _error("tail ECE"),
    "nll": MetricInfo("NLL", False, "nats"),
    "nll_post": MetricInfo("NLL after temperature scaling", False, "nats"),
    "nll_pre": MetricInfo("NLL before temperature scaling, on the rows of the one after", False, "nats"),
    "coverage_70": _score("share answered at confidence .70"),
    "accuracy_70": _score("accuracy at confidence .70"),
}
"""Metrics a candidate carries. Tiers are by rank, tier F1 on the tier's own rows; the definitions are in `stats`."""

DERIVED: dict[str, MetricInfo] = {
    "latency_ms": MetricInfo("latency", False, "ms"),
    "memory_bytes": MetricInfo("memory", False, "bytes"),
    "needs_gpu": MetricInfo("GPU needed", False),
    "batch_hours": MetricInfo("time for one batch", False, "h"),
    "machines": MetricInfo("machines", False),
    "monthly_cost": MetricInfo("monthly cost", False),
    "cost_per_1000": MetricInfo("cost of 1,000 examples", False),
}
"""Quantities read from latency, memory and price."""

WORKLOAD = ("batch_hours", "machines", "monthly_cost", "cost_per_1000")
"""Quantities that follow from a latency, the load and the prices."""


def metric_info(name: str, where: str | None = None) -> MetricInfo:
    """The metric of that name.

    Raises:
        InputError: there is none; names the nearest.
    """
    known = METRICS | DERIVED
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise InputError(
        f"unknown metric {name!r}",
        where=where,
        remedy=(f"did you mean {near[0]!r}? " if near else "") + f"metrics: {', '.join(known)}",
    )


@dataclass(frozen=True)
class Quantity:
    """A metric, and of a latency or memory which record is meant.

    A latency of one mode says nothing about the other: reading single-stream and batched figures as one is how a
    model seems 19 times faster than another.
    """

    metric: str
    mode: Mode | None = None
    statistic: str = "p50"
    batch_size: int | None = None

    @property
    def info(self) -> MetricInfo:
        """Direction, unit and label."""
        return metric_info(self.metric)

    @property
    def label(self) -> str:
        """The quantity in words."""
        if self.metric != "latency_ms":
            return self.info.label
        batch = f" at batch size {self.batch_size}" if self.batch_size else ""
        return f"{self.statistic} {self.mode} latency{batch}"

    def text(self, value: float | None) -> str:
        """A value of this quantity, written for a reader."""
        if value is None:
            return "unknown"
        if self.metric == "needs_gpu":
            return "yes" if value else "no"
        if self.metric == "memory_bytes":
            return f"{value / 1e9:.2f} GB"
        number = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        return f"{number} {self.info.unit}".rstrip()
