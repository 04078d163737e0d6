"""Sentences of fact: chosen by the measured sign, never stronger than the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Value
from .numbers import plural, show, show_interval

if TYPE_CHECKING:
    from reportgen.stats import Difference

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "zero_f1": "zero-F1 classes",
}
DATA_NOISE = "The interval covers data-side noise only: the rows are resampled, the models are not retrained."


def difference_sentence(value: Value, found: Difference) -> str:
    """One difference in words."""
    metric = METRICS.get(found.metric, found.metric)
    size = show(abs(found.delta), value.unit)
    if value.unit == "fraction":
        size = size.replace("%", "points")
    span = show_interval(value.interval, value.unit, signed=True) if value.interval else "no interval"
    changed = plural(found.changed, "prediction")
    if found.delta == 0:
        lead = f"{value.run} and {value.baseline} have the same {metric}"
    else:
        lead = f"{value.run} has {size} {'more' if found.delta > 0 else 'less'} {metric} than {value.baseline}"
    match found.verdict:
        case "real":
            return f"{lead}. The 95 % interval {span} excludes zero and {changed} differ."
        case "directional":
            return f"{lead}. The 95 % interval {span} excludes zero, but only {changed} differ: a direction, no more."
        case _:
            return f"{lead}. The 95 % interval {span} includes zero: these rows do not tell the two apart."
