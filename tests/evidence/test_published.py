"""Memos from a notebook's result files alone: what they state is said, declared, and nothing more is made of it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import read_bundle, write_bundle
from reportgen.errors import ReportgenError
from reportgen.evidence import build, published
from reportgen.evidence.model import Value
from reportgen.evidence.runs import Runs
from reportgen.importers import import_files
from reportgen.memo import render
from reportgen.memo.build import build_memo
from reportgen.memo.check import check_memo
from reportgen.stats import tiers

LISTS = Path(__file__).parents[2] / "reportgen/courses/ecbs5200/reported"
RARE = 29
"""Classes of the quartile tier among 113."""
COUNTS = [*range(4, 4 + RARE), *range(100, 100 + 113 - RARE)]


def shaped(rare: float, common: float, zero: int) -> list[float]:
    """Per-class F1 with these tier means (R14, R15) and so many classes at zero."""
    up = np.zeros(113)
    above = 113 - zero
    of_rare = 2 if rare else 0
    up[RARE - of_rare : RARE] = RARE * rare / of_rare if of_rare else 0
    of_common = above - of_rare
    up[113 - of_common :] = (113 - RARE) * common / of_common
    assert int((up == 0).sum()) == zero
    return up.tolist()


ENCODER, DECODER = shaped(0.0, 0.284, 47), shaped(0.020, 0.316, 37)
SCORES = {
    "encoder_lora": {"accuracy": 0.567, "macro_f1": float(np.mean(ENCODER)), "zero_f1_classes": 47},
    "decoder_lora": {"accuracy": 0.570, "macro_f1": float(np.mean(DECODER)), "zero_f1_classes": 37},
}
WEEK4 = {
    "temperature_scaling": {
        "encoder": {"T": 1.2, "ece_pre": 0.062, "ece_post": 0.040, "macro_f1_pre": 0.21, "macro_f1_post": 0.21},
        "decoder": {"T": 1.35, "ece_pre": 0.101, "ece_post": 0.069, "macro_f1_pre": 0.24, "macro_f1_post": 0.24},
    },
    "slice_table": [
        {"axis": "redaction", "slice": "clean", "n": 2347, "encoder_f1": 0.200, "decoder_f1": 0.209, "diff": 0.009},
        {"axis": "redaction", "slice": "redacted", "n": 4083, "encoder_f1": 0.200, "decoder_f1": 0.241, "diff": 0.041},
        {"axis": "opener_I", "slice": "starts_I", "n": 3000, "encoder_f1": 0.20, "decoder_f1": 0.202, "diff": 0.002},
    ],
    "tags": {"encoder_right": ["negation"], "decoder_right": ["length"]},
    "bootstrap": {"diff_ci": [0.010, 0.048], "pct_positive": 99.0},
}
WEEK4_LAB = {
    "ece": {"encoder": 0.062, "decoder": 0.101},
    "tail_breakdown": {"encoder": {"head": 90, "mid": 90, "tail": 20}, "decoder": {"head": 45, "mid": 45, "tail": 10}},
    "val_histogram": {"1": 17, "2": 7, "3-4": 11, "5-10": 17, "11-50": 38, "51-2000": 23},
}


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory) -> Path:
    """The files of course-evidence §6.4 with the figures of §5.1, and a week's bundles in a folder each."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "week2_lab_results.csv").write_text(
        "Model,Accuracy,Macro F1,Zero-F1 Classes,Acc-F1 Gap\nAlpha,0.502,0.216,39,0.286\nDelta,0.554,0.199,49,0.355\n"
    )
    (folder / "week2_hw_results.csv").write_text(
        "exp1_class_weights,0.502,0.216,39,1920\nexp2_batch16,0.505,0.221,38,2400\nexp3_seed123,0.500,0.213,40,1921\n"
    )
    times = {
        "encoder_lora": {"single_ms": 21.4, "batch_ms": 2.31, "throughput_per_sec": 432.9, "time_64k_min": 2.46},
        "decoder_lora": {"single_ms": 53.2, "batch_ms": 8.33, "throughput_per_sec": 120.0, "time_64k_min": 8.9},
    }
    per_class = {"encoder_lora": ENCODER, "decoder_lora": DECODER}
    counts = {str(label): count for label, count in enumerate(COUNTS)}
    lab = {name: {**SCORES[name], "per_class_f1": per_class[name], "latency": times[name]} for name in SCORES}
    (folder / "week3_lab_results.json").write_text(json.dumps({**lab, "label_counts": counts}))
    homework = {
        "decoder_vanilla": {**SCORES["encoder_lora"], "per_class_f1": ENCODER},
        "decoder_class_weighted": {**SCORES["decoder_lora"], "per_class_f1": DECODER},
        "class_weighting_delta": 0.029,
        "label_counts": counts,
    }
    (folder / "week3_homework_results.json").write_text(json.dumps(homework))
    (folder / "week4_homework_results.json").write_text(json.dumps(WEEK4))
    (folder / "week4_lab_results.json").write_text(json.dumps(WEEK4_LAB))
    return folder


