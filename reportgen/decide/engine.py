"""The recommendation: one choice, and everything one needs to argue with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .candidates import Candidate, check_candidates
from .choice import BREAKS, DOUBTFUL, KEEPS, LIKELY, Facts, Problem
from .cost import Cost, cost_of
from .flips import Flip, flip_points
from .frontier import Dominance, dominance
from .quantities import Quantity
from .readings import Reading
from .scenarios import Constraint, Operator, Scenario

Passes = Literal[True, False, "unknown"]


@dataclass(frozen=True)
class Margin:
    """How a candidate stands to one constraint. Margins are positive on the right side of the limit.

    `relative` is the margin as a share of the limit; None where the limit is 0. `clears`: whether the pessimistic end
    of the 95 % interval keeps the limit too; None without an interval.
    """

    constraint: str
    text: str
    passes: Passes
    value: float | None
    limit: float
    margin: float | None
    relative: float | None
    low: float | None
    high: float | None
    n: int | None
    clears: bool | None
    guess: float | None
    note: str | None
    missing: str | None


@dataclass(frozen=True)
class Assessment:
    """One candidate under the scenario. `dominated_by_epsilon` forgives differences within the noise of an axis."""

    model: str
    run_id: str | None
    passes: Passes
    margins: tuple[Margin, ...]
    binding: str | None
    """The constraint kept with the smallest relative margin, or broken by the largest; if none is known, the first."""
    primary: float | None
    secondary: float | None
    dominated_by: str | None
    dominated_by_epsilon: str | None
    cost: Cost
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tie:
    """A candidate that the primary metric does not tell from the best one."""

    model: str
    difference: float
    """Best minus this one, in the primary metric's unit."""
    reason: str


@dataclass(frozen=True)
class Change:
    """A limit moved just far enough: with `operator` and `to` in its place the candidate keeps it."""

    constraint: str
    operator: Operator
    limit: float
    to: float
    by: float
    relative: float | None


@dataclass(frozen=True)
class Relaxation:
    """What would have to give for a candidate to keep every limit; `worst` is the largest relative change."""

    model: str
    changes: tuple[Change, ...]
    worst: float | None


@dataclass(frozen=True)
class Missing:
    """A record that nobody has and that bears on the decision."""

    model: str
    record: str
    effect: str


@dataclass(frozen=True)
class Recommendation:
    """The decision for one scenario; `to_json` gives its published shape."""

    scenario: Scenario
    choice: str | None
    conditional: str | None
    runner_up: str | None
    binding: str | None
    candidates: tuple[Assessment, ...]
    flip_points: tuple[Flip, ...]
    ties: tuple[Tie, ...]
    relaxations: tuple[Relaxation, ...]
    missing: tuple[Missing, ...]

    def assessment(self, model: str) -> Assessment:
        """The assessment of a candidate, by name."""
        return next(found for found in self.candidates if found.model == model)


def recommend(candidates: Sequence[Candidate], scenario: Scenario) -> Recommendation:
    """Choose a candidate for a scenario.

    The choice is the best on the primary metric among the candidates that keep every constraint; ties (within the
    tolerance, or not told apart by paired resamples) go to the secondary metric, then to the lower cost. If none is
    known to keep every constraint, candidates with unknowns can stand, those first whose figure of unstated mode
    would do; the choice is then conditional. Candidates are reported in order of name.

    Raises:
        InputError: no candidates, or two of one name.
    """
    check_candidates(candidates)
    ordered = sorted(candidates, key=lambda candidate: candidate.model)
    facts = Facts(ordered, scenario)
    problem = Problem(facts, scenario)
    chosen = problem.choose(problem.tier)
    follower = problem.choose(problem.tier, skip=chosen) if chosen >= 0 else -1
    dominated = dominance(facts, scenario, problem.tier < BREAKS)
    assessments = tuple(_assess(problem, index, dominated) for index in range(problem.n))
    certain = bool((problem.tier == KEEPS).any())
    return Recommendation(
        scenario=scenario,
        choice=ordered[chosen].model if chosen >= 0 else None,
        conditional=_condition(problem, chosen, assessments[chosen]) if chosen >= 0 else _unranked(problem),
        runner_up=ordered[follower].model if follower >= 0 else None,
        binding=assessments[chosen].binding if chosen >= 0 else None,
        candidates=assessments,
        flip_points=flip_points(problem),
        ties=_ties(problem),
        relaxations=() if certain else _relaxations(problem, assessments),
        missing=_missing(problem, chosen, assessments),
    )


