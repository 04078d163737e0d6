"""Week 6's evidence: what distilling transferred, against oracles, hand-worked cases and runs without an effect."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, softmax
from sklearn.metrics import f1_score, log_loss

from reportgen.bundle.kept import forget
from reportgen.evidence import build, load_rubric
from reportgen.evidence.gates import gated, level_sentence
from reportgen.evidence.memory import Earlier, Memory, Recalled
from reportgen.evidence.model import Value
from reportgen.evidence.outcomes import Outcomes, outcomes
from reportgen.evidence.runs import Runs
from reportgen.evidence.shortlist import chosen_scenario, scenarios
from reportgen.evidence.students import find_students, setting
from reportgen.evidence.tempering import share_of_gain
from reportgen.stats import boot_ece, boot_mean, coverage, fit_temperature, folds, row_counts, tiers, wilson
from reportgen.stats.grouped import boot_sums


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


@pytest.fixture(scope="module")
def week6():
    path = Path(__file__).parents[1] / "simulated_week6.py"
    spec = importlib.util.spec_from_file_location("simulated_week6", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wide(simulated, course):
    """Eighty labels, so that there is a tail by rank."""
    return simulated.World(k=80, n=900, train=20_000, names=course.labels[:80])


@pytest.fixture(scope="module")
def stage(simulated, week6, wide, tmp_path_factory):
    out = tmp_path_factory.mktemp("week6")
    runs = week6.week6(out, wide)
    scores = week6.logits(wide, 0.77, 1.6, 40)
    encoder = week6.write(out, wide, "encoder", scores, changes={"epochs": 2})
    weighted = week6.write(out, wide, "encoder-weighted", scores * 0.9, changes={"epochs": 2, "class_weights": "sqrt"})
    tfidf = simulated.write_run(out, wide, "tfidf", "linear", skill=0.55, floor=40)
    return [*runs, encoder, weighted, tfidf, *week6.quantised(out, wide, encoder, scores)]


@pytest.fixture(scope="module")
def evidence(stage, course):
    return build(6, stage, course, declared={"scenario": "week6-b"})


def named(stage, *names):
    return [run for run in stage if run.run_id in names]


# ----------------------------------------------------------------------------------------------------- every item


def test_every_item_of_the_rubric_is_answered(evidence, course) -> None:
    rubric = load_rubric(course, 6)
    found = items(evidence)
    assert list(found) == [item.id for section in rubric.sections for item in section.evidence]
    assert [item.id for item in found.values() if item.missing] == []
    for item in found.values():
        assert item.sentence.endswith((".", "”", ")"))
        assert "nan" not in item.sentence.casefold()
    shown = {one.id for section in evidence.sections for one in (*section.tables, *section.figures)}
    assert {name for item in found.values() for name in item.exhibits} <= shown
    assert evidence.opening.title == "Summary for stakeholders"


def test_the_fields_nothing_can_measure_are_asked_of_the_author(course) -> None:
    fields = {item.id: item.fields for section in load_rubric(course, 6).sections for item in section.evidence}
    assert fields["w6.s2.e4"] == ("Falsifying measurement",)
    assert fields["w6.s4.e3"] == ("Pair",)
    assert fields["w6.s5.e2"] == ("Recipe",)
    assert fields["w6.s5.e7"] == ("Wildcard", "Source")


def test_the_order_of_the_bundles_does_not_matter(stage, course, evidence) -> None:
    assert build(6, reversed(stage), course, declared={"scenario": "week6-b"}) == evidence or [
        item.values for item in items(build(6, reversed(stage), course, declared={"scenario": "week6-b"})).values()
    ] == [item.values for item in items(evidence).values()]


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ((), {f"w6.s1.e{n}" for n in range(1, 8)} | {"w6.s2.e1", "w6.s3.e1", "w6.s5.e2", "w6.s5.e5"}),
        (("vanilla", "distilled"), {"w6.s1.e3", "w6.s1.e6", "w6.s2.e2", "w6.s2.e3", "w6.s3.e1", "w6.s5.e8"}),
        (("vanilla", "teacher"), {"w6.s1.e1", "w6.s3.e4", "w6.s5.e6"}),
    ],
)
def test_what_is_not_there_names_its_command(stage, course, kept, missing) -> None:
    found = items(build(6, named(stage, *kept), course))
    assert missing <= {name for name, item in found.items() if item.missing}
    for item in found.values():
        if item.missing:
            assert item.missing.startswith("reportgen ")
            assert not item.values
    assert found["w6.s5.e1"].missing  # nobody chose a scenario


def test_runs_without_logits_lose_what_needs_them_and_nothing_else(week6, wide, course, tmp_path) -> None:
    teacher = week6.write(tmp_path, wide, "teacher", week6.logits(wide, 0.95, 1, 10), runner="decoder")
    vanilla = week6.write(tmp_path, wide, "vanilla", week6.logits(wide, 0.7, 1.5, 12), store=False)
    distilled = week6.distil(tmp_path, wide, "distilled", week6.logits(wide, 0.8, 1.2, 13), teacher, store=False)
    found = items(build(6, [teacher, vanilla, distilled], course))
    gone = {name for name, item in found.items() if item.missing}
    assert {"w6.s1.e2", "w6.s1.e3", "w6.s1.e4", "w6.s1.e5", "w6.s5.e3"} <= gone
    assert not gone & {"w6.s1.e1", "w6.s1.e6", "w6.s1.e7", "w6.s2.e1", "w6.s5.e4", "w6.s5.e5"}


# ------------------------------------------------------------------------------------------------------ the roles


def test_roles_come_from_runner_configuration_and_parents(week6, wide, tmp_path) -> None:
    teacher = week6.write(tmp_path, wide, "tom", week6.logits(wide, 0.9, 1, 1), runner="decoder", model="Big")
    plain = week6.write(tmp_path, wide, "anna", week6.logits(wide, 0.7, 1.5, 2))
    other = week6.write(tmp_path, wide, "vanilla", week6.logits(wide, 0.7, 1.5, 3), changes={"lr": 1e-3})
    pupil = week6.distil(tmp_path, wide, "ben", week6.logits(wide, 0.8, 1.2, 4), teacher)
    hot = week6.distil(tmp_path, wide, "carl", week6.logits(wide, 0.8, 1.2, 5), teacher, temperature=8.0)
    odd = week6.distil(tmp_path, wide, "dora", week6.logits(wide, 0.8, 1.2, 6), teacher, changes={"lr": 1e-3})
    again = week6.distil(tmp_path, wide, "emil", week6.logits(wide, 0.8, 1.2, 7), teacher, seed=7, changes={"seed": 7})
    found = find_students(Runs([teacher, plain, other, pupil, hot, odd, again]))
    assert (found.teacher, found.vanilla, found.distilled) == (teacher, plain, pupil)
    assert found.grid == (pupil, hot)
    assert set(found.seeds) == {pupil, again}
    assert [setting(run) for run in found.grid] == [(4.0, 0.7), (8.0, 0.7)]
    assert not found.notes


def test_a_twin_with_other_settings_is_called_confounded(week6, wide, tmp_path) -> None:
    teacher = week6.write(tmp_path, wide, "teacher", week6.logits(wide, 0.9, 1, 1), runner="decoder", model="Big")
    plain = week6.write(tmp_path, wide, "vanilla", week6.logits(wide, 0.7, 1.5, 2), changes={"epochs": 2})
    pupil = week6.distil(tmp_path, wide, "distilled", week6.logits(wide, 0.8, 1.2, 4), teacher)
    found = find_students(Runs([teacher, plain, pupil]))
    assert any("Confounded" in note and "epochs" in note for note in found.notes)


def test_imported_bundles_find_their_roles_by_name_or_by_the_authors_word(week6, wide, course, tmp_path) -> None:
    made = [
        week6.write(tmp_path, wide, name, week6.logits(wide, skill, 1.3, at), runner="import", changes={"model": None})
        for at, (name, skill) in enumerate(
            [("teacher-val-logits", 0.9), ("week6-vanilla", 0.7), ("week6-distilled", 0.8), ("grid-td1-a90", 0.8)]
        )
    ]
    found = find_students(Runs(made))
    assert [one.run_id for one in (found.teacher, *found.pair)] == [run.run_id for run in made[:3]]
    assert len(found.notes) == 3
    assert "by its name" in found.notes[0]
    assert [setting(run) for run in found.grid] == [(1.0, 0.9), None]
    told = find_students(Runs(made), {"vanilla": "grid-td1-a90", "teacher": "nobody"})
    assert told.vanilla is made[3]
    assert not items(build(6, made, course))["w6.s1.e3"].missing


def test_a_distilled_run_without_a_teachers_weight_is_no_distilled_run(week6, wide, tmp_path) -> None:
    plain = week6.write(
        tmp_path,
        wide,
        "plain",
        week6.logits(wide, 0.7, 1.5, 2),
        runner="distill",
        changes={"alpha": 0, "teacher": None},
    )
    assert find_students(Runs([plain])).distilled is None


# ---------------------------------------------------------------------------------------------------- the numbers


def test_figures_agree_with_scikit_learn_and_scipy(stage, evidence, wide) -> None:
    runs = {run.run_id: run.predictions("val") for run in named(stage, "vanilla", "distilled", "teacher")}
    tier = tiers(wide.counts, "rank")
    shown = {(row["metric"].split(" (")[0], row["tier"]): row for row in tables(evidence)["w6-transfer"].rows}
    for name in ("head", "mid", "tail"):
        mask, classes = (tier == name)[wide.labels], np.flatnonzero(tier == name)
        for run in ("vanilla", "distilled"):
            rows = runs[run]
            probabilities = softmax(rows.logits.astype(np.float64), axis=1)
            expected = {
                "Masked F1": f1_score(
                    rows.labels[mask], rows.predictions[mask], labels=classes, average="macro", zero_division=0
                ),
                "Mean F1": f1_score(rows.labels, rows.predictions, labels=classes, average="macro", zero_division=0),
                "Log loss": log_loss(
                    rows.labels[mask], probabilities[mask] / probabilities[mask].sum(1, keepdims=True), labels=range(80)
                ),
                "Divergence from the teacher": np.mean(
                    jensenshannon(
                        softmax(runs["teacher"].logits[mask].astype(np.float64), axis=1), probabilities[mask], axis=1
                    )
                    ** 2
                ),
            }
            for metric, value in expected.items():
                assert shown[metric, name][run].value == pytest.approx(value, abs=1e-9)


def test_a_hand_worked_row() -> None:
    """P = (½, ½) against Q = (1, 0): JS = ¾ ln 4/3 + … ; NLL of the second label is clipped at 1e-12."""
    from reportgen.stats import js_divergence

    expected = 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)) + 0.5 * np.log(1 / 0.75)
    assert js_divergence([[0.5, 0.5]], [[1.0, 0.0]])[0] == pytest.approx(expected, abs=1e-9)
    rows = Outcomes("x", np.array([0, 1]), np.array([0, 0]), np.array([[0.0, 0.0], [1000.0, 0.0]]), None)
    assert rows.nll == pytest.approx([np.log(2), -np.log(1e-12)])
    assert rows.confidence == pytest.approx([0.5, 1.0])
    with np.errstate(under="ignore"):
        assert -log_softmax(rows.logits, axis=1)[0, 0] == pytest.approx(rows.nll[0])


def test_grouped_sums_are_the_bootstrap_of_each_group() -> None:
    rng = np.random.default_rng(5)
    n = 200
    counts = row_counts(n, resamples=50)
    conf, group = rng.random(n), rng.integers(0, 3, n)
    hits = rng.random(n) < conf
    sums = boot_sums(counts, group[None, :], conf[None, :], 3)[0]
    drawn = boot_sums(counts, group[None, :], np.ones((1, n)), 3)[0]
    for at in range(3):
        expected = boot_mean(counts, conf, mask=group == at)
        assert sums[at] / drawn[at] == pytest.approx(expected)
    from reportgen.stats.calibration import bin_index

    gaps = boot_sums(counts, bin_index(conf, 15)[None, :], (conf - hits)[None, :], 15)[0]
    assert np.abs(gaps).sum(axis=0) / n == pytest.approx(boot_ece(counts, conf, hits))


def test_intervals_come_from_the_memos_one_matrix(stage, evidence, wide) -> None:
    vanilla, distilled = (named(stage, name)[0].predictions("val") for name in ("vanilla", "distilled"))
    counts = row_counts(len(wide.labels))
    hits = [rows.predictions == rows.labels for rows in (vanilla, distilled)]
    confs = [softmax(rows.logits.astype(np.float64), axis=1).max(axis=1) for rows in (vanilla, distilled)]
    mask = (tiers(wide.counts, "rank") == "mid")[wide.labels]
    samples = [boot_ece(counts, conf, hit, mask=mask) for conf, hit in zip(confs, hits, strict=True)]
    low, high = np.percentile(samples[1] - samples[0], [2.5, 97.5])
    shown = next(value for value in items(evidence)["w6.s1.e2"].values if value.metric == "mid_ece")
    assert (shown.interval.low, shown.interval.high) == pytest.approx((low, high), abs=1e-9)


# ------------------------------------------------------------------------------------------- gain by a temperature


def test_published_aggregates_give_137_and_55_per_cent() -> None:
    """Course-evidence R35, R36: ECE and NLL of vanilla, vanilla + T and distilled on the evaluation half."""
    assert round(100 * share_of_gain(0.1308, 0.0263, 0.0546)) == 137
    assert share_of_gain(1.5515, 1.4297, 1.3321) == pytest.approx(0.555, abs=5e-4)
    assert share_of_gain(0.2, 0.1, 0.2) is None


def test_the_share_is_fitted_on_one_fold_and_reported_on_the_other(stage, evidence) -> None:
    from reportgen.stats import ece

    rows = {name: outcomes(Runs(stage), named(stage, name)[0]) for name in ("vanilla", "distilled")}
    fit, test = folds(900)
    fitted = fit_temperature(rows["vanilla"].logits[fit], rows["vanilla"].labels[fit])
    scaled = rows["vanilla"].scaled(fitted.t)
    assert np.array_equal(scaled.predictions, rows["vanilla"].predictions)
    before, after, distilled = (
        ece(one.confidence[test], one.correct[test]) for one in (rows["vanilla"], scaled, rows["distilled"])
    )
    item = items(evidence)["w6.s1.e4"]
    assert item.values[0].value == pytest.approx((before - after) / (before - distilled), abs=1e-9)
    assert item.values[0].interval.low <= item.values[0].value <= item.values[0].interval.high
    assert item.values[0].n == len(test)


def test_a_distilled_run_equal_to_vanilla_transfers_nothing(week6, wide, course, tmp_path) -> None:
    teacher = week6.write(tmp_path, wide, "teacher", week6.logits(wide, 0.95, 1, 10), runner="decoder", model="Big")
    scores = week6.logits(wide, 0.7, 1.5, 12)
    vanilla = week6.write(tmp_path, wide, "vanilla", scores)
    distilled = week6.distil(tmp_path, wide, "distilled", scores, teacher)
    hot = week6.distil(tmp_path, wide, "grid-t8-a70", scores, teacher, temperature=8.0)
    evidence = build(6, [teacher, vanilla, distilled, hot], course)
    assert {row["verdict"] for row in tables(evidence)["w6-transfer"].rows} == {"null"}
    assert {row["difference"].value for row in tables(evidence)["w6-transfer"].rows} == {0.0}
    vanilla_rows = [row for row in tables(evidence)["w6-winners"].rows if " + T" not in row["a"]]
    assert {row["winner"] for row in vanilla_rows} == {"not told apart"}
    for name in ("w6.s1.e4", "w6.s1.e5"):
        item = items(evidence)[name]
        assert item.verdict == "undefined"
        assert "includes zero" in item.sentence
        assert not any(value.metric.endswith("gain_by_temperature") for value in item.values)
    assert "0 of 20" in items(evidence)["w6.s1.e7"].sentence
    assert items(evidence)["w6.s3.e3"].values[0].value == 0
    assert "the same" in items(evidence)["w6.s1.e1"].sentence
    assert "higher on" not in items(evidence)["w6.s1.e1"].sentence


def test_distilling_that_harms_is_said_so_and_has_no_share(week6, wide, course, tmp_path) -> None:
    teacher = week6.write(tmp_path, wide, "teacher", week6.logits(wide, 0.95, 1, 10), runner="decoder", model="Big")
    vanilla = week6.write(tmp_path, wide, "vanilla", week6.logits(wide, 0.9, 1.1, 12))
    distilled = week6.distil(tmp_path, wide, "distilled", week6.logits(wide, 0.5, 2.5, 13), teacher)
    found = items(build(6, [teacher, vanilla, distilled], course))
    assert "worse" in found["w6.s1.e4"].sentence
    assert "lower on head" in found["w6.s1.e1"].sentence
    assert "vanilla over distilled" in found["w6.s5.e5"].sentence


# ------------------------------------------------------------------------------------------------ gates, grid, rest


def test_coverage_and_level_by_hand() -> None:
    """Ten rows at .95 of which nine are right, ten at .75 of which five are: .9 covers ten."""
    conf = np.repeat([0.95, 0.75], 10)
    correct = np.r_[np.ones(9, bool), False, np.ones(5, bool), np.zeros(5, bool)]
    points = {point.threshold: point for point in coverage(conf, correct)}
    assert (points[0.9].n_covered, points[0.9].accuracy) == (10, 0.9)
    assert (points[0.7].n_covered, points[0.7].accuracy) == (20, 0.7)
    assert (points[0.7].low, points[0.7].high) == pytest.approx([float(end) for end in wilson(14, 20)])
    rows = SimpleNamespace(name="x", confidence=conf, correct=correct)
    one = gated(rows, SimpleNamespace(run_id="x"), "val")
    assert one.level.met is None
    assert "at no listed threshold (best 0.8: 90.0 %" in level_sentence(one)
    sure = gated(SimpleNamespace(name="x", confidence=conf, correct=conf > 0.9), SimpleNamespace(run_id="x"), "val")
    assert sure.level.met.threshold == 0.8
    assert "reaches below it" in level_sentence(sure)


def test_the_grid_ranks_the_default_and_names_a_ruler(evidence, stage) -> None:
    found = items(evidence)
    rows = tables(evidence)["w6-grid"].rows
    assert len(rows) == 6
    figures = [row["macro_f1"].value for row in rows]
    own = next(row["macro_f1"].value for row in rows if row["run"] == "distilled")
    assert found["w6.s3.e4"].values[0].value == 1 + sum(figure > own for figure in figures)
    errors = [row["ece"].value for row in rows]
    mine = next(row["ece"].value for row in rows if row["run"] == "distilled")
    rank = next(value.value for value in found["w6.s3.e4"].values if value.metric == "default_rank_ece")
    assert rank == 1 + sum(error < mine for error in errors)
    ruler = found["w6.s3.e2"].values[0]
    assert ruler.interval.low <= ruler.value <= ruler.interval.high
    outside = [row for row in tables(evidence)["w6-floor"].rows if row["inside"] == "outside"]
    assert found["w6.s3.e3"].values[0].value == len(outside)


def test_data_and_scale_are_paired_with_their_twins(evidence) -> None:
    found = items(evidence)
    data = found["w6.s2.e2"].values[0]
    assert (data.run, data.baseline) == ("vanilla", "student-half")
    assert {value.baseline for value in found["w6.s2.e3"].values} == {"distilled-small-teacher", "teacher-small"}
    assert "a larger teacher" in found["w6.s2.e3"].sentence


def test_each_week_gives_a_number_from_bundles_or_from_memory(stage, course, evidence) -> None:
    weeks = {row["week"] for row in tables(evidence)["w6-compressions"].rows}
    assert weeks == {1, 2, 5, 6}
    pair = named(stage, "vanilla", "distilled", "teacher")
    said = Value("macro_f1", -0.003, "score", run="encoder-int8", baseline="encoder-fp16")
    memory = Memory({5: Earlier(5, values=(Recalled(said, 5, "w5.s2.e1", "memos/week5.json"),))})
    found = build(6, pair, course, memory=memory)
    assert items(found)["w6.s4.e2"].verification == "declared"
    assert "week5.json" in tables(found)["w6-recalled"].rows[0]["source"]
    assert not items(found)["w6.s5.e8"].missing
    assert items(build(6, pair, course))["w6.s5.e8"].missing


@pytest.mark.parametrize(
    ("said", "name"),
    [("week6-b", "week6-b"), ("B", "week6-b"), ("scenario C", "week6-c"), ("week6-a: triage", "week6-a"), ("", None),
     ("both week6-a and week6-b", None), ("cheap", None), ("A. Batch triage", "week6-a")],
)  # fmt: skip
def test_the_author_chooses_the_scenario(course, said, name) -> None:
    found = chosen_scenario(scenarios(course), {"scenario": said})
    assert (found.name if found else None) == name


def test_the_decision_follows_the_scenario(evidence) -> None:
    found = items(evidence)
    assert found["w6.s5.e1"].values[0].value == "week6-b"
    assert found["w6.s5.e2"].values[0].metric == "choice_week6-b"
    assert found["w6.s5.e2"].values[0].value.endswith(" + T")
    assert "week6-b" in found["w6.s5.e6"].sentence
    assert evidence.choices == {"scenario": "week6-b"}


def test_nobodys_results_are_kept_for_another(stage, course, evidence) -> None:
    forget()
    assert items(build(6, stage, course, declared={"scenario": "week6-b"}))["w6.s1.e1"] == items(evidence)["w6.s1.e1"]