@pytest.fixture(scope="module")
def imported(notebooks, course) -> dict[int, list[Path]]:
    """Bundles of each week's files."""
    return {
        week: import_files(sorted(notebooks.glob(f"week{week}_*")), notebooks / f"runs{week}", course=course)
        for week in (2, 3, 4)
    }


@pytest.fixture(scope="module")
def memos(imported, course):
    """A week's evidence from its own files, and week 3's and 4's from those of earlier weeks too."""
    read = {week: [read_bundle(path) for path in paths] for week, paths in imported.items()}
    alone = {week: build(week, bundles, course) for week, bundles in read.items()}
    return {**alone, "3 after 2": build(3, read[2] + read[3], course), "4 after 3": build(4, read[3] + read[4], course)}


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


def values(item) -> dict:
    return {(v.metric, v.run, v.baseline): v.value for v in item.values}


def test_every_item_is_declared_or_says_what_to_run(memos) -> None:
    answered = {week: [name for name, item in items(memo).items() if not item.missing] for week, memo in memos.items()}
    assert answered == {
        2: ["w2.s1.e3", "w2.s2.e1", "w2.s2.e2", "w2.s3.e1", "w2.s3.e2", "w2.s3.e3", "w2.s5.e3"],
        3: ["w3.s1.e1", "w3.s2.e1", *(f"w3.s3.e{n}" for n in range(1, 5)), *(f"w3.s4.e{n}" for n in range(1, 4)),
            "w3.s5.e1", "w3.s5.e2"],
        4: [*(f"w4.s1.e{n}" for n in range(1, 7)), *(f"w4.s2.e{n}" for n in range(1, 6)), "w4.s3.e1",
            *(f"w4.s4.e{n}" for n in range(1, 5)), "w4.s5.e2"],
        "3 after 2": [*answered[3][:1], "w3.s1.e3", "w3.s2.e1", "w3.s2.e2", *answered[3][2:]],
        "4 after 3": answered[4],
    }  # fmt: skip
    for memo in memos.values():
        for item in items(memo).values():
            assert item.missing is not None or item.verification == "declared"
            assert item.missing is None or (item.sentence and item.values == ())
            assert item.missing is None or re.match(r"reportgen (run week\d|bundle import|new) ", item.missing)


def test_nothing_has_a_verdict_or_an_interval(memos) -> None:
    for memo in memos.values():
        cells = [cell for table in tables(memo).values() for row in table.rows for cell in row.values()]
        figures = [*(v for item in items(memo).values() for v in item.values), *cells]
        figures += [one.value for one in memo.highlights]
        assert not [v for v in figures if isinstance(v, Value) and v.interval is not None]
        assert not [item.id for item in items(memo).values() if item.verdict]
        assert all(one.note == published.AS_STATED for one in memo.highlights)
        assert memo.highlights
        assert "No predictions are at hand" in memo.notices[0]


def test_an_answer_names_its_file(memos) -> None:
    item = items(memos[2])["w2.s2.e1"]
    assert item.caveats[0].startswith("As stated in week2_lab_results.csv, not recomputed. No interval: these are")
    assert "checkpoints of the course" in item.caveats[1]
    free = {"w3.s4.e3", "w3.s5.e1", "w4.s5.e2"}
    for memo in memos.values():
        quoted = [item for item in items(memo).values() if not item.missing and item.id not in free]
        assert all(item.caveats[0].startswith("As stated in week") for item in quoted)


