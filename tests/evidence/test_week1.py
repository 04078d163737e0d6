"""Week 1's evidence: what it says is what the predictions say, and never more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from reportgen.bundle.schema import Reported
from reportgen.errors import InputError, UsageError
from reportgen.evidence import build


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


def test_every_item_is_answered_from_a_full_set_of_runs(evidence, course) -> None:
    found = items(evidence)
    wanted = [item["id"] for section in course.rubric(1)["section"] for item in section["evidence"]]
    assert list(found) == wanted
    assert all(item.missing is None and item.sentence for item in found.values())
    exhibits = {one.id for section in evidence.sections for one in (*section.tables, *section.figures)}
    assert {name for item in found.values() for name in item.exhibits} <= exhibits


def test_scores_are_the_predictions_own(evidence, runs, world) -> None:
    by_name = {run.run_id: run.predictions("val") for run in runs}
    found = items(evidence)
    for item, run in (("w1.s2.e1", "tfidf"), ("w1.s2.e4", "majority"), ("w1.s3.e1", found["w1.s3.e1"].values[0].run)):
        value, rows = found[item].values[0], by_name[run]
        assert (value.run, value.split, value.n, value.unit) == (run, "val", 900, "fraction")
        assert value.value == pytest.approx(accuracy_score(rows.labels, rows.predictions))
        assert value.interval.low < value.value < value.interval.high
        assert value.interval.method == "Wilson score"
    rows = by_name["tfidf"]
    labels = range(len(world.names))
    assert found["w1.s2.e2"].values[0].value == pytest.approx(
        f1_score(rows.labels, rows.predictions, labels=labels, average="macro", zero_division=0)
    )
    each = f1_score(rows.labels, rows.predictions, labels=labels, average=None, zero_division=0)
    assert found["w1.s2.e3"].values[0].value == int((each == 0).sum())


def test_audit_facts_from_the_label_list(evidence, world) -> None:
    found = items(evidence)
    assert found["w1.s1.e1"].values[0].value == 30
    share = found["w1.s1.e2"].values[0]
    assert share.value == pytest.approx(world.counts.max() / world.counts.sum())
    assert (share.split, share.n) == ("train", world.counts.sum())
    rare = world.counts < world.counts.sum() / 1000
    assert found["w1.s1.e3"].values[0].value == rare.sum()
    assert found["w1.s1.e3"].values[1].value == pytest.approx(world.counts[rare].sum() / world.counts.sum())
    assert "Measured on val" in found["w1.s1.e4"].caveats[0]


def test_the_difference_is_paired_and_names_its_verdict(evidence, runs) -> None:
    item = items(evidence)["w1.s3.e6"]
    value = item.values[0]
    assert value.baseline == "tfidf"
    assert value.interval.method.startswith("paired bootstrap")
    assert value.value == pytest.approx(
        items(evidence)["w1.s3.e2"].values[0].value - items(evidence)["w1.s2.e2"].values[0].value
    )
    assert item.verdict == ("null" if value.interval.low <= 0 <= value.interval.high else "real")
    assert any("data-side noise only" in caveat for caveat in item.caveats)


def test_equal_models_are_not_told_apart(simulated, world, course, tmp_path) -> None:
    """Two models of one skill: the sentence may not prefer either."""
    for draw in (11, 12):
        simulated.write_run(
            tmp_path, world, f"m{draw}", "linear" if draw == 11 else "encoder", skill=0.6, floor=10, draw=draw
        )
    from reportgen.bundle import find_bundles

    item = items(build(1, find_bundles(tmp_path), course))["w1.s3.e6"]
    assert item.verdict == "null"
    assert "do not tell the two apart" in item.sentence


def test_identical_predictions_say_the_same(simulated, world, course, tmp_path) -> None:
    runs = [simulated.write_run(tmp_path, world, family, family) for family in ("linear", "encoder")]
    found = items(build(1, runs, course))
    assert found["w1.s3.e6"].values[0].value == 0
    assert "is the same under" in found["w1.s3.e6"].sentence
    assert found["w1.s3.e7"].values[0].value == 0


def test_rescue_table_shows_hits_where_rows_are_few(evidence, runs) -> None:
    rows = tables(evidence)["w1-rescue-table"].rows
    assert rows
    for row in rows:
        hits, n = map(int, row["after"].split("/"))
        assert hits <= n
        assert (row["delta"] is None) == (n <= 4)
        assert ("too few to call" in row["verdict"]) == (n <= 4)
    rescued = [row for row in rows if row["before"].startswith("0/")]
    assert len(rescued) == items(evidence)["w1.s3.e7"].values[0].value


def test_the_log_holds_every_run_and_what_repeats_it(evidence, runs) -> None:
    log, repeat = tables(evidence)["w1-log"], tables(evidence)["w1-repeat"]
    assert [row["run"] for row in log.rows] == ["majority", "tfidf", "embed", "encoder", "encoder-seed7"]
    assert {row["run"] for row in repeat.rows} == {run.run_id for run in runs}
    encoder = next(row for row in log.rows if row["run"] == "encoder")
    for part in ("lr 2e−5", "epochs 3", "batch 32", "max len 128"):
        assert part in encoder["settings"]
    assert encoder["seed"] == 42
    assert {row["rows"] for row in repeat.rows} == {runs[0].predictions("val").rows_sha256[:12]}


def test_seed_spread_of_runs_that_differ_in_nothing_else(evidence) -> None:
    values = {value.run: value.value for value in items(evidence)["w1.s3.e2"].values}
    mean = np.mean([values["encoder"], values["encoder-seed7"]])
    assert f"Over 2 seeds of the same settings the mean is {mean:.3f}" in items(evidence)["w1.s3.e2"].sentence


def test_best_checkpoint_is_checked_against_the_predictions(evidence, simulated, world, course, tmp_path) -> None:
    """The simulated log does not fit the simulated predictions: the memo has to say so, and stop once it fits."""
    item = items(evidence)["w1.s3.e5"]
    assert item.values[0].value == 3
    assert any("disagree" in caveat for caveat in item.caveats)
    probe = simulated.write_run(tmp_path, world, "probe", "encoder")
    rows = probe.predictions("val")
    macro = f1_score(rows.labels, rows.predictions, labels=range(30), average="macro", zero_division=0)
    log = simulated.history(2, 50, (macro, 0.01))
    run = simulated.write_run(tmp_path, world, "fits", "encoder", training=log, decided={"best_epoch": 1})
    item = items(build(1, [run], course))["w1.s3.e5"]
    assert item.values[0].value == 1
    assert not any("disagree" in caveat for caveat in item.caveats)


def test_last_epoch_is_the_scored_one_where_it_was_selected(simulated, world, course, tmp_path) -> None:
    run = simulated.write_run(
        tmp_path,
        world,
        "last",
        "encoder",
        training=simulated.history(3, 40, (0.3, 0.2, 0.1)),
        settings={"select": "last"},
        decided={"best_epoch": 1, "selection_rule": "last epoch"},
    )
    item = items(build(1, [run], course))["w1.s3.e5"]
    assert item.values[0].value == 3
    assert "last epoch" in item.sentence


@pytest.mark.parametrize(
    ("kept", "missing", "command"),
    [
        ((), "w1.s2.e1", "reportgen run tfidf --data SOURCE --course ecbs5200 --out RUNS"),
        (("tfidf",), "w1.s2.e4", "reportgen run majority --data complaints.csv --course ecbs5200 --out RUNS"),
        (("majority", "encoder"), "w1.s2.e1", "reportgen run tfidf --data complaints.csv --course ecbs5200 --out RUNS"),
        (("majority", "encoder"), "w1.s3.e6", "reportgen run tfidf --data complaints.csv --course ecbs5200 --out RUNS"),
        (("tfidf",), "w1.s3.e1", "reportgen run encoder --data complaints.csv --course ecbs5200 --out RUNS"),
        (("tfidf", "embed"), "w1.s3.e3", "reportgen run encoder --data complaints.csv --course ecbs5200 --out RUNS"),
    ],
)
def test_what_was_not_measured_says_what_to_run(runs, course, kept, missing, command) -> None:
    item = items(build(1, [run for run in runs if run.run_id in kept], course))[missing]
    assert item.missing == command
    assert item.values == ()


def test_other_rows_are_never_compared(simulated, world, runs, course, tmp_path) -> None:
    part = simulated.write_run(tmp_path, world, "half", "encoder", rows=slice(0, 450), sampled_of=900)
    tfidf = next(run for run in runs if run.run_id == "tfidf")
    evidence = build(1, [tfidf, part], course)
    found = items(evidence)
    assert "their rows of val (450 and 900 rows)" in found["w1.s3.e6"].sentence
    assert found["w1.s3.e6"].missing
    assert found["w1.s3.e7"].missing
    assert any("sample of 450 of 900" in notice for notice in evidence.notices)
    assert "A partial run" in found["w1.s3.e2"].sentence


def test_a_sampled_training_split_is_flagged(simulated, world, course, tmp_path) -> None:
    note = "train: a stratified sample of 20,000 of 57,846 rows."
    run = simulated.write_run(tmp_path, world, "quick", "encoder", notes=(note, "Left out: 7 labels."))
    evidence = build(1, [run], course)
    assert f"quick is not a complete run: {note}" in evidence.notices
    assert "A partial run" in items(evidence)["w1.s3.e2"].sentence


def test_other_labels_are_never_compared(simulated, runs, course, tmp_path) -> None:
    other = simulated.write_run(tmp_path, simulated.World(k=20, n=300), "other", "encoder")
    tfidf = next(run for run in runs if run.run_id == "tfidf")
    evidence = build(1, [tfidf, other], course)
    assert "their label lists" in items(evidence)["w1.s3.e6"].sentence
    assert any(notice.startswith("Not compared: other and tfidf differ") for notice in evidence.notices)


def test_a_frozen_encoder_is_not_called_fine_tuned(runs, course) -> None:
    item = items(build(1, [run for run in runs if run.run_id in ("tfidf", "embed")], course))["w1.s3.e1"]
    assert "nothing in it was fine-tuned" in item.caveats[0]


def test_reported_figures_stand_apart(simulated, runs, course, tmp_path) -> None:
    said = Reported(accuracy=0.44, macro_f1=0.999, n=500, source="a talk")
    evidence = build(1, [*runs, simulated.write_reported(tmp_path, "opus", said)], course)
    table = tables(evidence)["w1-reported"]
    assert table.reported
    assert "not recomputable" in table.caption
    assert [row["run"] for row in table.rows] == ["opus"]
    measured = [value for item in items(evidence).values() for value in item.values]
    assert "opus" not in {value.run for value in measured} | {value.baseline for value in measured}
    assert "opus" not in {row["run"] for row in tables(evidence)["w1-log"].rows}


def test_val_is_reported_and_test_only_with_a_banner(simulated, world, course, tmp_path) -> None:
    on_test = simulated.write_run(tmp_path, world, "on-test", "linear", split="test")
    on_val = simulated.write_run(tmp_path, world, "on-val", "linear")
    both = build(1, [on_test, on_val], course)
    assert both.split == "val"
    assert any("on-test has no predictions on val" in notice for notice in both.notices)
    alone = build(1, [on_test], course)
    assert alone.split == "test"
    assert any("test split" in notice for notice in alone.notices)


def test_training_on_the_scored_split_is_said(simulated, world, course, tmp_path) -> None:
    run = simulated.write_run(tmp_path, world, "leaky", "encoder", trained_on=("train", "val"))
    assert any("leaky was trained on val" in notice for notice in build(1, [run], course).notices)


def test_synthetic_data_are_called_so(simulated, world, course, tmp_path) -> None:
    run = simulated.write_run(tmp_path, world, "made-up", "linear", synthetic=True)
    evidence = build(1, [run], course)
    assert evidence.synthetic
    assert evidence.notices[0].startswith("Synthetic data")


def test_gaps_in_the_log_are_named(simulated, world, course, tmp_path) -> None:
    run = simulated.write_run(tmp_path, world, "bare", "encoder", reproducible=False)
    item = items(build(1, [run], course))["w1.s4.e3"]
    assert "0 of 1 runs" in item.sentence
    assert item.caveats == ("bare does not state lr, epochs, batch, max len, commit and 1 more.",)


def test_absent_classes_are_counted(simulated, course, tmp_path) -> None:
    world = simulated.World(k=30, n=120)
    keep = slice(10, 120)  # the first 30 rows hold one row of every class
    run = simulated.write_run(tmp_path, world, "thin", "linear", rows=keep)
    present = len(np.unique(world.labels[keep]))
    assert present < 30
    caveats = " ".join(items(build(1, [run], course))["w1.s2.e2"].caveats)
    assert f"val has rows of {present} of the 30 classes" in caveats


def test_the_audit_in_a_bundle_is_preferred_to_the_rows(simulated, world, course, tmp_path) -> None:
    from reportgen.data import load_dataset
    from reportgen.data.audit import audit

    frame = pd.DataFrame({"text": [f"XXXX word number {i}" for i in range(60)], "label": ["a", "b", "c"] * 20})
    frame.to_csv(tmp_path / "data.csv", index=False)
    found = audit(load_dataset(str(tmp_path / "data.csv"), course="generic")).to_json()
    run = simulated.write_run(tmp_path, world, "tfidf", "linear")
    item = items(build(1, [run], course, audit=found))["w1.s1.e4"]
    assert item.values[0].value == 1.0
    assert item.values[0].split == "train"
    assert item.verification == "declared"
    with pytest.raises(InputError, match="audit"):
        build(1, [run], course, audit={"rows": 3})


def test_bad_requests(runs, course) -> None:
    with pytest.raises(InputError, match="two bundles are called"):
        build(1, [runs[0], runs[0]], course)
    with pytest.raises(UsageError):
        build(9, runs, course)


def test_nothing_at_all_still_makes_a_memo(course) -> None:
    evidence = build(1, [], course)
    assert all(item.missing or item.sentence for item in items(evidence).values())
    assert evidence.split is None


def test_a_model_with_one_answer_is_called_a_guess_and_curves_stay_few(course, simulated, tmp_path) -> None:
    class Flat(simulated.World):
        def logits(self, skill: float, floor: float, seed: int) -> np.ndarray:
            return np.tile(np.log(self.counts), (len(self.labels), 1))

    flat = Flat(k=8, train=500, n=120)
    made = [
        simulated.write_run(tmp_path, flat, f"e{seed}", "encoder", seed=seed, training=log)
        for seed, log in enumerate([simulated.history(2, 20, (0.1, 0.1))] * 6)
    ]
    evidence = build(1, made, course)
    most = flat.names[int(np.argmax(flat.counts))]
    assert f"answers “{most}” on every row" in items(evidence)["w1.s3.e1"].caveats[0]
    (curve,) = (one for section in evidence.sections for one in section.figures if one.kind == "learning-curve")
    assert len(curve.data["curves"]) == 4
    assert curve.caption.endswith("4 of 6 runs are drawn.")
