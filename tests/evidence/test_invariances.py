"""What no number may depend on: the order of the rows, the ids of the classes, and a bundle beside itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportgen.evidence import build
from reportgen.evidence.model import Value

WEEKS = (1, 2, 3, 4)
N, K = 240, 9
SLOW = settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_BY_FOLD = ("ece", "temperature", "macro_f1_scaled")
"""Measured on halves of the rows in their order: another order, other halves."""
_BY_RESAMPLE = ("share_positive", "bootstrap_half_width", "noise_floor", "slices_excluding_zero", "slices_after_holm")
"""Follow from the resamples, which are drawn by position: another order, other draws."""


def seen(world, rows: np.ndarray, ids: np.ndarray, row_ids: np.ndarray | None = None) -> SimpleNamespace:
    """The same world with its rows in another order and its classes under other ids (`ids`: old id to new).

    `row_ids`: of the rows in their new order; by default those of the old order, so that each names another row.
    """
    back = np.argsort(ids)
    features = world.rows()
    named = world.row_ids if row_ids is None else row_ids

    def frame():
        return features.iloc[rows].reset_index(drop=True).assign(row_id=named)

    return SimpleNamespace(
        names=tuple(np.array(world.names, dtype=object)[back]),
        counts=world.counts[back],
        labels=ids[world.labels][rows],
        row_ids=named,
        digests=world.digests[rows],
        logits=lambda *arguments: world.logits(*arguments)[rows][:, back],
        rows=frame,
    )


def numbers(runs, course) -> dict[tuple, Value]:
    """Every value of every item of four weeks, by what identifies it; repeated ones by their place."""
    found: dict[tuple, Value] = {}
    for week in WEEKS:
        for section in build(week, runs, course).sections:
            for item in section.items:
                for position, value in enumerate(item.values):
                    found[item.id, position, value.metric, value.run, value.baseline] = value
                found[item.id, "verdict"] = Value("verdict", item.verdict)
    return found


def held(world, factory, weeks, simulated, course) -> dict[tuple, Value]:
    return numbers(weeks.week3(simulated, factory.mktemp("runs"), world), course)


def worlds():
    return st.integers(0, 2**16)


@SLOW
@given(seed=worlds())
def test_the_ids_of_classes_change_no_number(simulated, weeks, course, tmp_path_factory, seed: int) -> None:
    world = simulated.World(k=K, train=1_500, n=N, seed=seed)
    ids = np.random.default_rng(seed).permutation(K)
    one = held(world, tmp_path_factory, weeks, simulated, course)
    other = held(seen(world, np.arange(N), ids), tmp_path_factory, weeks, simulated, course)
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value.value, float):
            assert other[key].value == pytest.approx(value.value, rel=1e-6, abs=1e-9), key
        else:
            assert other[key].value == value.value, key
        if value.interval is not None:
            ends = other[key].interval.low, other[key].interval.high
            assert ends == pytest.approx((value.interval.low, value.interval.high), rel=1e-6, abs=1e-9), key


@SLOW
@given(seed=worlds())
def test_the_order_in_a_file_changes_nothing_where_rows_keep_their_ids(
    simulated, weeks, course, tmp_path_factory, seed: int
) -> None:
    """Temperatures, folds, resamples and verdicts too: what is drawn by position is drawn from the ids' order."""
    world = simulated.World(k=K, train=1_500, n=N, seed=seed)
    rows = np.random.default_rng(seed).permutation(N)
    one = held(world, tmp_path_factory, weeks, simulated, course)
    other = held(seen(world, rows, np.arange(K), world.row_ids[rows]), tmp_path_factory, weeks, simulated, course)
    assert {key: (value.value, value.interval) for key, value in one.items()} == {
        key: (value.value, value.interval) for key, value in other.items()
    }


@SLOW
@given(seed=worlds())
def test_the_order_of_rows_changes_no_point_value(simulated, weeks, course, tmp_path_factory, seed: int) -> None:
    world = simulated.World(k=K, train=1_500, n=N, seed=seed)
    rows = np.random.default_rng(seed).permutation(N)
    one = held(world, tmp_path_factory, weeks, simulated, course)
    other = held(seen(world, rows, np.arange(K)), tmp_path_factory, weeks, simulated, course)
    compared = 0
    for key in one.keys() & other.keys():
        first, second = one[key], other[key]
        drawn = first.metric in (*_BY_RESAMPLE, "margin_to_zero", "verdict") or first.metric.startswith(_BY_FOLD)
        if drawn or first.metric.startswith("choice_"):
            continue
        compared += 1
        if isinstance(first.value, float):
            assert second.value == pytest.approx(first.value, rel=1e-9, abs=1e-9), key
        else:
            assert second.value == first.value, key
        if first.interval is not None:
            # Other draws: the ends wander by the noise of 2,000 resamples.
            width = first.interval.high - first.interval.low
            assert second.interval.low == pytest.approx(first.interval.low, abs=0.15 * width + 1e-9), key
            assert second.interval.high == pytest.approx(first.interval.high, abs=0.15 * width + 1e-9), key
    assert compared > 60


@SLOW
@given(seed=worlds())
def test_a_bundle_beside_itself_shows_nothing(simulated, weeks, course, tmp_path_factory, seed: int) -> None:
    """The same predictions under two names, as week 2's lever, week 3's decoder and week 4's pair."""
    world = simulated.World(k=K, train=1_500, n=N, seed=seed)
    folder = tmp_path_factory.mktemp("runs")
    options = {"draw": 2, "floor": 3, "skill": 0.66}
    runs = [
        weeks.add(simulated, folder, world, "encoder", **options),
        weeks.add(simulated, folder, world, "encoder-weighted", changes={"class_weights": "sqrt"}, **options),
        weeks.add(simulated, folder, world, "decoder", "decoder", **options),
    ]
    differences = [value for value in numbers(runs, course).values() if value.baseline]
    assert len(differences) > 8
    for value in differences:
        assert value.value == pytest.approx(0, abs=1e-12), value
        if value.interval is not None:
            assert (value.interval.low, value.interval.high) == pytest.approx((0, 0), abs=1e-12), value
    for week in WEEKS:
        for section in build(week, runs, course).sections:
            for item in section.items:
                assert item.verdict not in ("real", "directional", "confirmed"), item


@SLOW
@given(seed=worlds())
def test_a_class_without_rows_is_never_rescued(simulated, weeks, course, tmp_path_factory, seed: int) -> None:
    world = simulated.World(k=K, train=1_500, n=N, seed=seed)
    absent = int(np.argmin(world.counts))
    world.labels = np.where(world.labels == absent, (absent + 1) % K, world.labels)
    runs = weeks.week3(simulated, tmp_path_factory.mktemp("runs"), world)
    name = world.names[absent]
    compared = 0
    for week in WEEKS:
        for section in build(week, runs, course).sections:
            for table in section.tables:
                if {"before", "after"} <= {column.key for column in table.columns}:
                    compared += 1
                    assert name not in [row["class"] for row in table.rows], table.id
            for figure in section.figures:
                if figure.kind == "class-pairs":
                    (state,) = [one["state"] for one in figure.data["classes"] if one["name"] == name]
                    assert state == "absent", figure.id
    assert compared
    for run in runs:
        assert not (run.predictions("val").labels == absent).any()