def test_week_2_in_figures(memos) -> None:
    """R16, and the arithmetic of I8 and §5.2."""
    found = items(memos[2])
    stated = values(found["w2.s1.e3"])
    assert stated["macro_f1", "week2-exp1-class-weights-reported", None] == 0.216
    assert stated["zero_f1", "week2-exp1-class-weights-reported", None] == 39
    assert len(stated) == 15
    alpha, delta = "week2-alpha-reported", "week2-delta-reported"
    assert values(found["w2.s2.e1"])["macro_f1", alpha, delta] == pytest.approx(0.017)
    assert values(found["w2.s2.e1"])["accuracy", alpha, delta] == pytest.approx(-0.052)
    assert "(+8.5 %)" in found["w2.s2.e1"].sentence
    assert values(found["w2.s2.e2"])["net_rescued", alpha, None] == 10
    assert "takes predictions" in found["w2.s2.e2"].sentence
    assert values(found["w2.s3.e1"])[
        "macro_f1", "week2-exp2-batch16-reported", "week2-exp1-class-weights-reported"
    ] == pytest.approx(0.005)
    assert found["w2.s3.e3"].values[0].value == pytest.approx(5 / 3)
    assert found["w2.s5.e3"].values[0].value == pytest.approx(0.003)


@pytest.mark.parametrize(("before", "after", "net"), [(70, 46, 24), (70, 37, 33), (46, 37, 9)])
def test_net_and_per_cent_by_hand(tmp_path, course, before: int, after: int, net: int) -> None:
    """§5.2: 70 → 46 is a net of 24; .240 over .209 is +14.8 %."""
    path = tmp_path / "week2_lab_results.csv"
    path.write_text(
        f"Model,Accuracy,Macro F1,Zero-F1 Classes\nunweighted,0.566,0.209,{before}\nweighted,0.57,0.24,{after}\n"
    )
    found = items(build(2, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course))
    assert found["w2.s2.e2"].values[-1].value == net
    assert f"net +{net}" in found["w2.s2.e2"].sentence
    assert "(+14.8 %)" in found["w2.s2.e1"].sentence


def test_week_3_side_by_side(memos) -> None:
    """R14 and R15."""
    found = values(items(memos[3])["w3.s1.e1"])
    encoder, decoder = "week3-encoder-lora-reported", "week3-decoder-lora-reported"
    assert round(found["macro_f1", encoder, None], 3) == 0.211
    assert round(found["macro_f1", decoder, None], 3) == 0.240
    assert (found["zero_f1", encoder, None], found["zero_f1", decoder, None]) == (47, 37)
    assert found["macro_f1", decoder, encoder] == pytest.approx(0.0289, abs=1e-4)


def test_tiers_follow_from_the_f1_of_each_class(memos) -> None:
    found, shown = items(memos[3]), tables(memos[3])
    means = {(row["tier"], row["run"]): round(row["f1"].value, 3) for row in shown["w3-tiers-stated"].rows}
    encoder, decoder = "week3-encoder-lora-reported", "week3-decoder-lora-reported"
    assert means == {
        ("rare", encoder): 0.0, ("rare", decoder): 0.020, ("common", encoder): 0.284, ("common", decoder): 0.316,
    }  # fmt: skip
    assert [row["classes"] for row in shown["w3-tiers-stated"].rows] == [29, 29, 84, 84]
    assert {(v.metric, v.run): v.value for v in found["w3.s3.e2"].values} == {
        ("rare_zero_f1", encoder): 29, ("rare_zero_f1", decoder): 27,
        ("common_zero_f1", encoder): 18, ("common_zero_f1", decoder): 10,
    }  # fmt: skip
    assert found["w3.s3.e4"].sentence.startswith(f"{encoder} has F1 = 0 in every rare class (29).")
    first, second = np.array(ENCODER), np.array(DECODER)
    wins, losses = int((second > first).sum()), int((first > second).sum())
    assert f"higher F1 in {wins} of 113 classes, {encoder} in {losses}" in found["w3.s3.e3"].sentence
    assert "10 at zero under" in found["w3.s3.e3"].sentence
    rows = shown["w3-classes-stated"].rows
    assert len(rows) == 113
    assert sum(row["what"].startswith("gained") for row in rows) == 10
    figure = next(one for section in memos[3].sections for one in section.figures)
    assert {point["n"] for point in figure.data["points"]} == {None}


