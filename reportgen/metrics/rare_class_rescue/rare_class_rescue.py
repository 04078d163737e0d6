"""`evaluate` module: labels a candidate brings back from F1 = 0, and how many of them are more than luck."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from reportgen.stats import rescue

_DESCRIPTION = (
    "Labels with F1 = 0 under the baseline and above it under the candidate (rescued), the reverse (lost), and those "
    "an exact McNemar test on the label's own rows confirms (Holm-adjusted, at least 5 rows)."
)
_INPUTS = (
    "predictions: the candidate's label ids. references: the true ones. baseline: the baseline's, of the same rows in "
    "the same order. num_labels: length of the label list."
)


class RareClassRescue(evaluate.Metric):
    """Returns `rescued`, `lost`, `confirmed` (label ids), `net` and `expected_by_chance`."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(
        self, predictions: list[int], references: list[int], baseline: list[int], num_labels: int
    ) -> dict[str, Any]:
        found = rescue(references, baseline, predictions, num_labels)
        return {
            "rescued": list(found.rescued),
            "lost": list(found.lost),
            "confirmed": list(found.confirmed),
            "net": found.net,
            "expected_by_chance": found.expected_by_chance,
        }