def _assess(problem: Problem, index: int, dominated: Dominance) -> Assessment:
    facts, scenario = problem.facts, problem.scenario
    candidate, tier = facts.candidates[index], int(problem.tier[index])
    margins = tuple(_margin(problem, index, c) for c in range(len(scenario.constraints)))
    ranked = [scenario.primary.quantity, *([scenario.secondary.quantity] if scenario.secondary else [])]
    values = [facts.reading(index, quantity, scenario).value for quantity in ranked]
    base = facts.workload[index]
    notes = [f"{margin.text}: {margin.note}" for margin in margins if margin.note and margin.value is not None]
    notes += [text for text in (_hardware(candidate, scenario), _sample(facts, index, ranked[0])) if text]
    return Assessment(
        model=candidate.model,
        run_id=candidate.run_id,
        passes=_passes(tier),
        margins=margins,
        binding=_binding(margins),
        primary=values[0],
        secondary=values[1] if len(values) > 1 else None,
        dominated_by=dominated.strict[index],
        dominated_by_epsilon=dominated.epsilon[index],
        cost=_cost(candidate, scenario, base),
        notes=tuple(notes),
    )


def _cost(candidate: Candidate, scenario: Scenario, workload: Reading) -> Cost:
    without_gpu = any(limit.quantity.metric == "needs_gpu" for limit in scenario.constraints)
    if without_gpu and candidate.billed_as_gpu:
        why = "its times are a GPU's: what it costs without one is unknown"
        return Cost(None, None, None, scenario.price.currency, (why,))
    return cost_of(workload.value, candidate.billed_as_gpu, scenario, workload.note)


def _passes(code: int) -> Passes:
    return True if code == KEEPS else False if code == BREAKS else "unknown"


def _margin(problem: Problem, index: int, position: int) -> Margin:
    constraint = problem.scenario.constraints[position]
    reading = problem.facts.reading(index, constraint.quantity, problem.scenario)
    margin = relative = clears = None
    if reading.value is not None:
        # Rounded: .2095 against .20 is 4.75 %, not 4.7499999999999.
        margin = round(constraint.limit - reading.value if constraint.upper else reading.value - constraint.limit, 12)
        relative = round(margin / constraint.limit, 12) if constraint.limit else None
    pessimistic = reading.high if constraint.upper else reading.low
    if pessimistic is not None:
        clears = constraint.holds(pessimistic)
    return Margin(
        constraint=problem.scenario.key(constraint),
        text=constraint.text,
        passes=_passes(int(problem.codes[position, index])),
        value=reading.value,
        limit=constraint.limit,
        margin=margin,
        relative=relative,
        low=reading.low,
        high=reading.high,
        n=reading.n,
        clears=clears,
        guess=reading.guess,
        note=reading.note,
        missing=reading.missing,
    )


def _binding(margins: Sequence[Margin]) -> str | None:
    known = [margin for margin in margins if margin.value is not None]
    if broken := [margin for margin in known if margin.passes is False and margin.relative is None]:
        return broken[0].constraint
    scaled = [(margin.relative, order, margin) for order, margin in enumerate(known) if margin.relative is not None]
    if scaled:
        return min(scaled, key=lambda entry: entry[:2])[2].constraint
    return next((margin.constraint for margin in (*known, *margins)), None)


def _hardware(candidate: Candidate, scenario: Scenario) -> str | None:
    """Why the figures may not answer for the scenario's device."""
    reads = any(constraint.quantity.metric in ("latency_ms", "batch_hours") for constraint in scenario.constraints)
    wanted, found = scenario.hardware, candidate.hardware
    if not (reads and wanted and found and candidate.latency) or wanted.casefold() in found.casefold():
        return None
    return f"its latency was measured on {found}, and the scenario is about a {wanted}"


def _sample(facts: Facts, index: int, primary: Quantity) -> str | None:
    sizes = [reading.n for reading in facts.readings(primary) if reading.n] if primary.metric != "latency_ms" else []
    own = facts.readings(primary)[index].n if sizes else None
    if own is None or own == max(sizes):
        return None
    return f"scored on {own:,} examples, others on {max(sizes):,}"


