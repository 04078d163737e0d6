"""A recommendation as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .engine import Assessment, Margin, Recommendation


def to_json(recommendation: Recommendation) -> dict[str, Any]:
    """The document `reportgen recommend --json` prints: plain JSON values in a fixed order, None where unknown.

    `margins` maps the constraint to its value, limit and margins; `flip_points[].side` says on which side of `at` the
    new choice holds, going outward from the present value.
    """
    scenario = recommendation.scenario
    return {
        "scenario": scenario.name,
        "choice": recommendation.choice,
        "conditional": recommendation.conditional,
        "runner_up": recommendation.runner_up,
        "binding": recommendation.binding,
        "candidates": [_candidate(found) for found in recommendation.candidates],
        "flip_points": [asdict(flip) for flip in recommendation.flip_points],
        "ties": [asdict(tie) for tie in recommendation.ties],
        "relaxations": [asdict(relaxation) for relaxation in recommendation.relaxations],
        "missing": [asdict(missing) for missing in recommendation.missing],
        "primary": {"metric": scenario.primary.quantity.metric, "higher_is_better": scenario.primary.higher},
    }


def _candidate(found: Assessment) -> dict[str, Any]:
    return {
        "model": found.model,
        "passes": found.passes,
        "margins": {margin.constraint: _margin(margin) for margin in found.margins},
        "dominated_by": found.dominated_by,
        "dominated_by_epsilon": found.dominated_by_epsilon,
        "binding": found.binding,
        "primary": found.primary,
        "secondary": found.secondary,
        "cost": {**asdict(found.cost), "steps": list(found.cost.steps)},
        "notes": list(found.notes),
        "run_id": found.run_id,
    }


def _margin(margin: Margin) -> dict[str, Any]:
    fields = asdict(margin)
    del fields["constraint"]
    return fields
