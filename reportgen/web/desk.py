"""The decision desk: limits in, the choice out, with what binds, what it costs and what would flip it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportgen.decide import (
    Assessment,
    Candidate,
    Constraint,
    Flip,
    Load,
    Margin,
    Objective,
    Price,
    Quantity,
    Recommendation,
    Scenario,
    recommend,
)
from reportgen.errors import UsageError
from reportgen.evidence.numbers import listing, show

from .pages import page

if TYPE_CHECKING:
    from .examples import Examples

SOURCES = {
    "runs": "Our runs on Banking77-LT",
    "full-picture": "Published: course models",
    "week5-configurations": "Published: three precisions",
}
MODES = {"single-stream": "One at a time", "offline": "In batches"}
WISHES = {"macro_f1": "Macro F1, every class alike", "monthly_cost": "The lowest cost"}
NO_LIMIT_MS, NO_LIMIT_ECE = 100.0, 0.3
"""Ends of the sliders, which mean: no limit."""
_LIMITS = {"latency_ms": "Latency limit", "macro_f1": "F1 floor", "ece_post": "ECE ceiling"}
_CURRENCY = "USD"
_DEVICES = {True: "GPU", False: "CPU", None: ""}
_LEFT, _WIDTH = 10.0, 220.0


@dataclass(frozen=True)
class Wishes:
    """What a visitor set. `max_latency_ms` and `max_ece` at their sliders' ends, and a floor of 0, are no limit."""

    source: str = "runs"
    mode: str = "single-stream"
    wish: str = "macro_f1"
    max_latency_ms: float = 20.0
    min_macro_f1: float = 0.0
    max_ece: float = NO_LIMIT_ECE
    monthly_volume: float = 250_000
    gpu_hour: float = 0.35
    cpu_hour: float = 0.04
    gpu: bool = True


PRESETS = {
    "A router in real time": Wishes(),
    "A weekly batch, rare classes matter": Wishes(mode="offline", max_latency_ms=NO_LIMIT_MS, min_macro_f1=0.2),
    "No GPU in the budget": Wishes(gpu=False, max_latency_ms=NO_LIMIT_MS),
    "A reviewer sees the confidence": Wishes(mode="offline", max_latency_ms=NO_LIMIT_MS, max_ece=0.05),
    "As cheap as F1 of .2 can be": Wishes(
        mode="offline", wish="monthly_cost", max_latency_ms=NO_LIMIT_MS, min_macro_f1=0.2, monthly_volume=5_000_000
    ),
}


def decide(examples: Examples, wishes: Wishes) -> Recommendation:
    """The recommendation for what a visitor set.

    Raises:
        ReportgenError: a value nobody could set on the page, or one no scenario can hold.
    """
    return recommend(candidates(examples, wishes.source), scenario(wishes))


def candidates(examples: Examples, source: str) -> list[Candidate]:
    """The models of a source."""
    if source not in SOURCES:
        raise UsageError("no such source", remedy=f"choose one of {', '.join(SOURCES)}")
    return examples.candidates() if source == "runs" else examples.published(source)


def scenario(wishes: Wishes) -> Scenario:
    """The scenario a visitor describes."""
    if wishes.mode not in MODES or wishes.wish not in WISHES:
        raise UsageError("no such mode or wish", remedy="choose one of those offered")
    limits = []
    if wishes.max_latency_ms < NO_LIMIT_MS:
        latency = Quantity("latency_ms", wishes.mode, "p90")  # type: ignore[arg-type]  # looked up above
        limits.append(Constraint(latency, "<=", wishes.max_latency_ms))
    if wishes.min_macro_f1 > 0:
        limits.append(Constraint(Quantity("macro_f1"), ">=", wishes.min_macro_f1))
    if wishes.max_ece < NO_LIMIT_ECE:
        limits.append(Constraint(Quantity("ece_post"), "<=", wishes.max_ece))
    if not wishes.gpu:
        limits.append(Constraint(Quantity("needs_gpu"), "<=", 0.0))
    f1, cost = Objective(Quantity("macro_f1"), True, 0.005), Objective(Quantity("monthly_cost"), False)
    return Scenario(
        name="desk",
        title="What you set",
        primary=cost if wishes.wish == "monthly_cost" else f1,
        secondary=f1 if wishes.wish == "monthly_cost" else cost,
        constraints=tuple(limits),
        mode=wishes.mode,  # type: ignore[arg-type]  # looked up above
        load=Load(volume=wishes.monthly_volume, per="month"),
        price=Price(wishes.gpu_hour, wishes.cpu_hour, _CURRENCY),
        frontier=("macro_f1", "latency_ms"),
    )


def decision_view(examples: Examples, *values: Any) -> str:
    """The desk's answer as HTML; the values come in the order of `Wishes`."""
    wishes = Wishes(*values)
    found = decide(examples, wishes)
    chosen = found.assessment(found.choice) if found.choice else None
    known = {candidate.model: candidate for candidate in candidates(examples, wishes.source)}
    return page(
        "decision.html",
        choice=found.choice,
        words=examples.words(found.choice or ""),
        conditional=found.conditional,
        facts=_facts(found, chosen),
        flips=[_flip(flip, found.scenario) for flip in found.flip_points],
        nearest=_nearest(found),
        steps=list(chosen.cost.steps) if chosen else [],
        rows=[_row(found, assessment, known[assessment.model], wishes, examples) for assessment in _ranked(found)],
        floor=_x(wishes.min_macro_f1) if wishes.min_macro_f1 else None,
        reported=wishes.source != "runs",
        mode=MODES[wishes.mode].lower(),
    )


