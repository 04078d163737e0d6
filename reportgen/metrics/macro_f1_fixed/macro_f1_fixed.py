"""`evaluate` module: macro F1 over a fixed label list."""

from __future__ import annotations

import datasets
import evaluate

from reportgen.stats import scores

_DESCRIPTION = (
    "Mean F1 over all labels of a fixed list; a label with neither rows nor predictions counts 0, as does an answer "
    "that names no label (-1). Beside it macro_f1_present, over the labels seen in references or predictions."
)
_INPUTS = (
    "predictions: label ids in [-1, num_labels). references: label ids in [0, num_labels). "
    "num_labels: length of the label list."
)


class MacroF1Fixed(evaluate.Metric):
    """Returns `macro_f1` and `macro_f1_present`."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(self, predictions: list[int], references: list[int], num_labels: int) -> dict[str, float]:
        found = scores(references, predictions, num_labels)
        return {"macro_f1": found.macro_f1, "macro_f1_present": found.macro_f1_present}
