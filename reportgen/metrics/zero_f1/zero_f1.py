"""`evaluate` module: labels a model never gets right."""

from __future__ import annotations

import datasets
import evaluate

from reportgen.stats import scores

_DESCRIPTION = "Number of labels with F1 = 0: of the whole list, and of the labels that have a row in the references."
_INPUTS = (
    "predictions: label ids in [-1, num_labels). references: label ids in [0, num_labels). "
    "num_labels: length of the label list."
)


class ZeroF1(evaluate.Metric):
    """Returns `zero_f1`, `zero_f1_supported` and `classes_present`."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(self, predictions: list[int], references: list[int], num_labels: int) -> dict[str, int]:
        found = scores(references, predictions, num_labels)
        return {
            "zero_f1": found.zero_f1,
            "zero_f1_supported": found.zero_f1_supported,
            "classes_present": found.classes_present,
        }
