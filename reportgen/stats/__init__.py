"""Arithmetic on arrays: scores, resampling, tests, calibration. No input or output, no names of files or models.

Labels are ids in [0, K); a prediction of −1 is an answer that could not be read as a label, and always wrong.
"""

from __future__ import annotations

from reportgen.stats._check import UNPARSED
from reportgen.stats.adjust import TAUS, TauChoice, adjust, choose_tau, log_prior
from reportgen.stats.agreement import LabelShift, holm, js_divergence, label_shift, mcnemar_exact
from reportgen.stats.bootstrap import BOOT_METRICS, BootScores, boot_models, boot_scores, compare, paired
from reportgen.stats.calibration import (
    Reliability,
    confidence,
    ece,
    ece_classwise,
    ece_equal_mass,
    even_odd_folds,
    folds,
    nll,
    nll_rows,
    reliability,
    softmax,
)
from reportgen.stats.confusion import (
    ConfusedPair,
    Destinations,
    SuspectPair,
    WorstClass,
    confused_pairs,
    destinations,
    suspect_pairs,
    worst_classes,
)
from reportgen.stats.coverage import THRESHOLDS, Covered, SlaThreshold, coverage, sla_threshold
from reportgen.stats.difference import MIN_CHANGED, Difference, Verdict, interval, verdict
from reportgen.stats.frontier import pareto
from reportgen.stats.intervals import latency_percentiles, order_statistic_interval, wilson
from reportgen.stats.resamples import RESAMPLES, RowCounts, row_counts
from reportgen.stats.rescue import Rescue, RescueRows, rescue
from reportgen.stats.rowvalues import boot_ece, boot_mean, paired_ece, paired_values
from reportgen.stats.scores import PerClass, Scores, confusion, per_class, scores
from reportgen.stats.temperature import Temperature, apply_temperature, course_temperature, fit_temperature
from reportgen.stats.tiers import TIER_RULES, tier_masked_f1, tier_mean_f1, tier_names, tiers

__all__ = [
    "BOOT_METRICS",
    "MIN_CHANGED",
    "RESAMPLES",
    "TAUS",
    "THRESHOLDS",
    "TIER_RULES",
    "UNPARSED",
    "BootScores",
    "ConfusedPair",
    "Covered",
    "Destinations",
    "Difference",
    "LabelShift",
    "PerClass",
    "Reliability",
    "Rescue",
    "RescueRows",
    "RowCounts",
    "Scores",
    "SlaThreshold",
    "SuspectPair",
    "TauChoice",
    "Temperature",
    "Verdict",
    "WorstClass",
    "adjust",
    "apply_temperature",
    "boot_ece",
    "boot_mean",
    "boot_models",
    "boot_scores",
    "choose_tau",
    "compare",
    "confidence",
    "confused_pairs",
    "confusion",
    "course_temperature",
    "coverage",
    "destinations",
    "ece",
    "ece_classwise",
    "ece_equal_mass",
    "even_odd_folds",
    "fit_temperature",
    "folds",
    "holm",
    "interval",
    "js_divergence",
    "label_shift",
    "latency_percentiles",
    "log_prior",
    "mcnemar_exact",
    "nll",
    "nll_rows",
    "order_statistic_interval",
    "paired",
    "paired_ece",
    "paired_values",
    "pareto",
    "per_class",
    "reliability",
    "rescue",
    "row_counts",
    "scores",
    "sla_threshold",
    "softmax",
    "suspect_pairs",
    "tier_masked_f1",
    "tier_mean_f1",
    "tier_names",
    "tiers",
    "verdict",
    "wilson",
    "worst_classes",
]
