"""Week 2's evidence: controlled experiments, noise beside effects, errors; never more than the runs show."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from reportgen.bundle import read_bundle, write_bundle
from reportgen.bundle.schema import Parent
from reportgen.evidence import build
from reportgen.evidence.context import Context
from reportgen.evidence.experiments import experiments, seed_pairs
from reportgen.evidence.levers import levers_table
from reportgen.evidence.noisefloor import NoiseFloor, tag
from reportgen.evidence.pair import seed_groups
from reportgen.evidence.plateau import band, plateau
from reportgen.evidence.rubric import load_rubric
from reportgen.evidence.runs import Runs, training_seconds
from reportgen.evidence.weighting import class_weights


def _weeks():
    path = Path(__file__).parents[1] / "simulated_weeks.py"
    spec = importlib.util.spec_from_file_location("simulated_weeks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WEEKS = _weeks()


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


def context(course, runs) -> Context:
    return Context(2, course, load_rubric(course, 2), Runs(runs))


@pytest.fixture(scope="module")
def stage(simulated, world, tmp_path_factory):
    return WEEKS.week2(simulated, tmp_path_factory.mktemp("week2"), world)


@pytest.fixture(scope="module")
def memo(stage, course):
    return build(2, stage, course)


def test_every_item_is_answered_from_the_stage(memo, course) -> None:
    found = items(memo)
    assert list(found) == [item["id"] for section in course.rubric(2)["section"] for item in section["evidence"]]
    assert {name: item.missing for name, item in found.items() if item.missing} == {}
    assert all(item.sentence for item in found.values())
    exhibits = {one.id for section in memo.sections for one in (*section.tables, *section.figures)}
    assert {name for item in found.values() for name in item.exhibits} <= exhibits


@pytest.mark.parametrize(
    "kept", [(), ("tfidf",), ("encoder",), ("encoder", "encoder-seed123"), ("tfidf", "encoder-bs16")]
)
def test_every_item_is_answered_or_says_what_to_run(stage, course, kept) -> None:
    found = items(build(2, [run for run in stage if run.run_id in kept], course))
    for item in found.values():
        assert item.sentence or item.missing
        assert item.missing is None or item.missing.startswith("reportgen run week2 --data")
        assert item.missing is None or item.values == ()
    if len(kept) < 2:
        assert found["w2.s2.e1"].missing
    elif "encoder" in kept:
        assert found["w2.s2.e1"].caveats[0].startswith("Confounded: class_weights and seed")
    assert found["w2.s3.e1"].missing


def test_one_key_or_confounded_by_name(memo) -> None:
    rows = {row["run"]: row for row in tables(memo)["w2-experiments"].rows}
    assert {name: (row["reference"], row["badge"]) for name, row in rows.items()} == {
        "encoder-weighted": ("encoder", "one key"),
        "encoder-bs16": ("encoder-weighted", "one key"),
        "encoder-seed123": ("encoder-weighted", "one key"),
        "encoder-early": ("encoder-weighted", "confounded: epochs, patience"),
    }
    assert rows["encoder-seed123"]["changed"] == "seed: 42 → 123"
    assert rows["encoder-bs16"]["follows"] == "total_steps: 570 → 1140"
    held = {row["run"]: row["held"] for row in tables(memo)["w2-held"].rows}
    assert "lr 2e-05" in held["all of them"]
    assert "batch_size" not in held["all of them"] + held["encoder-bs16"]
    assert "batch_size 32" in held["encoder-seed123"]
    assert "seed 42" in held["encoder-bs16"]
    assert "seed" not in held["encoder-seed123"]
    found = items(memo)
    assert found["w2.s1.e1"].values[0].value == 3
    assert found["w2.s1.e4"].values[0].value == 1
    assert found["w2.s1.e2"].fields == ("Prediction", "Conclusion", "Meaningful?")
    assert set(found["w2.s1.e2"].about) == set(rows)


def test_a_longer_schedule_without_a_reason_is_a_key(simulated, world, course, tmp_path) -> None:
    runs = [
        WEEKS.add(simulated, tmp_path, world, "a", steps=570),
        WEEKS.add(simulated, tmp_path, world, "b", steps=1900, changes={"class_weights": "sqrt"}),
    ]
    (found,) = experiments(context(course, runs))
    assert found.keys == ("class_weights", "total_steps")
    assert found.badge == "confounded: class_weights, total_steps"
    assert "chosen here" in found.chosen


def test_bookkeeping_is_no_key_and_a_nested_setting_is(simulated, world, course, tmp_path) -> None:
    lora = {"r": 16, "alpha": 32}
    runs = [
        WEEKS.add(simulated, tmp_path, world, "a", changes={"lora": lora, "save": "none"}),
        WEEKS.add(
            simulated, tmp_path, world, "b", changes={"lora": {**lora, "r": 8}, "save": "full", "latency": False}
        ),
    ]
    (found,) = experiments(context(course, runs))
    assert [str(change) for change in found.changes] == ["lora.r: 16 → 8"]


def test_a_run_against_its_own_copy_changes_nothing(simulated, world, course, tmp_path) -> None:
    runs = [WEEKS.add(simulated, tmp_path, world, name, changes={"class_weights": "sqrt"}) for name in ("a", "b")]
    runs.append(WEEKS.add(simulated, tmp_path, world, "c", seed=7, changes={"class_weights": "sqrt"}))
    runs.append(WEEKS.add(simulated, tmp_path, world, "plain"))
    evidence = build(2, runs, course)
    rows = {row["run"]: row for row in tables(evidence)["w2-experiments"].rows}
    assert rows["b"]["badge"] == "nothing changed"
    for row in rows.values():
        assert row["verdict"] == "null"
        assert row["macro_f1"].value == row["accuracy"].value == row["zero_f1"].value == 0
    weighting = items(evidence)["w2.s2.e2"]
    assert [value.value for value in weighting.values[2:]] == [0, 0]
    assert all(row["rescued"] == row["lost"] == 0 for row in tables(evidence)["w2-levers"].rows)
    assert {row["tag"] for row in tables(evidence)["w2-tagged"].rows} <= {
        "below the floor",
        "seed pair: measures the floor",
    }


def test_batch_size_beside_the_seed(memo, stage) -> None:
    by_name = {run.run_id: Runs(stage).scores(run).macro_f1 for run in stage if run.run_id.startswith("encoder")}
    seed = abs(by_name["encoder-seed123"] - by_name["encoder-weighted"])
    batch = abs(by_name["encoder-bs16"] - by_name["encoder-weighted"])
    item = items(memo)["w2.s3.e3"]
    assert item.values[0].value == pytest.approx(batch / seed)
    assert item.verdict == ("null" if batch <= seed else item.verdict)
    assert item.verdict != "real"
    steps = [value.value for value in items(memo)["w2.s3.e4"].values]
    rows = sum(stage[1].labels.train_counts)
    assert steps == [math.ceil(rows / 32), math.ceil(rows / 16)]


def test_the_floor_is_the_larger_of_seed_and_rows(memo) -> None:
    floor, seed, rows = (value.value for value in items(memo)["w2.s5.e3"].values)
    assert floor == max(seed, rows)
    for row in tables(memo)["w2-tagged"].rows:
        if row["control"] == "one key" and row["run"] == "encoder-seed123":
            assert row["tag"] == "seed pair: measures the floor"
        elif abs(row["delta"].value) <= floor:
            assert row["tag"] == "below the floor"
        else:
            assert row["tag"].startswith("above the floor")


def test_a_tag_never_exceeds_its_interval() -> None:
    noise = NoiseFloor((), (), 0.02, 3)
    assert tag(noise, 0.01, "real") == "below the floor"
    assert tag(noise, -0.03, "real") == "above the floor"
    assert tag(noise, 0.03, "null") == "above the floor, but null"
    assert tag(noise, 0.03, "directional") == "above the floor, but directional"
    assert tag(NoiseFloor((), (), None, 0), 1.0, "real") == "no floor"


def test_weights_by_hand_and_against_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    counts = np.array([400, 100, 4])
    raw = np.array([1, 2, 10])
    assert class_weights(counts, "sqrt") == pytest.approx(raw / raw.mean())
    rows = np.repeat(np.arange(3), counts)
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=rows)
    assert class_weights(counts, "sqrt") == pytest.approx(np.sqrt(balanced) / np.sqrt(balanced).mean())
    assert class_weights(counts, "balanced") == pytest.approx(balanced / balanced.mean())
    assert class_weights(counts, "of my own") is None


@pytest.mark.parametrize("k", [30, 113])
def test_a_softmax_before_the_loss_is_recognised(simulated, tmp_path, course, k) -> None:
    world = simulated.World(k=k, n=300)
    low, high = band(k)
    assert (low, high) == pytest.approx((math.log(k - 1 + math.e) - 1, math.log(k)))
    if k == 113:
        assert (round(low, 2), round(high, 2)) == (3.74, 4.73)
    rng = np.random.default_rng(0)
    log = simulated.history(3, 60, (0.01, 0.01, 0.01))
    stuck = log.assign(loss=high - 0.2 + rng.normal(0, 0.05, len(log)))
    run = WEEKS.add(simulated, tmp_path, world, "stuck", training=stuck)
    fine = WEEKS.add(simulated, tmp_path, world, "fine", training=log)
    falling = log.assign(loss=np.linspace(high - 0.01, low + 0.05, len(log)))
    slow = WEEKS.add(simulated, tmp_path, world, "slow", training=falling)
    assert "softmax before the cross-entropy" in plateau(run)
    assert plateau(fine) is None
    assert plateau(slow) is None
    assert any(notice.startswith("stuck hardly learns") for notice in build(2, [run, fine], course).notices)


def test_hard_examples_are_the_surest_errors(memo, stage) -> None:
    table = tables(memo)["w2-hard"]
    run = next(run for run in stage if f"errors of {run.run_id} on" in table.caption)
    rows = run.predictions("val")
    top = np.sort(rows.logits.astype(float), axis=1)
    margin = np.where(rows.labels != rows.predictions, top[:, -1] - top[:, -2], -1)
    best = np.sort(margin)[::-1][:10]
    assert [row["margin"] for row in table.rows] == pytest.approx(best.tolist())
    assert "bundles keep none. Pass --data" in table.notes[0]


def test_pairs_and_destinations_count_errors(memo, stage) -> None:
    run = next(run for run in stage if run.run_id == tables(memo)["w2-tiers"].rows[0]["run"])
    rows = run.predictions("val")
    wrong = rows.labels != rows.predictions
    landed = tables(memo)["w2-destinations"].rows
    assert sum(row["errors"] for row in landed) == wrong.sum()
    first = tables(memo)["w2-pairs"].rows[0]
    names = run.labels.names
    pairs = pd.Series(list(zip(rows.labels[wrong], rows.predictions[wrong], strict=True))).value_counts()
    assert first["count"] == pairs.iloc[0]
    assert pairs[(names.index(first["true"]), names.index(first["predicted"]))] == first["count"]


def test_pairs_of_like_names_are_flagged(simulated, course, tmp_path) -> None:
    world = simulated.World(names=("Overdraft fee", "Overdraft charges"), k=12, n=200)
    world.kin[:] = 1
    world.kin[1] = 0
    run = WEEKS.add(simulated, tmp_path, world, "encoder", skill=0.1)
    rows = tables(build(2, [run], course))["w2-pairs"].rows
    flags = {(row["true"], row["predicted"]): row.get("flag") for row in rows}
    assert "overdraft" in flags[("Overdraft fee", "Overdraft charges")]
    assert any(flag is None for flag in flags.values())


def test_rows_in_another_order_change_nothing(simulated, course, tmp_path) -> None:
    """The bundle sorts rows by id; a world written backwards gives the same evidence."""
    kept = []
    for name in ("a", "b"):
        world = simulated.World(k=12, n=200)
        runs = [WEEKS.add(simulated, tmp_path / name, world, "encoder")]
        order = slice(None, None, -1) if name == "b" else slice(None)
        logits = world.logits(0.5, 3, 9)
        path = write_bundle(
            tmp_path / name / "by-hand",
            world.labels[order],
            logits[order],
            names=list(world.names),
            row_ids=list(world.row_ids[order]),
        )
        found = tables(build(2, [*runs, read_bundle(path)], course))
        kept.append([found["w2-hard"].rows, found["w2-pairs"].rows])
    assert kept[0] == kept[1]


def test_seed_pairs_need_equal_settings(stage) -> None:
    pairs = [{a.run_id, b.run_id} for a, b in seed_pairs(Runs(stage))]
    assert pairs == [{"encoder-seed123", "encoder-weighted"}]


def test_a_run_scored_again_is_no_experiment_and_no_rival(simulated, world, course, tmp_path) -> None:
    made = {"draw": 4, "settings": {"lr": 2e-5}}
    run = simulated.write_run(tmp_path, world, "encoder", "encoder", **made)
    parent = Parent(role="source", run_id="encoder", root=run.root)
    options = {"runner": "predict", "parents": (parent,), "seconds": {"score": 3.0, "total": 9.0}, **made}
    again = simulated.write_run(tmp_path, world, "encoder-again", "encoder", **options)
    other = simulated.write_run(tmp_path, world, "tfidf", "linear", skill=0.5)
    both = Runs([run, again, other])
    assert both.checks(again) == "encoder"
    assert [one.run_id for one in both.candidates] == ["encoder"]
    assert experiments(context(course, [run, again, other])) == []
    assert training_seconds(again) is None
    log = tables(build(2, [run, again, other], course))["w2-log"]
    assert {row["run"]: row["time"] for row in log.rows} == {"encoder": 93.4, "encoder-again": None, "tfidf": 93.4}
    alone = Runs([again, other])
    assert alone.checks(again) is None
    assert alone.candidate is again


def test_a_plateau_shows_in_a_sparse_log_too(simulated, world, course, tmp_path) -> None:
    """A notebook logs every hundred steps, or once an epoch."""
    _, high = band(len(world.names))
    log = pd.DataFrame({"step": [100, 200, 300, 400, 500, 600, 700, 800, 900], "lr": 2e-5})
    log = log.assign(epoch=log["step"] / 313, loss=[high + 0.1, *[high - 0.2 - 0.01 * i for i in range(8)]])
    run = WEEKS.add(simulated, tmp_path, world, "stuck", training=log)
    assert "softmax before the cross-entropy" in plateau(run)
    learns = log.assign(loss=np.linspace(high, 1.0, len(log)))
    assert plateau(WEEKS.add(simulated, tmp_path, world, "fine", training=learns)) is None


def test_a_confounded_batch_size_shows_nothing(simulated, world, course, tmp_path) -> None:
    weighted = {"class_weights": "sqrt", "batch_size": 16}
    runs = [
        WEEKS.add(simulated, tmp_path, world, "encoder", floor=60, skill=0.3),
        WEEKS.add(simulated, tmp_path, world, "other", changes=weighted, floor=2, skill=0.9, draw=3),
        WEEKS.add(simulated, tmp_path, world, "short", changes={"epochs": 9}, steps=900, draw=4),
        WEEKS.add(simulated, tmp_path, world, "short7", changes={"epochs": 9}, steps=900, seed=7, draw=5),
    ]
    item = items(build(2, runs, course))["w2.s3.e3"]
    assert item.verdict == "confounded"
    assert item.caveats[0].startswith("Confounded: batch_size and class_weights")
    assert "another recipe" in item.caveats[1]


def test_a_slipped_label_frame_is_announced_and_no_candidate(simulated, world, course, tmp_path) -> None:
    flawed = WEEKS.add(simulated, tmp_path, world, "flawed", skill=0.9, floor=1, slipped=11)
    sound = WEEKS.add(simulated, tmp_path, world, "encoder", draw=4)
    for week in (2, 3):
        evidence = build(week, [sound, flawed], course)
        assert any(notice.startswith("flawed answers in another label frame") for notice in evidence.notices)
        assert "flawed" not in {value.run for item in items(evidence).values() for value in item.values}


def test_the_classes_that_tell_models_apart(memo, stage) -> None:
    table = tables(memo)["w2-spread"]
    by_name = {run.run_id: run.predictions("val") for run in stage}
    row, names = table.rows[0], stage[0].labels.names
    label = names.index(row["class"])
    f1 = {name: f1_score(part.labels == label, part.predictions == label) for name, part in by_name.items()}
    assert (row["low"], row["high"]) == pytest.approx((min(f1.values()), max(f1.values())))
    assert f1[row["worst"]] == row["low"]
    assert f1[row["best"]] == row["high"]
    assert row["spread"] == max(row["spread"] for row in table.rows)
    assert len(table.rows) <= 10


def test_levers_say_what_they_change_and_what_lies_below_the_floor(memo, stage, course) -> None:
    rows = {row["run"]: row for row in tables(memo)["w2-levers"].rows}
    assert rows["encoder-weighted"]["control"] == "class_weights alone"
    assert rows["encoder-seed123"]["control"] == "class_weights and seed (confounded)"
    assert rows["tfidf"]["control"] == "another model"
    found = experiments(context(course, stage))
    table = levers_table(Runs(stage), stage[1], stage[2:], "t", floor=1.0)
    assert found
    assert {row["verdict"] for row in table.rows} <= {"real, below the noise floor", "null", "directional"}


def test_seeds_of_a_notebook_are_seeds(world, course, tmp_path) -> None:
    """What such a bundle keeps in place of settings names its files, and is no setting that differs."""
    runs = []
    for seed in (1, 2, 3):
        logits = world.logits(0.6, 9, seed)
        path = write_bundle(
            tmp_path / str(seed),
            world.labels,
            logits,
            names=world.names,
            run_id=f"s{seed}",
            seed=seed,
            family="encoder",
        )
        runs.append(read_bundle(path))
    both = Runs(runs)
    assert len(seed_pairs(both)) == 3
    assert set(seed_groups(both, runs[0])) == {1, 2, 3}


def test_a_complete_run_is_not_dropped_for_its_sampled_source(simulated, world, course, tmp_path) -> None:
    part = simulated.write_run(tmp_path, world, "encoder", "encoder", rows=slice(0, 200), sampled_of=900)
    parent = Parent(role="source", run_id="encoder", root=part.root)
    whole = simulated.write_run(tmp_path, world, "whole", "encoder", runner="predict", parents=(parent,))
    both = Runs([part, whole])
    assert both.checks(whole) is None
    assert both.candidate is whole
