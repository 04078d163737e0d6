"""A recommendation as plain lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Assessment, Margin, Recommendation
from .scenarios import Scenario

_WORDS = {True: "passes", False: "fails", "unknown": "unknown"}


def to_text(recommendation: Recommendation) -> str:
    """The recommendation in words: choice, condition, every candidate, flip points, cost, what is missing."""
    scenario = recommendation.scenario
    lines = [f"{scenario.name}: {scenario.title}" if scenario.title else scenario.name, _choice(recommendation)]
    if recommendation.conditional:
        lines.append(f"conditional: {recommendation.conditional}")
    lines += [f"tie: {tie.model}, {tie.reason}" for tie in recommendation.ties]
    lines.append("candidates:")
    width = max(len(_name(found)) for found in recommendation.candidates)
    lines += [f"  {_name(found):{width}}  {_candidate(found, scenario)}" for found in recommendation.candidates]
    if recommendation.flip_points:
        lines.append("flip points:")
        lines += [
            f"  {_limit(scenario, flip.constraint, flip.side, flip.at)}: {flip.choice or 'nobody'}"
            + (" (conditional)" if flip.conditional else "")
            for flip in recommendation.flip_points
        ]
    if recommendation.relaxations:
        nearest = recommendation.relaxations[0]
        changes = [_limit(scenario, change.constraint, change.operator, change.to) for change in nearest.changes]
        lines.append(f"nearest: {nearest.model} passes with {_listing(changes)}")
    if recommendation.choice is not None:
        lines.append("load: " + "; ".join(recommendation.assessment(recommendation.choice).cost.steps))
    lines += _notes(recommendation)
    lines += [f"missing: {entry.record} of {entry.model}: {entry.effect}" for entry in recommendation.missing]
    return "\n".join(lines)


def _choice(recommendation: Recommendation) -> str:
    if recommendation.choice is None:
        return "choice: none"
    found = recommendation.assessment(recommendation.choice)
    parts = [f"choice: {recommendation.choice}"]
    if found.primary is not None:
        quantity = recommendation.scenario.primary.quantity
        parts.append(f"{quantity.label} {quantity.text(found.primary)}")
    margin = next((margin for margin in found.margins if margin.constraint == recommendation.binding), None)
    if margin is not None and margin.relative is not None:
        bound = "" if margin.clears is None else f", interval {'clears' if margin.clears else 'does not clear'} it"
        parts.append(f"bound by {margin.text} (margin {margin.relative:.1%}{bound})")
    if recommendation.runner_up:
        parts.append(f"runner-up {recommendation.runner_up}")
    return "; ".join(parts)


def _name(found: Assessment) -> str:
    return found.model if found.run_id in (None, found.model) else f"{found.model} ({found.run_id})"


def _candidate(found: Assessment, scenario: Scenario) -> str:
    unsure = [margin.text for margin in found.margins if margin.passes is True and margin.clears is False]
    parts = [_WORDS[found.passes]]
    if unsure:
        parts[0] += f", its interval does not clear {_listing(unsure)}"
    parts += [_short(margin, scenario) for margin in found.margins if margin.passes is not True]
    if found.dominated_by:
        parts.append(f"dominated by {found.dominated_by}")
    elif found.dominated_by_epsilon:
        parts.append(f"dominated by {found.dominated_by_epsilon} within noise")
    return "; ".join(parts)


def _notes(recommendation: Recommendation) -> list[str]:
    models: dict[str, list[str]] = {}
    for found in recommendation.candidates:
        for note in found.notes:
            models.setdefault(note, []).append(found.model)
    everybody = len(recommendation.candidates)
    return [
        f"note: {note} ({'all candidates' if len(names) == everybody > 1 else ', '.join(names)})"
        for note, names in models.items()
    ]


def _short(margin: Margin, scenario: Scenario) -> str:
    if margin.passes == "unknown":
        return margin.note or f"no record of {margin.missing}"
    if margin.constraint == "needs_gpu":
        return "needs a GPU"
    constraint = next(c for c in scenario.constraints if scenario.key(c) == margin.constraint)
    figure = "" if margin.value is None else f" with {constraint.quantity.text(margin.value)}"
    return f"{margin.text} missed{figure}{_distance(margin, upper=constraint.upper)}"


def _distance(margin: Margin, *, upper: bool) -> str:
    """How far on the wrong side of a limit; beyond twice a ceiling a per cent figure says little."""
    if margin.relative is None:
        return ""
    over = abs(margin.relative)
    if over >= 1 and upper:
        return f", {over + 1:.1f} times the limit"
    return f", {over:.1%} {'above' if upper else 'below'} it"


def _limit(scenario: Scenario, key: str, side: str, value: float | bool) -> str:
    quantity = next((c.quantity for c in scenario.constraints if scenario.key(c) == key), None)
    if quantity is None:
        return f"{key} {side} " + (f"{value:.4g} {scenario.price.currency}" if "price" in key else f"{value:,.0f}")
    return "GPU allowed" if quantity.metric == "needs_gpu" else f"{key} {side} {quantity.text(value)}"


def _listing(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
