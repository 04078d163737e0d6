"""Candidates from bundles: measured figures are recomputed from the predictions, reported ones taken as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle.kept import kept
from reportgen.errors import InputError
from reportgen.stats import (
    RowCounts,
    apply_temperature,
    boot_ece,
    boot_mean,
    boot_scores,
    confidence,
    ece,
    fit_temperature,
    folds,
    interval,
    latency_percentiles,
    nll_rows,
    row_counts,
    scores,
    tier_masked_f1,
    tiers,
    wilson,
)

from .candidates import Candidate, LatencyFigure, MemoryFigure, Metric, Resamples, reported_candidate
from .quantities import METRICS

if TYPE_CHECKING:
    from reportgen.bundle import Bundle, LatencyRecord, SplitPredictions

    from .scenarios import Scenario

Ints = NDArray[np.int64]
Fold = Callable[[int], tuple[Ints, Ints]]
CountsOf = Callable[[int], RowCounts]

GATE = 0.70
_BY_TIER = ("head_f1", "mid_f1", "tail_f1")
_BY_CONFIDENCE = ("ece", "nll", "tail_ece", "coverage_70", "accuracy_70")
_BY_SCALING = ("ece_pre", "ece_post", "nll_pre", "nll_post")
_CPU_FAMILIES = ("majority", "linear")


def candidates_for(
    bundles: Iterable[Bundle], scenario: Scenario, split: str = "val", *, besides: Collection[str] = ()
) -> list[Candidate]:
    """Candidates for a scenario; one that decides on calibration also gets each model with its temperature applied.

    `besides` names metrics to measure along: asked for the same ones, several scenarios share one measurement.
    """
    found = from_bundles(bundles, split, only={*scenario.metrics, *besides})
    if not scenario.scaled_variants:
        return found
    return [variant for candidate in found for variant in _with_and_without_temperature(candidate)]


def from_bundles(
    bundles: Iterable[Bundle],
    split: str = "val",
    *,
    fold: Fold = folds,
    only: Collection[str] | None = None,
) -> list[Candidate]:
    """One candidate a bundle, all named after their models, or after their runs where two share a model's name.

    All measured figures come from one split, never from another without being asked. Intervals are 95 %: Wilson for
    accuracy, bootstrap over rows for the rest, order statistics for latencies.

    Args:
        bundles: measured and reported ones.
        split: where predictions are taken from.
        fold: rows a temperature is fitted on, and rows it is reported on, of n.
        only: metrics that are needed; figures by tier and of calibration take most of the time. None: all.

    Raises:
        InputError: two bundles of one run name, or a measured run without predictions on the split.
    """
    every = list(bundles)
    runs = Counter(bundle.run_id for bundle in every)
    if repeated := sorted(name for name, count in runs.items() if count > 1):
        raise InputError(f"two bundles are called {repeated[0]!r}", remedy="give each run its own --name")
    lists = {bundle.manifest.dataset.labels_sha256: bundle for bundle in every if bundle.manifest.dataset}
    if len(lists) > 1:
        first, second = sorted(bundle.run_id for bundle in lists.values())[:2]
        raise InputError(f"{first} and {second} have different label lists", remedy="decide between models of one task")
    names = {bundle.manifest.model.name for bundle in every}
    # One kind of name throughout, so that nobody has to guess which run a model's name stands for.
    by_model = len(names) == len(every) and all(
        bundle.manifest.model.name not in runs.keys() - {bundle.run_id} for bundle in every
    )
    counts_of = _counts_of
    wanted = METRICS if only is None else only
    found = []
    for bundle in every:
        model = bundle.manifest.model.name
        name = model if by_model else bundle.run_id
        if bundle.reported is not None:
            found.append(reported_candidate(name, bundle.reported.model_dump(), bundle.run_id))
        else:
            found.append(_measured(bundle, name, split, fold, wanted, counts_of))
    return found


def _measured(
    bundle: Bundle, name: str, split: str, fold: Fold, wanted: Collection[str], counts_of: CountsOf
) -> Candidate:
    if split not in bundle.splits:
        raise InputError(
            f"{bundle.run_id} has no predictions on {split}",
            remedy=f"choose another split or leave the run out; it scored {', '.join(bundle.splits) or 'nothing'}",
        )
    rows, manifest = bundle.predictions(split), bundle.manifest
    if not len(rows):
        raise InputError(f"{bundle.run_id} scored no row of {split}", remedy="leave the run out")
    counts = counts_of(len(rows))
    metrics, temperature = kept(
        "candidate",
        (bundle,),
        lambda: _metrics(bundle, split, fold, wanted, counts_of),
        *(split, fold, frozenset(wanted), counts.resamples, counts.seed),
    )
    latency, hardware = bundle.latency, manifest.hardware
    on_gpu = None if hardware is None else hardware.device != "cpu"
    return Candidate(
        model=name,
        metrics=metrics,
        latency=tuple(_latency(record) for record in latency.records if record.samples_s) if latency else (),
        memory=tuple(MemoryFigure(record.bytes, record.kind) for record in latency.memory) if latency else (),
        needs_gpu=False if on_gpu is False or manifest.model.family in _CPU_FAMILIES else None,
        on_gpu=on_gpu,
        hardware=None if hardware is None else hardware.name or hardware.device,
        precision=manifest.model.precision,
        temperature=temperature,
        run_id=bundle.run_id,
    )


def _counts_of(n: int) -> RowCounts:
    return kept("counts", (), lambda: row_counts(n), n)


def _metrics(
    bundle: Bundle, split: str, fold: Fold, wanted: Collection[str], counts_of: CountsOf
) -> tuple[dict[str, Metric], float | None]:
    """Figures of one run, and the temperature where one was fitted."""
    rows = bundle.predictions(split)
    counts = counts_of(len(rows))
    metrics = _score_metrics(bundle, split, counts)
    if any(metric in wanted for metric in _BY_TIER):
        metrics |= _tier_metrics(bundle, rows, counts)
    if any(metric in wanted for metric in _BY_CONFIDENCE):
        metrics |= _confidence_metrics(bundle, rows, counts)
    temperature = None
    if rows.logits is not None and len(rows) >= 2 and any(metric in wanted for metric in _BY_SCALING):
        fit, report = fold(len(rows))
        temperature = fit_temperature(rows.logits[fit], rows.labels[fit]).t
        metrics |= _scaling_metrics(rows, report, temperature, counts_of(len(report)))
    return metrics, temperature


def _score_metrics(bundle: Bundle, split: str, counts: RowCounts) -> dict[str, Metric]:
    rows, k = bundle.predictions(split), len(bundle.labels.names)
    point = scores(rows.labels, rows.predictions, k)
    boot = kept(
        "resampled",
        (bundle,),
        lambda: boot_scores(counts, rows.labels, rows.predictions, k),
        *(split, counts.resamples, counts.seed),
    )
    digest = _digest(bundle, rows)
    found = {
        name: Metric(getattr(point, name), *boot.interval(name), point.n, Resamples(digest, boot.samples(name)))
        for name in ("macro_f1", "macro_f1_present", "weighted_f1")
    }
    bounds = _share(rows.labels == rows.predictions)
    found["accuracy"] = Metric(point.accuracy, *bounds, point.n, Resamples(digest, boot.accuracy))
    return found | {"zero_f1_classes": Metric(point.zero_f1, n=point.n)}


def _tier_metrics(bundle: Bundle, rows: SplitPredictions, counts: RowCounts) -> dict[str, Metric]:
    if not bundle.labels.train_counts:
        return {}
    found = {}
    tier_of_label = tiers(bundle.labels.train_counts, "rank")
    for tier, value in tier_masked_f1(rows.labels, rows.predictions, tier_of_label).items():
        classes = tier_of_label == tier
        inside = classes[rows.labels]
        if inside.any():
            boot = boot_scores(counts, rows.labels, rows.predictions, classes.size, mask=inside, classes=classes)
            resamples = Resamples(_digest(bundle, rows), boot.macro_f1)
            found[f"{tier}_f1"] = Metric(value, *boot.interval("macro_f1"), int(inside.sum()), resamples)
    return found


def _confidence_metrics(bundle: Bundle, rows: SplitPredictions, counts: RowCounts) -> dict[str, Metric]:
    """Figures of the confidences as they are, on all rows."""
    found = {}
    conf, hits = rows.confidence, rows.labels == rows.predictions
    if conf is not None and not np.isnan(conf).any():
        found["ece"] = _ece(counts, conf, hits)
        covered = conf >= GATE
        found["coverage_70"] = Metric(float(covered.mean()), *_share(covered), len(rows))
        if covered.any():
            found["accuracy_70"] = Metric(float(hits[covered].mean()), *_share(hits[covered]), int(covered.sum()))
        if bundle.labels.train_counts:
            tail = (tiers(bundle.labels.train_counts, "rank") == "tail")[rows.labels]
            if tail.any():
                found["tail_ece"] = Metric(ece(conf[tail], hits[tail]), n=int(tail.sum()))
    if rows.logits is not None:
        found["nll"] = _nll(counts, rows.logits, rows.labels)
    return found


def _scaling_metrics(rows: SplitPredictions, report: Ints, t: float, counts: RowCounts) -> dict[str, Metric]:
    """ECE and NLL on the fold the temperature was not fitted on, before and after scaling."""
    assert rows.logits is not None  # noqa: S101 - for the type checker: the caller has looked
    # In double precision: dividing the stored float16 could make two logits equal.
    before = rows.logits[report].astype(np.float64)
    labels, hits = rows.labels[report], rows.predictions[report] == rows.labels[report]
    found = {}
    for when, logits in (("pre", before), ("post", apply_temperature(before, t))):
        found[f"ece_{when}"] = _ece(counts, confidence(logits), hits)
        found[f"nll_{when}"] = _nll(counts, logits, labels)
    return found


def _ece(counts: RowCounts, conf: NDArray[np.floating[Any]], hits: NDArray[np.bool_]) -> Metric:
    value, resampled = ece(conf, hits), boot_ece(counts, conf, hits)
    # A resample's ECE is biased upward: its spread is used, its centre is not.
    low, high = interval(resampled - resampled.mean() + value)
    return Metric(value, max(0.0, low), high, len(hits))


def _nll(counts: RowCounts, logits: NDArray[np.floating[Any]], labels: NDArray[np.int16]) -> Metric:
    per_row = nll_rows(logits, labels)
    return Metric(float(per_row.mean()), *interval(boot_mean(counts, per_row)), len(labels))


def _share(flags: NDArray[np.bool_]) -> tuple[float, float]:
    """Wilson interval of the share of true flags."""
    low, high = wilson(int(flags.sum()), flags.size)
    return float(low), float(high)


def _digest(bundle: Bundle, rows: SplitPredictions) -> str:
    dataset = bundle.manifest.dataset
    return f"{rows.rows_sha256}:{dataset.labels_sha256 if dataset else ''}"


def _latency(record: LatencyRecord) -> LatencyFigure:
    sizes = record.examples_per_call or (record.batch_size,) * len(record.samples_s)
    ms = np.array(record.samples_s) * 1000 / np.array(sizes)
    found = latency_percentiles(ms)
    return LatencyFigure(
        mode=record.scenario,
        ms={name: value for name, (value, _, _) in found.items()},
        bounds={name: (low, high) for name, (_, low, high) in found.items() if isfinite(low) and isfinite(high)},
        batch_size=record.batch_size if record.scenario == "offline" else None,
        tokenised=record.includes_tokenisation,
    )


def _with_and_without_temperature(candidate: Candidate) -> list[Candidate]:
    """The candidate, and the same answers with its temperature applied; both on the fold that judges temperatures."""
    after = {name: candidate.metrics[f"{name}_post"] for name in ("ece", "nll") if f"{name}_post" in candidate.metrics}
    if not after:
        return [candidate]
    before = {name: candidate.metrics[f"{name}_pre"] for name in ("ece", "nll") if f"{name}_pre" in candidate.metrics}
    depends = _BY_CONFIDENCE + _BY_SCALING
    steady = {name: metric for name, metric in candidate.metrics.items() if name not in depends}
    plain = replace(candidate, metrics=dict(candidate.metrics) | before, temperature=None)
    return [plain, replace(candidate, model=f"{candidate.model} + T", metrics=steady | after)]