def test_gained_and_lost_by_weighting(memos) -> None:
    item = items(memos[3])["w3.s2.e1"]
    found = {v.metric: v.value for v in item.values if v.run == "week3-decoder-class-weighted-reported"}
    assert (found["rescued"], found["lost"], found["class_weighting_delta"]) == (10, 0, 0.029)
    assert "class_weighting_delta of +0.029" in item.sentence
    assert len(tables(memos[3])["w3-weighting-stated"].rows) == 10


def test_both_effects_of_weighting_stand_side_by_side(memos) -> None:
    item = items(memos["3 after 2"])["w3.s2.e2"]
    assert [round(v.value, 4) for v in item.values] == [0.0289, 0.017]
    assert "(+8.5 %) on the encoder" in item.sentence
    assert tables(memos["3 after 2"])["w3-transfer-stated"].rows[0]["percent"] == "+8.5 %"
    alone = items(memos[3])["w3.s2.e2"]
    assert alone.missing == (
        "reportgen bundle import week2_lab_results.csv week2_hw_results.csv --course ecbs5200 --out RUNS"
    )


@pytest.mark.parametrize(
    ("ms", "minutes"), [(3, 3.2), (8.33, 8.9), (10, 10.7), (27, 28.8), (2.31, 2.46), (5.05, 5.39), (12.65, 13.5)]
)
def test_times_by_hand(tmp_path, course, ms: float, minutes: float) -> None:
    """§5.2: 64,000 examples at so many milliseconds; 10 ms are 100 a second."""
    both = {name: {**SCORES[name], "latency": {"single_ms": 58, "batch_ms": ms}} for name in SCORES}
    path = tmp_path / "week3_lab_results.json"
    path.write_text(json.dumps(both))
    memo = build(3, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course)
    found = {v.metric: v.value for v in items(memo)["w3.s4.e2"].values}
    assert found["time_for_64000_offline"] / 60 == pytest.approx(minutes, abs=0.05 if minutes > 8 else 0.02)
    assert found["time_for_64000_single_stream"] / 60 == pytest.approx(61.9, abs=0.05)
    assert found["examples_per_second_offline"] == pytest.approx(1000 / ms)


def test_stated_times_and_their_ratio(memos) -> None:
    found, table = items(memos[3]), tables(memos[3])["w3-latency-stated"]
    assert [v.value for v in found["w3.s4.e1"].values] == [21.4, 2.31, 53.2, 8.33]
    ratios = {v.metric: v.value for v in found["w3.s4.e2"].values if v.unit == "ratio"}
    assert ratios == pytest.approx({"latency_ratio_single_stream": 53.2 / 21.4, "latency_ratio_offline": 8.33 / 2.31})
    assert [row["stated"] for row in table.rows] == [None, "432.9", None, "120"]
    assert [row["minutes"] for row in table.rows] == [None, "2.46 min", None, "8.9 min"]


def test_a_whole_batchs_time_is_not_an_examples(tmp_path, course) -> None:
    """R13: 266.5 ms a batch of 32 are 120 examples a second."""
    latency = {"single_ms": 53.2, "batch_ms": 266.5, "throughput_per_sec": 120.0, "time_64k_min": 8.9}
    path = tmp_path / "week3_lab_results.json"
    path.write_text(json.dumps({name: {**SCORES[name], "latency": latency} for name in SCORES}))
    memo = build(3, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course)
    assert items(memo)["w3.s4.e1"].values[1].value == pytest.approx(8.33, abs=0.005)
    assert "266.5 ms stated are a whole batch's" in tables(memo)["w3-latency-stated"].notes[0]


def test_week_4_in_figures(memos) -> None:
    """R31, R32, and the notebook's interval of W4H."""
    found = items(memos[4])
    assert [v.value for v in found["w4.s2.e1"].values] == [0.062, 0.101]
    assert [v.value for v in found["w4.s2.e2"].values] == [0.040, 0.069]
    assert [v.value for v in found["w4.s2.e3"].values] == [1.2, 1.35]
    assert [round(v.value, 3) for v in found["w4.s2.e5"].values] == [0.039, 0.029]
    assert "calibration error after scaling is stated 0.029 higher" in found["w4.s2.e5"].sentence.casefold()
    assert found["w4.s1.e5"].sentence == "redaction: +0.041 on redacted, n = 4,083."
    assert found["w4.s1.e6"].sentence == "opener_I: +0.002 on starts_I, n = 3,000."
    assert found["w4.s3.e1"].values[0].value == pytest.approx(0.45)
    assert "[+0.010, +0.048]" in found["w4.s4.e1"].sentence
    assert found["w4.s4.e2"].values[0].value == pytest.approx(0.99)
    assert found["w4.s4.e3"].values[0].value == 35
    assert "lies 0.010 from zero" in found["w4.s4.e4"].sentence
    assert "week4_lab_predictions.npz" in found["w4.s3.e2"].missing
    assert items(memos["4 after 3"])["w4.s4.e1"].values[0].value == pytest.approx(0.0289, abs=1e-4)


