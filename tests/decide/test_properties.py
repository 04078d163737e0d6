"""What must hold for any candidates: exact flips, no effect of order or of dominated candidates, monotone limits."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from reportgen.decide import (
    Candidate,
    Constraint,
    Flip,
    LatencyFigure,
    Load,
    MemoryFigure,
    Metric,
    Objective,
    Price,
    Quantity,
    Recommendation,
    Resamples,
    Scenario,
    recommend,
)
from reportgen.decide.choice import Facts, Problem

SINGLE, OFFLINE = Quantity("latency_ms", "single-stream"), Quantity("latency_ms", "offline")

# Few distinct values, so that equal figures, exact limits and ties come up all the time.
shares = st.sampled_from([0.0, 0.1, 0.15, 0.2, 0.204, 0.21, 0.5, 1.0])
times = st.sampled_from([0.5, 1.0, 2.31, 3.0, 10.0, 58.0, 2300.0])


@st.composite
def candidate(draw: st.DrawFn, name: str) -> Candidate:
    metrics = {key: Metric(draw(shares)) for key in ("macro_f1", "accuracy", "ece_post") if draw(st.integers(0, 5))}
    if "macro_f1" in metrics and draw(st.booleans()):
        value = metrics["macro_f1"].value
        noise = draw(st.lists(st.sampled_from([-0.05, 0.0, 0.05]), min_size=8, max_size=8))
        metrics["macro_f1"] = Metric(value, resamples=Resamples("rows", value + np.array(noise)))
    modes = draw(st.lists(st.sampled_from(["single-stream", "offline", None]), unique=True, max_size=3))
    return Candidate(
        model=name,
        metrics=metrics,
        latency=tuple(LatencyFigure(mode, {"p50": draw(times)}) for mode in modes),
        memory=(MemoryFigure(draw(st.sampled_from([1, 2, 3])), "process_peak"),) if draw(st.booleans()) else (),
        needs_gpu=draw(st.sampled_from([True, False, None])),
    )


@st.composite
def candidates(draw: st.DrawFn, most: int = 6) -> list[Candidate]:
    return [draw(candidate(f"m{index}")) for index in range(draw(st.integers(1, most)))]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    pool = [
        Constraint(SINGLE, draw(st.sampled_from(["<", "<="])), draw(times)),
        Constraint(OFFLINE, draw(st.sampled_from(["<", "<="])), draw(times)),
        Constraint(Quantity("macro_f1"), draw(st.sampled_from([">", ">="])), draw(st.sampled_from([0.1, 0.2, 0.21]))),
        Constraint(Quantity("ece_post"), "<=", draw(st.sampled_from([0.1, 0.2]))),
        Constraint(Quantity("needs_gpu"), "<=", 0.0),
        Constraint(Quantity("batch_hours"), "<=", draw(st.sampled_from([0.1, 1.0, 8.0]))),
        Constraint(Quantity("monthly_cost"), "<=", draw(st.sampled_from([0.5, 20.0]))),
    ]
    chosen = draw(st.lists(st.sampled_from(range(len(pool))), unique=True, max_size=3))
    objectives = st.sampled_from(
        [
            Objective(Quantity("macro_f1"), True, 0.005),
            Objective(Quantity("accuracy"), True),
            Objective(Quantity("monthly_cost"), False, 1.0),
            Objective(OFFLINE, False),
        ]
    )
    return Scenario(
        name="drawn",
        title="",
        primary=draw(objectives),
        secondary=draw(st.none() | objectives),
        constraints=tuple(pool[index] for index in sorted(chosen)),
        mode=draw(st.sampled_from(["single-stream", "offline"])),
        load=draw(st.sampled_from([Load(64_000, "week"), Load(1_000, "month"), Load(peak_per_second=100.0)])),
        price=draw(st.sampled_from([Price(0.35, 0.04, "USD"), Price(0.35, None, "USD"), Price(0.0, 0.04, "USD")])),
    )


def many(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def predicted(found: Recommendation, key: str, x: float) -> str | None:
    """The choice at x according to the flip points alone."""
    mine = [flip for flip in found.flip_points if flip.constraint == key]
    up = [flip for flip in mine if (flip.side == ">" and x > flip.at) or (flip.side == ">=" and x >= flip.at)]
    down = [flip for flip in mine if (flip.side == "<" and x < flip.at) or (flip.side == "<=" and x <= flip.at)]
    assert not (up and down)
    return up[-1].choice if up else down[0].choice if down else found.choice


def choice(found: list[Candidate], scenario: Scenario) -> str | None:
    """The choice alone, without the flip points, which take most of the time."""
    ordered = sorted(found, key=lambda candidate: candidate.model)
    problem = Problem(Facts(ordered, scenario), scenario)
    index = problem.choose(problem.tier)
    return None if index < 0 else ordered[index].model


def probes(flips: list[Flip], relative: float) -> list[float]:
    """Values at, just beside and between the flip points."""
    edges = sorted({float(flip.at) for flip in flips})
    beside = [edge * (1 + sign * relative) for edge in edges for sign in (-1, 1)]
    between = [(one + other) / 2 for one, other in pairwise(edges)]
    return [*edges, *beside, *between, *([edges[0] / 2, edges[-1] * 2] if edges else [1.0, 100.0])]


@given(candidates(), scenarios())
@many(50)
def test_flips_along_limits_equal_brute_force(found: list[Candidate], scenario: Scenario) -> None:
    recommendation = recommend(found, scenario)
    for index, constraint in enumerate(scenario.constraints):
        key = scenario.key(constraint)
        mine = [flip for flip in recommendation.flip_points if flip.constraint == key]
        if constraint.quantity.metric == "needs_gpu":
            rest = (*scenario.constraints[:index], *scenario.constraints[index + 1 :])
            allowed = choice(found, replace(scenario, constraints=rest))
            assert [flip.choice for flip in mine] == ([] if allowed == recommendation.choice else [allowed])
            continue
        extra = [0.05, 0.1, 0.15, 0.2, 0.204, 0.3, 1.0, 2.31, 5.0, 58.0, 100.0]
        for limit in [*probes(mine, 0.0), *probes(mine, 1e-15), *probes(mine, 1e-9), *extra, constraint.limit]:
            if not 0 < limit < (1 if constraint.quantity.info.fraction else math.inf):
                continue
            moved = (
                *scenario.constraints[:index],
                replace(constraint, limit=limit),
                *scenario.constraints[index + 1 :],
            )
            assert choice(found, replace(scenario, constraints=moved)) == predicted(recommendation, key, limit)


@given(candidates(), scenarios())
@many(50)
def test_flips_along_load_and_price_equal_brute_force(found: list[Candidate], scenario: Scenario) -> None:
    recommendation = recommend(found, scenario)
    for key in ("monthly_volume", "price.gpu_hour", "price.cpu_hour"):
        if key == "monthly_volume" and scenario.load.volume is None:
            continue
        if key != "monthly_volume" and getattr(scenario.price, key[6:]) is None:
            continue
        mine = [flip for flip in recommendation.flip_points if flip.constraint == key]
        for x in [*probes(mine, 1e-9), 0.01, 0.2, 3.0, 1e4, 1e6, 1e8]:
            if key == "monthly_volume":
                moved = scenario.with_overrides(monthly_volume=x)
            else:
                moved = replace(scenario, price=replace(scenario.price, **{key[6:]: x}))
            if any(x == flip.at for flip in mine):
                continue  # at a crossing itself rounding decides; just beside it the choice is certain
            assert choice(found, moved) == predicted(recommendation, key, x)


@given(candidates(), scenarios(), st.randoms(use_true_random=False))
@many(40)
def test_order_of_candidates_is_irrelevant(found: list[Candidate], scenario: Scenario, random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert recommend(shuffled, scenario) == recommend(found, scenario)


losses = st.sampled_from([0.003, 0.05])


@given(candidates(), scenarios(), st.integers(0, 5), losses, losses, st.sampled_from(["a", "z"]))
@many(40)
def test_a_dominated_candidate_changes_nothing(
    found: list[Candidate], scenario: Scenario, which: int, quality: float, speed: float, name: str
) -> None:
    better = found[which % len(found)]
    metrics = {
        key: replace(
            metric, value=min(metric.value + quality, 1) if key == "ece_post" else max(metric.value - quality, 0)
        )
        for key, metric in better.metrics.items()
    }
    slower = tuple(replace(figure, ms={"p50": figure.ms["p50"] * (1 + speed)}) for figure in better.latency)
    dominated = replace(better, model=name, metrics=metrics, latency=slower)
    # Worse where the scenario looks; one that is equal there is no dominated candidate but a twin.
    values = {a.model: a.primary for a in recommend([better, dominated], scenario).candidates}
    assume(values[name] is not None and values[name] != values[better.model])
    assert choice([*found, dominated], scenario) == choice(found, scenario)


@given(candidates(), scenarios(), times, shares)
@many(40)
def test_relaxing_never_turns_a_pass_into_a_fail(
    found: list[Candidate], scenario: Scenario, by: float, share: float
) -> None:
    order = {False: 0, "unknown": 1, True: 2}
    strict = {a.model: a.passes for a in recommend(found, scenario).candidates}
    for index, constraint in enumerate(scenario.constraints):
        if constraint.quantity.metric == "needs_gpu":
            continue
        limit = constraint.limit + by if constraint.upper else constraint.limit * (1 - share)
        if constraint.quantity.info.fraction:
            limit = min(limit, 1.0)
        moved = (*scenario.constraints[:index], replace(constraint, limit=limit), *scenario.constraints[index + 1 :])
        for assessment in recommend(found, replace(scenario, constraints=moved)).candidates:
            assert order[assessment.passes] >= order[strict[assessment.model]]


@given(candidates(), scenarios())
@many(40)
def test_the_choice_is_the_best_of_those_that_pass(found: list[Candidate], scenario: Scenario) -> None:
    result = recommend(found, scenario)
    passing = [a for a in result.candidates if a.passes is True and a.primary is not None]
    if not passing:
        return
    assert result.choice is not None
    chosen = result.assessment(result.choice)
    assert chosen.passes is True
    sign = 1 if scenario.primary.higher else -1
    best = max(sign * (a.primary or 0.0) for a in passing)
    near = sign * (chosen.primary or 0.0) >= best - scenario.primary.tolerance - 1e-9
    assert near or "paired" in next(tie.reason for tie in result.ties if tie.model == result.choice)


@given(candidates(), scenarios())
@many(40)
def test_a_relaxation_is_enough(found: list[Candidate], scenario: Scenario) -> None:
    for relaxation in recommend(found, scenario).relaxations:
        changes = {change.constraint: change for change in relaxation.changes}
        relaxed = []
        for constraint in scenario.constraints:
            change = changes.get(scenario.key(constraint))
            if change is None:
                relaxed.append(constraint)
            elif constraint.quantity.metric != "needs_gpu":
                relaxed.append(replace(constraint, limit=change.to, operator=change.operator))
        result = recommend(found, replace(scenario, constraints=tuple(relaxed)))
        assert result.assessment(relaxation.model).passes is True


def test_paired_resamples_make_ties() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, 2000)
    own = rng.normal(0, 0.002, 2000)

    def model(name: str, f1: float, accuracy: float, values: np.ndarray, rows: str = "same") -> Candidate:
        return Candidate(
            name, metrics={"macro_f1": Metric(f1, resamples=Resamples(rows, values)), "accuracy": Metric(accuracy)}
        )

    scenario = Scenario("s", "", Objective(Quantity("macro_f1"), True), Objective(Quantity("accuracy"), True))
    best, near = model("best", 0.240, 0.5, 0.240 + noise), model("near", 0.237, 0.6, 0.237 + noise + own)
    found = recommend([best, near], scenario)
    assert found.choice == "near"
    assert "paired 95 % interval" in found.ties[0].reason
    assert found.ties[0].difference == pytest.approx(0.003)
    # The same two marginal intervals, but the noise is shared: the difference is certain.
    assert recommend([best, model("near", 0.237, 0.6, 0.237 + noise)], scenario).choice == "best"
    # Other rows: nothing is paired, so only the tolerance could make a tie.
    assert recommend([best, model("near", 0.237, 0.6, 0.237 + noise + own, "other")], scenario).choice == "best"


def test_a_noisy_dominated_candidate_does_not_slip_in_through_a_tie() -> None:
    def model(name: str, f1: float, accuracy: float, spread: float) -> Candidate:
        values = f1 + spread * np.linspace(-1, 1, 200)
        metrics = {"macro_f1": Metric(f1, resamples=Resamples("same", values)), "accuracy": Metric(accuracy)}
        return Candidate(name, metrics=metrics)

    scenario = Scenario("s", "", Objective(Quantity("macro_f1"), True), Objective(Quantity("accuracy"), True))
    best, better = model("best", 0.24, 0.5, 0.0), model("better", 0.22, 0.7, 0.0)
    noisy = model("noisy", 0.219, 0.6, 0.05)
    assert recommend([best, better], scenario).choice == "best"
    assert recommend([best, noisy], scenario).choice == "noisy"  # not told apart, and more accurate
    found = recommend([best, better, noisy], scenario)
    assert found.choice == "best"  # whoever would take noisy should take better, which is told apart
    assert [tie.model for tie in found.ties] == ["noisy"]


def test_prices_flip_a_tie() -> None:
    def model(name: str, ms: float, gpu: bool) -> Candidate:
        latency = (LatencyFigure("offline", {"p50": ms}),)
        return Candidate(name, metrics={"macro_f1": Metric(0.2)}, latency=latency, needs_gpu=gpu)

    found = [model("gpu", 2.0, True), model("cpu", 30.0, False)]
    scenario = Scenario(
        name="s",
        title="",
        primary=Objective(Quantity("macro_f1"), True),
        load=Load(64_000, "week"),
        price=Price(0.30, 0.04, "USD"),
    )
    result = recommend(found, scenario)
    assert result.choice == "gpu"  # 2 ms × .30 against 30 ms × .04
    flips = [(flip.constraint, flip.choice) for flip in result.flip_points]
    assert flips == [("price.gpu_hour", "cpu"), ("price.cpu_hour", "cpu")]
    assert [flip.at for flip in result.flip_points] == pytest.approx([0.04 * 15, 0.30 / 15])
    # A secondary metric that tells them apart leaves the price without a say.
    apart = [replace(found[0], metrics={**found[0].metrics, "accuracy": Metric(0.5)}), found[1]]
    by_accuracy = replace(scenario, secondary=Objective(Quantity("accuracy"), True))
    assert recommend(apart, by_accuracy).flip_points == ()


def test_a_budget_limits_the_volume() -> None:
    latency = (LatencyFigure("offline", {"p50": 36.0}),)
    only = Candidate("m", metrics={"macro_f1": Metric(0.2)}, latency=latency, needs_gpu=False)
    budget = Constraint(Quantity("monthly_cost"), "<=", 2.0)
    scenario = Scenario(
        name="s",
        title="",
        primary=Objective(Quantity("macro_f1"), True),
        constraints=(budget,),
        load=Load(1_000_000),
        price=Price(cpu_hour=0.1, currency="USD"),
    )
    result = recommend([only], scenario)  # 10 h × .10 = 1 USD
    at = {flip.constraint: flip.at for flip in result.flip_points}
    assert at == pytest.approx({"monthly_cost": 1.0, "monthly_volume": 2_000_000, "price.cpu_hour": 0.2})
    assert {flip.choice for flip in result.flip_points} == {None}


def test_where_an_hour_is_free_any_price_may_change_the_choice() -> None:
    """Found by the search above: at a price of 0 all costs meet, and that is a point of change like any other."""
    fast, small = (
        Candidate(
            name,
            metrics={"macro_f1": Metric(0.5)},
            latency=(LatencyFigure("offline", {"p50": ms}),),
            memory=(MemoryFigure(size, "process_peak"),),
            needs_gpu=True,
        )
        for name, ms, size in (("fast", 0.5, 2), ("small", 1.0, 1))
    )
    aim = Objective(Quantity("macro_f1"), higher=True)
    scenario = Scenario("free", "", aim, load=Load(64_000, "week"), price=Price(gpu_hour=0.0))
    found = recommend([fast, small], scenario)
    assert found.choice == "small"
    flips = [flip for flip in found.flip_points if flip.constraint == "price.gpu_hour"]
    assert [(flip.at, flip.side, flip.choice) for flip in flips] == [(0.0, ">", "fast")]
