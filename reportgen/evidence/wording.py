"""Sentences of fact: chosen by the measured sign, never stronger than the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Value
from .numbers import plural, show_interval, show_size

if TYPE_CHECKING:
    from reportgen.stats import Difference

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "zero_f1": "zero-F1 classes",
    "classes": "classes",
    "top_class_share": "share",
    "classes_below_0.1_percent": "classes",
    "rows_in_classes_below_0.1_percent": "of the rows",
    "redaction_rate": "share",
    "words_median": "median",
    "words_p90": "90th percentile",
    "words_mean": "mean",
    "within_max_length": "within the limit",
    "best_epoch": "epoch",
    "net_rescued": "net",
    "head_mean_f1": "mean F1, head",
    "head_zero_f1": "zero-F1, head",
    "mid_mean_f1": "mean F1, mid",
    "mid_zero_f1": "zero-F1, mid",
    "tail_mean_f1": "mean F1, tail",
    "tail_zero_f1": "zero-F1, tail",
    "rare_mean_f1": "mean F1, rare",
    "rare_zero_f1": "zero-F1, rare",
    "common_mean_f1": "mean F1, common",
    "common_zero_f1": "zero-F1, common",
    "latency_ms_single_stream": "single-stream",
    "latency_ms_offline": "offline",
    "examples_per_second_single_stream": "examples a second, single-stream",
    "examples_per_second_offline": "examples a second, offline",
    "time_for_64000_single_stream": "64,000 examples, single-stream",
    "time_for_64000_offline": "64,000 examples, offline",
    "latency_ratio_single_stream": "ratio, single-stream",
    "latency_ratio_offline": "ratio, offline",
    "macro_f1_present": "macro F1, classes seen",
    "ece": "calibration error",
    "ece_scaled": "after scaling",
    "macro_f1_scaled": "macro F1 after scaling",
    "temperature": "T",
    "head_accuracy": "accuracy, head",
    "mid_accuracy": "accuracy, mid",
    "tail_accuracy": "accuracy, tail",
    "rare_accuracy": "accuracy, rare",
    "common_accuracy": "accuracy, common",
    "memory_allocated_peak": "peak memory, allocated",
    "memory_process_peak": "peak memory, process",
    "memory_weights_on_disk": "weights on disk",
    "calibration_rows": "fold A, for T",
    "evaluation_rows": "fold B, reported",
    "share_positive": "of the resamples",
    "mcnemar_p": "McNemar p",
    "slices_excluding_zero": "exclude zero",
    "slices_after_holm": "after Holm",
    **{f"{tier}_masked_f1": f"masked F1, {tier}" for tier in ("head", "mid", "tail")},
    **{f"{tier}_ece": f"calibration error, {tier}" for tier in ("head", "mid", "tail")},
    **{f"{tier}_js": f"divergence, {tier}" for tier in ("head", "mid", "tail")},
    "js": "divergence from the teacher",
    "nll": "log loss",
    "ece_gain_by_temperature": "share by temperature",
    "nll_gain_by_temperature": "share by temperature",
    "data_to_teacher_ratio": "data / teacher",
    "head_classes_gained": "classes that rise",
    "head_gain_top_share": "top three",
    "accuracy_at_70": "accuracy at ≥ .70",
    "coverage_at_70": "coverage at ≥ .70",
    "accuracy_at_70_scaled": "accuracy at ≥ .70, with T",
    "coverage_at_70_scaled": "coverage at ≥ .70, with T",
    "grid_outside_floor": "outside",
    **{
        f"{kind}_{metric}": f"{said}, {name}"
        for kind, said in (("grid_spread", "spread"), ("default_rank", "rank"))
        for metric, name in (
            ("macro_f1", "macro F1"),
            ("ece", "ECE"),
            ("nll", "log loss"),
            ("head_masked_f1", "head F1"),
            ("mid_masked_f1", "mid F1"),
            ("tail_masked_f1", "tail F1"),
        )
    },
    **{f"choice_week6-{letter}": f"week6-{letter}" for letter in "abc"},
    **{f"flip_points_week6-{letter}": f"flip points, week6-{letter}" for letter in "abc"},
}
"""What the page calls a metric; others are called by their own name."""
DATA_NOISE = "The interval covers data-side noise only: the rows are resampled, the models are not retrained."


def metric_name(metric: str) -> str:
    """A metric as the page calls it."""
    if metric.startswith("slice_f1."):
        return "macro F1, classes seen, " + metric.removeprefix("slice_f1.").replace(".", ": ")
    return METRICS.get(metric, metric.replace("_", " "))


def difference_sentence(value: Value, found: Difference) -> str:
    """One difference in words."""
    metric = metric_name(found.metric)
    size = show_size(found.delta, value.unit)
    if value.unit == "fraction":
        size = size.replace("pp", "points")
    span = show_interval(value.interval, value.unit, signed=True) if value.interval else "no interval"
    changed = plural(found.changed, "prediction")
    if found.delta == 0:
        lead = f"{metric[0].upper()}{metric[1:]} is the same under {value.run} and {value.baseline}"
    else:
        change = "higher" if found.delta > 0 else "lower"
        lead = f"{metric[0].upper()}{metric[1:]} is {size} {change} under {value.run} than under {value.baseline}"
    match found.verdict:
        case "real":
            return f"{lead}. The 95 % interval {span} excludes zero and {changed} differ."
        case "directional":
            return f"{lead}. The 95 % interval {span} excludes zero, but only {changed} differ: a direction, no more."
        case _:
            return f"{lead}. The 95 % interval {span} includes zero: these rows do not tell the two apart."