def test_tags_are_no_model(imported) -> None:
    assert {path.name for path in imported[4]} == {"week4-encoder-reported", "week4-decoder-reported"}


@pytest.mark.parametrize("week", [2, 3, 4])
def test_the_memo_passes_its_check(imported, tmp_path, week: int) -> None:
    page, *_ = build_memo(week, imported[week], tmp_path / "memo.html", twins=True)
    report = check_memo(page, bundles=imported[week])
    assert report.ok
    assert not [finding for finding in report.findings if finding.severity == "red"]
    assert not report.recomputed
    assert not report.bound
    assert report.declared


def test_measured_runs_win(imported, simulated, world, course, tmp_path) -> None:
    """The measured answer is the one without the files; what they state keeps its table."""
    runs = [simulated.write_run(tmp_path, world, name, name, draw=d) for d, name in enumerate(("encoder", "decoder"))]
    stated = [read_bundle(path) for path in imported[4]]
    alone, beside = items(build(4, runs, course)), items(build(4, [*runs, *stated], course))
    assert {name: beside[name] for name, item in alone.items() if not item.missing} == {
        name: item for name, item in alone.items() if not item.missing
    }
    assert "w4-reported" in tables(build(4, [*runs, *stated], course))


def test_a_stated_decoder_beside_a_measured_encoder(imported, simulated, world, course, tmp_path) -> None:
    weights = {"class_weights": "sqrt"}
    runs = [
        simulated.write_run(tmp_path, world, "encoder", "encoder"),
        simulated.write_run(tmp_path, world, "encoder-weighted", "encoder", draw=2, settings=weights),
    ]
    item = items(build(3, [*runs, *(read_bundle(path) for path in imported[3])], course))["w3.s2.e2"]
    assert [v.run for v in item.values] == ["week3-decoder-class-weighted-reported", "encoder-weighted"]
    assert item.verification == "declared"
    assert item.verdict is None
    alone = items(build(3, [runs[0], *(read_bundle(path) for path in imported[3])], course))["w3.s2.e2"]
    assert alone.missing.startswith("reportgen bundle import week2_lab_results.csv")


def test_training_counts_of_a_result_file_serve_measured_runs(imported, course, tmp_path) -> None:
    """The archive of predictions counts no training rows; week 3's file does, and tiers follow."""
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(113), rng.integers(0, 113, 500)])
    runs = [
        read_bundle(
            write_bundle(
                tmp_path / family,
                labels,
                (3 * np.eye(113)[labels] + rng.normal(size=(len(labels), 113))).astype(np.float32),
                names=course.labels,
                run_id=family,
                family=family,
            )
        )
        for family in ("encoder", "decoder")
    ]
    assert items(build(4, runs, course))["w4.s3.e1"].missing
    item = items(build(4, [*runs, *(read_bundle(path) for path in imported[3])], course))["w4.s3.e1"]
    assert {v.run for v in item.values} == {"encoder", "decoder"}
    rare = tiers(np.array(COUNTS), "rank")[labels] == "tail"
    assert item.values[0].n == int((runs[0].predictions("val").predictions != labels)[rare].sum())


def test_captions_say_whose_figures_they_are(imported, course, tmp_path) -> None:
    mine = [read_bundle(path) for path in imported[3]]
    theirs = [
        read_bundle(path)
        for path in import_files([LISTS / "full-picture.csv"], tmp_path, kind="reported", course=course)
    ]
    table = published.reported_table(Runs(mine).reported, "t")
    assert table.caption.startswith("Stated in the author's files, not recomputable")
    assert {row["source"] for row in table.rows} == {"week3_lab_results.json", "week3_homework_results.json"}
    assert any(note.startswith("Not stated on how many rows") for note in table.notes)
    assert any("files' sha256: week3_homework_results.json " in note for note in table.notes)
    other = published.reported_table(Runs(theirs).reported, "t")
    assert "published by others" in other.caption
    assert {row["n"] for row in other.rows} >= {6430}
    both = published.reported_table(Runs([*mine, *theirs]).reported, "t")
    assert "in the author's files or published by others" in both.caption
    assert published.reported_table([], "t") is None
    memo = build(2, theirs, course)
    assert all(item.missing for item in items(memo).values())
    assert {row["run"] for row in tables(memo)["w2-reported"].rows} == {run.run_id for run in theirs}


