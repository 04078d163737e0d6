"""Which model to deploy: candidates, scenarios, the recommendation and the points where it flips."""

from __future__ import annotations

from .candidates import Candidate, LatencyFigure, MemoryFigure, Metric, Resamples, reported_candidate
from .cost import Cost
from .engine import Assessment, Change, Margin, Missing, Recommendation, Relaxation, Tie, recommend
from .flips import Flip
from .from_bundles import candidates_for, from_bundles
from .quantities import DERIVED, METRICS, MetricInfo, Quantity, metric_info
from .report import to_json
from .scenario_files import load_scenario, parse_scenario, scenario_names
from .scenarios import Constraint, Load, Objective, Price, Scenario
from .text import to_text

__all__ = [
    "DERIVED",
    "METRICS",
    "Assessment",
    "Candidate",
    "Change",
    "Constraint",
    "Cost",
    "Flip",
    "LatencyFigure",
    "Load",
    "Margin",
    "MemoryFigure",
    "Metric",
    "MetricInfo",
    "Missing",
    "Objective",
    "Price",
    "Quantity",
    "Recommendation",
    "Relaxation",
    "Resamples",
    "Scenario",
    "Tie",
    "candidates_for",
    "from_bundles",
    "load_scenario",
    "metric_info",
    "parse_scenario",
    "recommend",
    "reported_candidate",
    "scenario_names",
    "to_json",
    "to_text",
]