def _condition(problem: Problem, index: int, chosen: Assessment) -> str | None:
    """What the choice depends on, None if on nothing that is unknown."""
    reasons = []
    for position, margin in enumerate(chosen.margins):
        code = problem.codes[position, index]
        if margin.passes != "unknown":
            continue
        if margin.guess is None:
            reasons.append(f"{margin.text} is untested: no record of {margin.missing}")
            continue
        verb = "would meet" if code == LIKELY else "would miss"
        constraint = problem.scenario.constraints[position]
        figure = constraint.quantity.text(margin.guess)
        reasons.append(f"{margin.note}; if it is the right one, {figure} {verb} {margin.text}")
        if code == DOUBTFUL:
            reasons.append(f"only another {margin.missing} could meet it")
    if chosen.primary is None:
        reasons.append(f"its {problem.scenario.primary.quantity.label} is unknown")
    if hardware := _hardware(problem.facts.candidates[index], problem.scenario):
        reasons.append(hardware)
    return f"{chosen.model}: {'; '.join(reasons)}" if reasons else None


def _unranked(problem: Problem) -> str | None:
    """Why there is no choice although candidates stand; None where they all break a limit."""
    if problem.tier.min() == BREAKS:
        return None
    return f"no candidate that could stand has a known {problem.scenario.primary.quantity.label} to be ranked by"


def _ties(problem: Problem) -> tuple[Tie, ...]:
    best, tied = problem.ties(problem.tier)
    if len(tied) < 2:
        return ()
    objective, names = problem.scenario.primary, [c.model for c in problem.facts.candidates]
    found = []
    for index in sorted(tied, key=lambda i: int(problem.best_rank[i])):
        if index == best:
            continue
        difference = float(problem.primary[best] - problem.primary[index])
        label = objective.quantity.label
        if difference <= objective.tolerance + 1e-12:
            reason = f"{label} within {objective.tolerance:g} of {names[best]}"
        else:
            reason = f"the paired 95 % interval of its {label} against {names[best]} includes 0 (data-side noise only)"
        found.append(Tie(names[index], difference, reason))
    return tuple(found)


def _relaxations(problem: Problem, assessments: Sequence[Assessment]) -> tuple[Relaxation, ...]:
    """For each candidate that breaks limits and hides nothing, the limits that would let it pass; nearest first."""
    found = []
    for assessment in assessments:
        if any(margin.passes == "unknown" for margin in assessment.margins):
            continue
        pairs = zip(problem.scenario.constraints, assessment.margins, strict=True)
        changes = tuple(_change(c, margin) for c, margin in pairs if margin.passes is False)
        sizes = [change.relative for change in changes]
        worst = None if None in sizes else max(size for size in sizes if size is not None)
        found.append(Relaxation(assessment.model, changes, worst))
    return tuple(sorted(found, key=lambda r: (r.worst is None, r.worst or 0.0, len(r.changes), r.model)))


def _change(constraint: Constraint, margin: Margin) -> Change:
    by = abs(margin.margin or 0.0)
    relative = None if margin.relative is None else abs(margin.relative)
    inclusive: Operator = "<=" if constraint.upper else ">="
    return Change(margin.constraint, inclusive, margin.limit, margin.value or 0.0, by, relative)


def _missing(problem: Problem, chosen: int, assessments: Sequence[Assessment]) -> tuple[Missing, ...]:
    """Records that would settle a conditional choice or could overturn it."""
    found = []
    for index, assessment in enumerate(assessments):
        if assessment.passes is False:
            continue
        records = [margin.missing for margin in assessment.margins if margin.passes == "unknown" and margin.missing]
        label = problem.scenario.primary.quantity.label
        if index == chosen:
            effect = "the choice depends on it"
            records += [label] if assessment.primary is None else []
        elif assessment.primary is None:
            records.append(label)
            effect = f"without it {assessment.model} cannot be ranked"
        else:
            # With the present choice's own unknowns settled in its favour: who could still overturn it?
            tier = problem.tier.copy()
            tier[[chosen, index]] = KEEPS
            if not records or problem.choose(tier) != index:
                continue
            limits = " and ".join(margin.text for margin in assessment.margins if margin.passes == "unknown")
            effect = f"{assessment.model} becomes the choice if it meets {limits}"
        found += [Missing(assessment.model, record, effect) for record in dict.fromkeys(records)]
    return tuple(found)