def test_an_own_table_is_the_authors(course, tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("model,accuracy,macro_f1,n\nmine,0.5,0.2,6430\n")
    (run,) = [read_bundle(one) for one in import_files([path], tmp_path / "r", kind="reported", course=course)]
    assert published.is_own(run)
    path = tmp_path / "talk.csv"
    path.write_text("model,accuracy,source\nopus,0.44,a talk\n")
    (run,) = [read_bundle(one) for one in import_files([path], tmp_path / "r", kind="reported", course=course)]
    assert not published.is_own(run)


def test_files_that_say_little(tmp_path, course) -> None:
    """One model, no classes, no times: the rest says what to import."""
    path = tmp_path / "week3_lab_results.json"
    path.write_text(json.dumps({"decoder_lora": SCORES["decoder_lora"]}))
    memo = build(3, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course)
    found = items(memo)
    assert found["w3.s1.e1"].missing.startswith("reportgen bundle import week3_lab_results.json")
    assert "per_class_f1" in found["w3.s3.e1"].sentence
    assert "single_ms" in found["w3.s4.e1"].sentence
    assert shlex.split(found["w3.s2.e1"].missing)[3] == "week3_homework_results.json"


@pytest.mark.parametrize(
    ("names", "seeds"), [(("exp1 seed42", "exp2 seed42 bs16"), False), (("exp1 seed42", "exp3 seed7"), True)]
)
def test_a_seed_that_is_the_same_is_no_seed_pair(tmp_path, course, names, seeds: bool) -> None:
    path = tmp_path / "week2_hw_results.csv"
    path.write_text(f"Model,Accuracy,Macro F1,Zero-F1 Classes\n{names[0]},0.5,0.2,40\n{names[1]},0.52,0.22,38\n")
    found = items(build(2, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course))
    assert bool(found["w2.s3.e2"].values) == seeds


def test_weight_decay_is_no_class_weight(tmp_path, course) -> None:
    path = tmp_path / "week2_lab_results.csv"
    path.write_text("Model,Accuracy,Macro F1,Zero-F1 Classes\nunweighted,0.5,0.2,40\nweight decay 0.1,0.52,0.22,38\n")
    found = items(build(2, [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)], course))
    assert found["w2.s2.e1"].missing


def test_slices_beyond_belief_are_not_stated(tmp_path, course) -> None:
    row = {"axis": "a" * 5_000, "slice": "s", "n": 40, "encoder_f1": 0.2, "decoder_f1": 0.3}
    odd = [{**row, "n": -5}, {**row, "encoder_f1": -3e5}, {**row, "n": 2**60}]
    path = tmp_path / "week4_lab_results.json"
    models = {"encoder": {"accuracy": 0.5, "macro_f1": 0.2}, "decoder": {"accuracy": 0.5, "macro_f1": 0.2}}
    path.write_text(json.dumps({**models, "slice_table": [*odd, *[{**row, "slice": f"s{i}"} for i in range(3_000)]]}))
    runs = [read_bundle(one) for one in import_files([path], tmp_path / "r", course=course)]
    page = tmp_path / "memo.html"
    page.write_text(render(build(4, runs, course)), encoding="utf-8")
    assert [finding.id for finding in check_memo(page).findings if finding.severity == "red"] == []
    assert page.stat().st_size < 500_000


def test_a_number_of_four_hundred_digits_is_one_line(tmp_path, course) -> None:
    path = tmp_path / "week3_lab_results.json"
    path.write_text('{"encoder": {"accuracy": 0.5, "macro_f1": 0.2, "train_time_sec": 1' + "0" * 400 + "}}")
    with pytest.raises(ReportgenError, match="too large for a number"):
        import_files([path], tmp_path / "r", course=course)
