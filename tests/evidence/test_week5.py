"""Week 5's evidence: frontiers, damage by tier, calibration by precision and the decision, against oracles."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from reportgen.bundle import read_bundle
from reportgen.data import load_course
from reportgen.decide import load_scenario
from reportgen.evidence import build
from reportgen.evidence.configurations import find_groups
from reportgen.evidence.decision import names_in
from reportgen.evidence.memory import Earlier, Memory, Recalled
from reportgen.evidence.model import Value
from reportgen.evidence.runs import Runs
from reportgen.importers import import_files
from reportgen.stats import apply_temperature, ece, fit_temperature, folds, pareto, tiers

REPORTED = Path(__file__).parents[2] / "reportgen/courses/ecbs5200/reported/week5-configurations.csv"
SIX = ["encoder-fp16", "encoder-int8", "encoder-int4", "decoder-fp16", "decoder-int8", "decoder-int4"]
WEEK3 = "I recommend the encoder for routing."


def _weeks():
    path = Path(__file__).parents[1] / "simulated_week5.py"
    spec = importlib.util.spec_from_file_location("simulated_week5", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


def figures(evidence) -> dict:
    return {figure.id: figure for section in evidence.sections for figure in section.figures}


@pytest.fixture(scope="module")
def wide(simulated, course):
    """Seventy labels of the course, among them the three that it names, so that there is a tail by rank."""
    named = list(course.named_classes.values())
    names = [*named, *(name for name in course.labels if name not in named)][:70]
    return simulated.World(k=70, n=1_200, train=20_000, names=names)


@pytest.fixture(scope="module")
def stage(simulated, wide, tmp_path_factory):
    return _weeks().week5(simulated, tmp_path_factory.mktemp("week5"), wide, spread={"int4": 1.2})


@pytest.fixture(scope="module")
def memory():
    title = "Latency and the Deployment Recommendation"
    said = [
        Recalled(
            Value(metric, number, "score", run="encoder-lora", split="val/eval", n=600), 4, item, "memos/week4.json"
        )
        for metric, number, item in (
            ("ece", 0.0621, "w4.s2.e1"),
            ("ece_scaled", 0.0402, "w4.s2.e2"),
            ("temperature", 1.21, "w4.s2.e3"),
        )
    ]
    return Memory(
        {
            3: Earlier(3, {"w3.s4": WEEK3}, {"w3.s4": title}, {}, "memos/week3.md"),
            4: Earlier(4, values=tuple(said), values_source="memos/week4.json"),
        }
    )


@pytest.fixture(scope="module")
def week5(stage, course, memory):
    return build(5, stage, course, memory=memory)


def test_every_item_is_answered_from_a_full_set_of_runs(week5, course) -> None:
    found = items(week5)
    assert list(found) == [item["id"] for section in course.rubric(5)["section"] for item in section["evidence"]]
    assert [name for name, item in found.items() if item.missing or not item.sentence] == []
    exhibits = tables(week5).keys() | figures(week5).keys()
    assert {name for item in found.values() for name in item.exhibits} <= exhibits
    assert all(len(figure.finding) > 30 and any(map(str.isdigit, figure.finding)) for figure in figures(week5).values())


@pytest.mark.parametrize(
    "kept",
    [(), ("encoder-fp16",), ("encoder-int8",), ("encoder-fp16", "decoder-int4"), ("encoder-fp16", "encoder-int4")],
)
def test_every_item_is_answered_or_says_what_to_run(stage, course, kept) -> None:
    found = items(build(5, [run for run in stage if run.run_id in kept], course))
    for item in found.values():
        assert item.missing or item.sentence
        assert not (item.missing and item.values)
        if item.missing:
            assert item.missing.startswith("reportgen ")
    assert bool(found["w5.s2.e1"].missing) == (kept != ("encoder-fp16", "encoder-int4"))


def test_the_table_holds_all_configurations_and_what_is_lacking_is_said(week5, stage, course) -> None:
    table = tables(week5)["w5-configurations"]
    assert [row["run"] for row in table.rows][:6] == SIX
    assert len(table.rows) == 8
    assert {str(row["device"]) for row in table.rows} == {"Tesla T4", "Test CPU"}
    four = items(build(5, [run for run in stage if run.run_id not in ("decoder-int8", "decoder-fp16")], course))
    assert any("decoder in 16 bits" in text and "decoder int8" in text for text in four["w5.s1.e1"].caveats)


def test_groups_go_by_parent_and_precision_never_by_name(simulated, wide, tmp_path) -> None:
    module = _weeks()
    source = simulated.write_run(tmp_path / "s", wide, "trained", "encoder")
    logits = source.predictions("val").logits.astype(np.float64)
    made = [
        module.quantised(
            tmp_path, wide, source, logits, "encoder", precision, backend="torch", hardware=module.GPU, timed=None,
            run_id=name,
        )
        for precision, name in (("int4", "apple"), ("fp16", "pear"), ("int8", "decoder-fp16"))
    ]  # fmt: skip
    (group,) = find_groups(Runs([*made, source]))
    assert [one.name for one in group.members] == ["pear", "decoder-fp16", "apple"]
    assert group.reference.run_id == "pear"
    (alone,) = find_groups(Runs([made[0], source]))
    assert alone.reference.run_id == "trained"


def test_frontiers_are_those_of_the_measured_points(week5, stage) -> None:
    rows = {row["run"]: row for row in tables(week5)["w5-configurations"].rows}
    gpu = np.array([[float(rows[name]["macro_f1"].value), float(rows[name]["offline"].value)] for name in SIX])
    by = pareto(gpu, ("max", "min"))
    shown = {row["run"]: row for row in tables(week5)["w5-frontier"].rows}
    for at, name in enumerate(SIX):
        said = str(shown[name]["offline"])
        assert said.startswith("frontier") == (by[at] < 0)
        # Nothing measured on a CPU dominates what was measured on a GPU, and the reverse.
        assert "onnx" not in said
        assert "onnx" not in str(shown[name]["peak"])
    panels = figures(week5)["w5-frontiers"].data["panels"]
    assert all(len({point["name"] for point in panel["points"]} & {"encoder-onnx-int8"}) == 0 for panel in panels[:3])


def test_records_of_other_conditions_never_share_a_plane(simulated, wide, tmp_path, course) -> None:
    module = _weeks()
    source = simulated.write_run(tmp_path / "s", wide, "trained", "encoder")
    logits = source.predictions("val").logits.astype(np.float64)
    made = [
        module.quantised(
            tmp_path, wide, source, logits, "encoder", precision, backend="torch", hardware=module.GPU,
            timed=module.costs(2.0, 20.0, 0.4, 0.3, device="cuda", dtype=precision, batch=batch),
            run_id=f"e-{precision}",
        )
        for precision, batch in (("fp16", 32), ("int8", 8))
    ]  # fmt: skip
    found = build(5, made, course)
    assert "offline" not in tables(found)["w5-frontier"].rows[0]
    assert "offline" not in tables(found)["w5-relative"].rows[0]
    assert any("offline latency" in text for text in items(found)["w5.s1.e2"].caveats)
    assert "≈ 1.00×" in str(tables(found)["w5-relative"].rows[0]["single-stream"])


def test_tier_changes_and_flips_are_counted_row_by_row(week5, stage, wide) -> None:
    runs = {run.run_id: run.predictions("val") for run in stage}
    tier = tiers(wide.counts, "rank")[wide.labels]
    rows = tables(week5)["w5-tiers"].rows
    assert len([row for row in rows if "onnx" not in str(row["run"])]) == 12
    for row in rows:
        run, reference = str(row["run"]).split(" − ")
        inside = tier == row["tier"]
        was = (runs[reference].predictions == wide.labels)[inside]
        now = (runs[run].predictions == wide.labels)[inside]
        assert row["n"] == inside.sum()
        assert row["gained"].value == (~was & now).sum()
        assert row["lost"].value == (was & ~now).sum()
        delta = row["delta"]
        assert delta.value == pytest.approx(now.mean() - was.mean(), abs=1e-12)
        assert delta.interval.low <= delta.value <= delta.interval.high
        flips = row["gained"].value + row["lost"].value
        excludes = delta.interval.low > 0 or delta.interval.high < 0
        assert row["verdict"] == ("null" if not excludes else "real" if flips >= 20 else "directional")


def test_a_run_equal_to_its_source_has_no_flip_and_no_verdict(simulated, wide, tmp_path, course) -> None:
    still = _weeks().week5(simulated, tmp_path, wide, spread={"int8": 0.0, "int4": 0.0})
    found = build(5, still, course)
    for row in tables(found)["w5-tiers"].rows:
        delta = row["delta"]
        assert (delta.value, delta.interval.low, delta.interval.high) == (0, 0, 0)
        assert (row["gained"].value, row["lost"].value, row["other"], row["verdict"]) == (0, 0, 0, "null")
    assert items(found)["w5.s2.e4"].sentence.startswith("0 real, 0 directional, 15 null")
    assert "No prediction flipped" in items(found)["w5.s2.e2"].sentence


def test_named_classes_are_counts(week5, stage, wide, course) -> None:
    table = tables(week5)["w5-classes-1"]
    assert [row["class"] for row in table.rows] == list(course.named_classes.values())
    run = next(run for run in stage if run.run_id == "encoder-int4").predictions("val")
    for row in table.rows:
        label = wide.names.index(row["class"])
        own = run.labels == label
        assert row["hits-encoder-int4"] == f"{(run.predictions[own] == label).sum()}/{own.sum()}"
        truth = softmax(run.logits[own].astype(float), axis=1)[:, label].mean()
        assert row["p-encoder-int4"] == pytest.approx(truth)
    assert "%" not in items(week5)["w5.s2.e3"].sentence


def test_the_author_may_name_classes_and_the_gate(stage, course, wide) -> None:
    picked = f"{wide.names[5]}; {wide.names[9]}"
    found = build(5, stage, course, declared={"classes": picked, "gate": "0.5"})
    assert [row["class"] for row in tables(found)["w5-classes-1"].rows] == picked.split("; ")
    assert "At confidence 0.5" in items(found)["w5.s3.e5"].sentence
    assert found.choices == {"classes": picked, "gate": "0.5"}
    wrong = items(build(5, stage, course, declared={"classes": "No such class", "gate": "seven"}))
    assert any("No such class" in text for text in wrong["w5.s2.e3"].caveats)
    assert any("'seven'" in text for text in wrong["w5.s3.e5"].caveats)


def test_temperatures_are_fitted_on_one_fold_and_change_no_prediction(week5, stage) -> None:
    table = {row["run"]: row for row in tables(week5)["w5-calibration"].rows}
    for run in stage:
        rows = run.predictions("val")
        logits = rows.logits.astype(float)
        fit, held = folds(len(rows))
        t = fit_temperature(logits[fit], rows.labels[fit].astype(int)).t
        scaled = apply_temperature(logits[held], t)
        assert (scaled.argmax(axis=1) == logits[held].argmax(axis=1)).all()
        hit = rows.predictions[held] == rows.labels[held]
        row = table[run.run_id]
        assert row["t"] == f"{t:.4f}"
        for key, z in (("pre", logits[held]), ("post", scaled)):
            assert row[key].value == pytest.approx(ece(softmax(z, axis=1).max(axis=1), hit))
            assert row[key].split == "val/eval"
    assert items(week5)["w5.s3.e3"].sentence.endswith("0 predictions changed by scaling.")


def test_week_4_stands_beside_it_from_memory(week5) -> None:
    (row,) = tables(week5)["w5-week4"].rows
    assert (row["run"], row["ece"], row["ece_scaled"], row["now"]) == ("encoder-lora", "0.062", "0.040", "encoder-fp16")
    assert items(week5)["w5.s3.e4"].verification == "declared"


def test_the_decision_is_the_engines_on_the_same_figures(week5, stage) -> None:
    rows = {row["run"]: row for row in tables(week5)["w5-limits"].rows}
    scenario = load_scenario("week5-envelope")
    configurations = {row["run"]: row for row in tables(week5)["w5-configurations"].rows}
    calibration = {row["run"]: row for row in tables(week5)["w5-calibration"].rows}
    for name, row in rows.items():
        latency = float(configurations[name]["offline"].value)
        f1, error = float(configurations[name]["macro_f1"].value), float(calibration[name]["post"].value)
        keeps = latency <= 10 and f1 >= 0.2 and error <= 0.05
        assert row["passes"] == ("passes" if keeps else "fails"), name
    assert len(scenario.constraints) == 3
    fields = {row["field"]: row["said"] for row in tables(week5)["w5-artefact"].rows}
    choice = fields["Model, by the rule"]
    if choice != "nobody passes":
        assert rows[choice]["passes"] == "passes"
        assert fields["Temperature T"] == f"{float(calibration[choice]['t']):.3f}"


def test_the_authors_recommendation_stands_beside_the_rules(stage, course) -> None:
    def said(recommendation: str) -> str:
        return items(build(5, stage, course, declared={"recommendation": recommendation}))["w5.s4.e3"].sentence

    assert "recommends decoder-int8" in said("Ship the decoder int8.")
    assert "misses a limit" in said("Ship the decoder int8.")
    assert "names none of the configurations" in said("Whatever works.")
    assert names_in("Decoder, int4!", ["decoder-int4", "encoder-int4"]) == ["decoder-int4"]


def test_the_front_matter_chooses_the_scenario(stage, course) -> None:
    found = build(5, stage, course, declared={"scenario": "The realtime-router of the slides"})
    assert "realtime-router" in tables(found)["w5-limits"].caption
    unknown = build(5, stage, course, declared={"scenario": "a ship at sea"})
    assert any("a ship at sea" in text for text in items(unknown)["w5.s4.e1"].caveats)
    assert "week5-envelope" in tables(unknown)["w5-limits"].caption


def test_nobody_passing_names_the_nearest_relaxation(simulated, wide, tmp_path, course) -> None:
    runs = _weeks().week5(simulated, tmp_path, wide)
    found = build(5, [run for run in runs if "onnx" in run.run_id], course)
    sentence = items(found)["w5.s4.e5"].sentence
    assert sentence.startswith("Nearest: encoder-onnx-")
    assert "instead of 10 ms" in sentence


def test_no_sentence_claims_speed_or_savings_that_were_not_measured(stage, course, tmp_path, simulated, wide) -> None:
    sentences = " ".join(item.sentence for item in items(build(5, stage, course)).values()).casefold()
    assert not any(word in sentences for word in ("faster", "saves", "speeds up", "cheaper"))
    module, source = _weeks(), simulated.write_run(tmp_path / "s", wide, "trained", "encoder")
    logits = source.predictions("val").logits.astype(np.float64)
    bare = [
        module.quantised(
            tmp_path, wide, source, logits, "encoder", precision, backend="torch", hardware=module.GPU, timed=None,
            run_id=f"e-{precision}",
        )
        for precision in ("fp16", "int8")
    ]  # fmt: skip
    found = items(build(5, bare, course))
    assert found["w5.s1.e2"].missing
    assert "time" not in found["w5.s1.e1"].sentence
    assert "memory" not in found["w5.s1.e1"].sentence


def test_the_courses_published_table_renders_apart_with_its_dominated(course, tmp_path, stage) -> None:
    published = [read_bundle(path) for path in import_files([REPORTED], tmp_path, kind="reported", course=course)]
    others = [run for run in stage if run.run_id not in {one.run_id for one in published}]
    for runs in (published, [*others, *published]):
        evidence = build(5, runs, course)
        found = tables(evidence)
        table = found["w5-reported-limits"]
        assert table.reported
        assert found["w5-reported"].reported
        rows = {str(row["run"]): row for row in table.rows}
        assert {name for name, row in rows.items() if row["dominated"]} == {"Encoder int8", "Decoder int4"}
        passing = {name for name, row in rows.items() if row["passes"] == "passes"}
        assert passing == {"Encoder fp16", "Encoder int8", "Encoder int4"}
        assert rows["Encoder fp16"]["binding"] == "macro F1"
        assert "+4.8 %" in str(rows["Encoder fp16"]["macro_f1"])
        # Published figures are in no table of measured ones.
        assert not {one.run_id for one in published} & {row["run"] for row in _measured(found)}
    assert others


def _measured(found) -> list:
    return [row for table in found.values() if not table.reported for row in table.rows if "run" in row]


def test_logits_of_the_notebook_are_enough_for_everything_but_time(course, wide, stage, tmp_path) -> None:
    arrays = {
        f"{run.run_id.replace('-', '_')}_logits": run.predictions("val").logits.astype(np.float32)
        for run in stage
        if "onnx" not in run.run_id
    }
    path = tmp_path / "week5_lab_predictions.npz"
    names = np.array(wide.names)
    np.savez(path, val_labels=wide.labels, val_tiers=tiers(wide.counts, "rank")[wide.labels], names=names, **arrays)
    generic = load_course("generic")
    bundles = [read_bundle(made) for made in import_files([path], tmp_path / "out", kind="predictions", course=generic)]
    evidence = build(5, bundles, course)
    found = items(evidence)
    assert len(bundles) == 6
    assert not found["w5.s1.e1"].missing
    assert not found["w5.s3.e1"].missing
    assert found["w5.s1.e2"].missing
    assert all(str(row["latency_ms"]).startswith("unknown: no record of") for row in tables(evidence)["w5-limits"].rows)


def test_times_taken_on_a_busy_machine_say_so_where_they_are_compared() -> None:
    from models.demo import RUNS, bundle

    runs = [read_bundle(bundle(name)) for name in RUNS[5]]
    disturbed = {
        run.run_id
        for run in runs
        for record in run.latency.records
        if record.scenario == "offline" and record.includes_tokenisation and abs(record.interference) > 0.1
    }
    item = next(i for s in build(5, runs, load_course("banking77lt")).sections for i in s.items if i.id == "w5.s1.e1")
    (note,) = (note for note in item.caveats if "not quiet" in note)
    quantised = {name for name in disturbed if name not in ("encoder-lora", "decoder-lora")}
    assert quantised
    assert all(name in note for name in quantised)