def preset(name: str, source: str) -> tuple[Any, ...]:
    """Values of the controls for a preset, without the source.

    Raises:
        UsageError: no such preset.
    """
    if name not in PRESETS:
        raise UsageError("no such starting point", remedy="choose one of those offered")
    wishes = PRESETS[name]
    return tuple(getattr(wishes, field) for field in Wishes.__dataclass_fields__ if field != "source")


def _facts(found: Recommendation, chosen: Assessment | None) -> list[tuple[str, str, str]]:
    if chosen is None:
        return []
    binding = next((margin for margin in chosen.margins if margin.constraint == found.binding), None)
    cost = chosen.cost
    hours = f"{cost.hours_per_month:,.3g} machine hours a month" if cost.hours_per_month is not None else ""
    money = f"{cost.per_month:,.2f} {cost.currency}" if cost.per_month is not None else "unknown"
    bound = ("What binds", "nothing", "no limit is set") if binding is None else _bound(binding, found.scenario)
    return [
        bound,
        ("Cost a month", money, hours),
        (
            "Next best",
            found.runner_up or "nobody",
            _standing(found),
        ),
    ]


def _standing(found: Recommendation) -> str:
    if found.runner_up is None:
        return "nobody else can stand"
    kept = found.assessment(found.runner_up).passes is True
    return "keeps the limits too" if kept else "if its unknowns turn out well"


def _bound(margin: Margin, scenario: Scenario) -> tuple[str, str, str]:
    words = _limit_words(margin, scenario)
    if margin.passes == "unknown":
        return "What binds", words, f"untested: no record of {margin.missing}"
    room = "" if margin.relative is None else f"{100 * abs(margin.relative):.0f} % of room"
    doubt = {
        True: ", and its interval clears the limit",
        False: ", but its interval does not clear the limit",
        None: "",
    }
    return "What binds", words, room + doubt[margin.clears] if room else "kept"


def _flip(flip: Flip, scenario: Scenario) -> dict[str, Any]:
    quantity = next((c.quantity for c in scenario.constraints if scenario.key(c) == flip.constraint), None)
    below = flip.side in ("<", "<=")
    if flip.constraint == "needs_gpu":
        when = "With a GPU"
    elif quantity is not None:
        when = f"{_LIMITS[quantity.metric]} {'below' if below else 'above'} {quantity.text(flip.at)}"
    elif flip.constraint == "monthly_volume":
        when = f"{'Fewer' if below else 'More'} than {flip.at:,.0f} examples a month"
    else:
        kind = "GPU" if "gpu" in flip.constraint else "CPU"
        when = f"A {kind} hour {'below' if below else 'above'} {flip.at:,.3g} {_CURRENCY}"
    return {"when": when, "choice": flip.choice, "conditional": flip.conditional}


def _nearest(found: Recommendation) -> str | None:
    if found.choice is not None or not found.relaxations:
        return None
    first = found.relaxations[0]
    keyed = {found.scenario.key(c): c.quantity for c in found.scenario.constraints}
    changes = [
        "a GPU is allowed"
        if change.constraint == "needs_gpu"
        else f"the {_low(_LIMITS[change.constraint])} moves to {keyed[change.constraint].text(change.to)}"
        for change in first.changes
    ]
    return f"{first.model} could stand if {listing(changes)}."


def _ranked(found: Recommendation) -> list[Assessment]:
    order = {True: 0, "unknown": 1, False: 2}
    sign = -1 if found.scenario.primary.higher else 1
    return sorted(
        found.candidates,
        key=lambda a: (a.model != found.choice, order[a.passes], sign * a.primary if a.primary is not None else 1e12),
    )


def _row(
    found: Recommendation, assessment: Assessment, candidate: Candidate, wishes: Wishes, examples: Examples
) -> dict[str, Any]:
    f1, ece = candidate.metrics.get("macro_f1"), candidate.metrics.get("ece_post")
    latency = next((figure for figure in candidate.latency if figure.mode == wishes.mode), None)
    ms = None if latency is None else latency.ms.get("p90", latency.ms.get("unstated"))
    cost = assessment.cost.per_month
    return {
        "model": assessment.model,
        "words": examples.words(assessment.model),
        "chosen": assessment.model == found.choice,
        "passes": {True: "keeps the limits", False: "out", "unknown": "unknown"}[assessment.passes],
        "kind": {True: "gain", False: "loss", "unknown": "warn"}[assessment.passes],
        "why": _why(assessment),
        "f1": f1.value if f1 else None,
        "x": _x(f1.value) if f1 else None,
        "whisker": (_x(f1.low), _x(f1.high)) if f1 and f1.low is not None and f1.high is not None else None,
        "latency": show(ms, "ms"),
        "device": _DEVICES[candidate.on_gpu],
        "ece": ece.value if ece else None,
        "cost": f"{cost:,.2f}" if cost is not None else "–",
    }


def _why(assessment: Assessment) -> str:
    broken = [margin for margin in assessment.margins if margin.passes is False]
    if broken:
        return "; ".join(
            "needs a GPU" if margin.constraint == "needs_gpu" else f"misses the {_low(_LIMITS[margin.constraint])}"
            for margin in broken
        )
    open_ = [margin for margin in assessment.margins if margin.passes == "unknown"]
    return "; ".join(margin.note or f"no record of {margin.missing}" for margin in open_)


def _limit_words(margin: Margin, scenario: Scenario) -> str:
    limit = next(c for c in scenario.constraints if scenario.key(c) == margin.constraint)
    if margin.constraint == "needs_gpu":
        return "no GPU"
    return f"{_LIMITS[margin.constraint]} {limit.quantity.text(limit.limit)}"


def _low(words: str) -> str:
    return words if words[:2].isupper() or words[1].isdecimal() else words[:1].lower() + words[1:]


def _x(share: float) -> float:
    return round(_LEFT + _WIDTH * min(1.0, max(0.0, share)), 1)
