"""Every file the course's notebooks and Hub repositories write (course-evidence §6.4)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reportgen.data import Dataset, load_course
from reportgen.data.dataset import Provenance, Split
from reportgen.stats import scores, tiers

K = 113


@pytest.fixture(scope="module")
def val() -> dict[str, np.ndarray]:
    """Labels, scores of two models and tiers of 400 validation rows with 113 labels."""
    rng = np.random.default_rng(3)
    counts = np.maximum(4, (13_000 * np.exp(-np.arange(K) / 12)).astype(int))[rng.permutation(K)]
    labels = np.concatenate([np.arange(K), rng.choice(K, 400 - K, p=counts / counts.sum())])
    logits = [rng.normal(size=(400, K)).astype(np.float32) for _ in range(2)]
    for scores_, skill in zip(logits, (4, 5), strict=True):
        scores_[np.arange(400), labels] += skill * rng.random(400).astype(np.float32)
    return {"labels": labels, "encoder": logits[0], "decoder": logits[1], "counts": counts}


@pytest.fixture(scope="module")
def canonical(val) -> Dataset:
    """A dataset whose val rows and training counts are `val`'s."""
    course = load_course("ecbs5200")

    def split(name: str, labels: np.ndarray) -> Split:
        n = len(labels)
        ids, texts = ([f"{name}{what}{at}" for at in range(n)] for what in (":", " text "))
        return Split(np.array(ids, object), np.array(texts, object), labels.astype(np.int16))

    splits = {"train": split("train", np.repeat(np.arange(K), val["counts"])), "val": split("val", val["labels"])}
    return Dataset("complaints", "r1", course, course.labels, splits, Provenance(raw_rows=1, raw_labels={}))


def accuracy(bundle, split="val") -> float:
    part = bundle.predictions(split)
    return scores(part.labels, part.predictions, len(bundle.labels.names)).accuracy


def right(val, model) -> float:
    return float((val[model].astype(np.float16).argmax(axis=1) == val["labels"]).mean())


# ------------------------------------------------------------------------------------------------ files with logits


def week4(val) -> dict[str, np.ndarray]:
    found = {}
    for name in ("encoder", "decoder"):
        p = np.exp(val[name]) / np.exp(val[name]).sum(axis=1, keepdims=True)
        found |= {f"{name}_preds": val[name].argmax(axis=1), f"{name}_labels": val["labels"]}
        found |= {f"{name}_logits": val[name], f"{name}_max_conf": p.max(axis=1)}
    return found


def test_week4_archive_is_two_measured_runs(bring, place, val) -> None:
    found = bring(place("week4_lab_predictions.npz", npz=week4(val)))
    assert [bundle.run_id for bundle in found] == ["week4-decoder", "week4-encoder"]
    for bundle in found:
        name = bundle.manifest.model.name
        assert accuracy(bundle) == pytest.approx(right(val, name))
        assert (bundle.manifest.week, bundle.manifest.runner, bundle.manifest.kind) == (4, "import", "measured")
        assert bundle.manifest.model.family == name
        assert bundle.manifest.course == "ecbs5200"
        assert bundle.labels.names[0] == "APR or interest rate"
        assert not any("confidences" in note for note in bundle.manifest.dataset.notes)
    assert any("read as course" in line for line in bring.said)


def test_week5_archive_is_six_runs_and_its_tiers_are_checked(bring, place, val, canonical) -> None:
    arrays = {
        f"{model}_{precision}_logits": val[model]
        for model in ("encoder", "decoder")
        for precision in ("fp16", "int8", "int4")
    }
    ours = tiers(val["counts"], "rank")
    arrays |= {"val_labels": val["labels"], "val_tiers": ours[val["labels"]]}
    path = place("week5_lab_predictions.npz", npz=arrays)
    found = bring(path, data=canonical)
    assert sorted(bundle.run_id for bundle in found) == sorted(
        f"week5-{model}-{precision}" for model in ("encoder", "decoder") for precision in ("fp16", "int8", "int4")
    )
    assert {bundle.manifest.model.precision for bundle in found} == {"fp16", "int8", "int4"}
    assert all("ours by rank for all 113 labels" in " ".join(bundle.manifest.dataset.notes) for bundle in found)
    assert found[0].predictions("val").row_ids[0].startswith("val:")
    assert found[0].labels.tiers["rank"] == tuple(ours)


def test_tiers_that_differ_are_noted_and_impossible_ones_refused(bring, place, val, canonical) -> None:
    ours = tiers(val["counts"], "rank")
    moved = ours.copy()
    label = int(np.flatnonzero(ours == "mid")[0])
    moved[label] = "tail"
    arrays = {"val_labels": val["labels"], "encoder_fp16_logits": val["encoder"]}
    path = place("week5_lab_predictions.npz", npz={**arrays, "val_tiers": moved[val["labels"]]})
    [bundle] = bring(path, data=canonical)
    assert any("differ from ours by rank for 1 labels" in note for note in bundle.manifest.dataset.notes)
    torn = moved[val["labels"]]
    torn[np.flatnonzero(val["labels"] == label)] = "tail"
    torn[np.flatnonzero(val["labels"] == int(np.flatnonzero(ours == "head")[0]))[0]] = "mid"
    path = place("b/week5_lab_predictions.npz", npz={**arrays, "val_tiers": torn})
    assert "is in two tiers" in bring.refused(path, data=canonical)
    path = place("c/week5_lab_predictions.npz", npz={**arrays, "val_tiers": np.full(400, "rare")})
    assert "a tier 'rare'" in bring.refused(path, data=canonical)


def test_hub_archives_of_week_6(bring, place, val) -> None:
    student = {"logits": val["encoder"], "preds": val["encoder"].argmax(axis=1), "labels": val["labels"]}
    student |= {"val_tiers": tiers(val["counts"], "rank")[val["labels"]]}
    other = {**student, "logits": val["decoder"], "preds": val["decoder"].argmax(axis=1)}
    number = {"head": 0, "mid": 1, "tail": 2}
    teacher = {"logits": val["decoder"].astype(np.float16), "labels": val["labels"]}
    teacher |= {"tiers": np.array([number[tier] for tier in student["val_tiers"]])}
    grid = {"logits": val["encoder"], "preds": val["encoder"].argmax(axis=1)}
    files = [
        place("week6-vanilla-baseline/val_predictions.npz", npz=student),
        place("week6-distilled-student/val_predictions.npz", npz=other),
        place("val_logits_canonical_final.npz", npz=teacher),
        place("grid_Td4_a70_val_predictions.npz", npz=grid),
    ]
    found = bring(*files)
    assert [bundle.run_id for bundle in found] == [
        "week6-vanilla",
        "week6-distilled",
        "week6-teacher",
        "week6-grid-td4-a70",
    ]
    assert {bundle.manifest.week for bundle in found} == {6}
    assert {bundle.manifest.trained_on for bundle in found} == {("train", "test")}
    assert found[2].manifest.model.family == "decoder"
    settings = found[3].config.resolved
    assert (settings["kd_temperature"], settings["kd_alpha"]) == (4, 0.7)
    # The grid's files have no labels: another file of the same call lends them.
    assert accuracy(found[3]) == pytest.approx(right(val, "encoder"))
    assert any("has no labels" in note for note in found[3].manifest.dataset.notes)


def test_an_archive_without_labels_needs_the_data_or_a_lender(bring, place, val, canonical) -> None:
    path = place("grid_Td1_a90_val_predictions.npz", npz={"logits": val["encoder"], "preds": val["encoder"].argmax(1)})
    assert "no true labels" in bring.refused(path)
    [bundle] = bring(path, data=canonical)
    assert accuracy(bundle) == pytest.approx(right(val, "encoder"))
    assert "unchecked" in bundle.config.resolved["rows_matched_by"]


def test_predictions_of_another_model_than_the_logits(bring, place, val) -> None:
    arrays = week4(val)
    arrays["encoder_preds"] = arrays["decoder_preds"]
    line = bring.refused(place("week4_lab_predictions.npz", npz=arrays))
    assert "not the argmax" in line
    assert "encoder" in line


# ------------------------------------------------------------------------------------------------------------ tables

WEEK1 = (
    "model,accuracy,macro_f1,weighted_f1,zero_f1_classes,train_time_sec,notes\n"
    "TF-IDF + LogReg,0.542,0.1324,0.4791,70,31.2,C=1.0\n"
)
WEEK1_HOMEWORK = (
    "model,accuracy,macro_f1,weighted_f1,notes\nTF-IDF,0.542,0.1324,0.4791,\n"
    "ModernBERT lr 2e-5,0.558,0.1982,0.5222,2 epochs\nModernBERT lr 5e-5,0.55,0.2,0.52,one change\n"
)
WEEK2_LAB = "Model,Accuracy,Macro F1,Zero-F1 Classes,Acc-F1 Gap\nAlpha,0.502,0.216,39,0.286\nDelta,0.554,0.199,49,0.3\n"
WEEK2_ROWS = (
    "exp1,0.502,0.216,39,1920.5\nexp2,0.51,0.214,40,2400\nexp1,0.502,0.216,39,1935.1\n"
    "name,accuracy,macro_f1,zero_f1_classes,train_time_sec\nexp1,0.507,0.219,38,0\n"
)
WEEK2_HEADER = "name,accuracy,macro_f1,zero_f1_classes,train_time_sec\n"
WEEK5 = (
    "model,precision,accuracy,macro_f1,latency_ms,vram_gb,batch_size\n"
    "encoder,fp16,0.566,0.2095,2.31,0.41,32\ndecoder,int8,0.57,0.2401,12.65,1.87,16\n"
)
WEEK5_ECE = "model,precision,ece_pre,T,ece_post\nencoder,fp16,0.062,1.21,0.040\ndecoder,int8,0.106,1.4,0.072\n"


def test_week1_tables(bring, place) -> None:
    [lab] = bring(place("week1_results.csv", WEEK1))
    assert lab.run_id == "week1-tf-idf-logreg-reported"
    assert (lab.reported.macro_f1, lab.reported.zero_f1_classes) == (0.1324, 70)
    assert lab.reported.extra == {"train_time_sec": 31.2, "notes": "C=1.0"}
    homework = bring(place("hw/week1_results.csv", WEEK1_HOMEWORK))
    assert len(homework) == 3
    assert {bundle.manifest.kind for bundle in homework} == {"reported"}
    assert homework[0].reported.zero_f1_classes is None


def test_week2_lab_table_and_its_gap(bring, place) -> None:
    alpha, delta = bring(place("week2_lab_results.csv", WEEK2_LAB))
    assert (alpha.reported.accuracy, alpha.reported.zero_f1_classes) == (0.502, 39)
    assert "flags" not in alpha.reported.extra
    assert "0.355, not the gap of 0.3" in delta.reported.extra["flags"][0]


@pytest.mark.parametrize("header", [WEEK2_HEADER, ""])
def test_week2_homework_appends_with_and_without_a_header(bring, place, header) -> None:
    found = bring(place("week2_hw_results.csv", header + WEEK2_ROWS))
    assert [bundle.run_id for bundle in found] == [
        "week2-exp1-reported",
        "week2-exp1-2-reported",
        "week2-exp2-reported",
    ]
    first, rerun, _ = (bundle.reported for bundle in found)
    assert first.extra["train_time_sec"] == 1935.1
    assert rerun.accuracy == 0.507
    assert any("0 s" in flag for flag in rerun.extra["flags"])
    assert any("Run 2 of 2" in flag for flag in rerun.extra["flags"])
    assert any("1 rows repeat" in line for line in bring.said)


def test_week5_tables_of_one_call_become_one_bundle_a_configuration(bring, place) -> None:
    deltas = {"encoder_fp16": {t: {"n": 9, "mean": 0.1, "ci_low": 0, "ci_high": 0.2} for t in ("head", "mid", "tail")}}
    found = bring(
        place("week5_lab_summary.csv", WEEK5),
        place("week5_lab_ece.csv", WEEK5_ECE),
        place("week5_lab_tier_deltas.json", deltas),
    )
    encoder, decoder = found
    assert encoder.run_id == "week5-encoder-fp16-reported"
    record = encoder.reported
    assert (record.latency_ms, record.latency_mode, record.batch_size) == (2.31, "offline", 32)
    assert (record.memory_bytes, record.memory_kind, record.needs_gpu) == (410_000_000, "allocated_peak", True)
    assert (record.ece, record.ece_post, record.precision) == (0.062, 0.04, "fp16")
    assert record.extra["temperature"] == 1.21
    assert record.extra["tiers"]["tail"]["mean"] == 0.1
    assert "flags" not in record.extra
    assert set(encoder.config.resolved["files"]) == {
        "week5_lab_summary.csv",
        "week5_lab_ece.csv",
        "week5_lab_tier_deltas.json",
    }
    assert decoder.manifest.model.family == "decoder"


def test_files_that_disagree_are_flagged(bring, place) -> None:
    other = {"encoder_fp16": {"macro_f1": 0.25}}
    found = bring(place("week5_lab_summary.csv", WEEK5), place("week5_homework_results.json", other))
    assert found[0].reported.macro_f1 == 0.2095
    assert found[0].reported.extra["flags"] == [
        "macro_f1 is 0.2095 in week5_lab_summary.csv, 0.25 in week5_homework_results.json."
    ]


def test_percent_in_a_course_table_names_the_cell(bring, place) -> None:
    line = bring.refused(place("week1_results.csv", WEEK1.replace("0.542", "54.2")))
    assert "accuracy 54.2 is no share (week1_results.csv, row 1 (TF-IDF + LogReg), column accuracy)" in line


# --------------------------------------------------------------------------------------------------------- documents


def test_week3_documents(bring, place) -> None:
    per_class = [0.0] * 37 + [0.2398 * K / (K - 37)] * (K - 37)
    latency = {"single_ms": 53.2, "batch_ms": 8.33, "throughput_per_sec": 120, "time_64k_min": 8.9}
    document = {
        "encoder_lora": {"accuracy": 0.5639, "macro_f1": 0.211, "zero_f1_classes": 47, "train_time": 0},
        "decoder_lora": {"accuracy": 0.5697, "macro_f1": 0.2398, "zero_f1_classes": 37, "per_class_f1": per_class},
        "latency": {"encoder": {"single_ms": 12.0}, "decoder": latency},
        "label_counts": {str(at): 4 + at for at in range(K)},
        "class_weighting_delta": {"macro_f1": 0.01},
    }
    decoder, encoder = sorted(bring(place("week3_lab_results.json", document)), key=lambda bundle: bundle.run_id)
    assert decoder.run_id == "week3-decoder-lora-reported"
    record = decoder.reported
    assert (record.latency_ms, record.latency_mode, record.minutes_per_64k) == (53.2, "single-stream", 8.9)
    # 120 a second are 8.9 minutes: the two modes are both measured, nothing contradicts.
    assert "flags" not in record.extra
    assert record.extra["shared"] == {"class_weighting_delta": {"macro_f1": 0.01}}
    assert decoder.labels.train_counts == tuple(range(4, 4 + K))
    assert decoder.labels.tiers["rank"].count("head") == 20
    assert encoder.reported.latency_ms == 12.0
    assert encoder.reported.extra["flags"] == [
        "A training time of 0 s was written by a notebook that skipped training; it is unknown."
    ]


def test_week3_figures_that_contradict_themselves(bring, place) -> None:
    document = {"decoder_vanilla": {"macro_f1": 0.3, "zero_f1_classes": 3, "per_class_f1": [0.0, 0.5] * 56 + [0.5]}}
    [bundle] = bring(place("week3_homework_results.json", document))
    flags = " ".join(bundle.reported.extra["flags"])
    assert "average 0.2522, not the macro F1 of 0.3" in flags
    assert "56 per-class F1 values are zero, not the 3" in flags


def test_week4_documents_keep_everything_with_its_model(bring, place) -> None:
    document = {
        "ece": {"encoder": 0.062, "decoder": 0.101},
        "temperature_scaling": {
            "encoder": {"T": 1.2, "ece_pre": 0.062, "ece_post": 0.02},
            "decoder": {"T": 1.4, "ece_before": 0.101, "ece_after": 0.03},
        },
        "slice_table": [{"axis": "redaction", "encoder_f1": float("nan"), "n": 4}],
        "bootstrap": {"ci": [0.01, 0.048], "excludes_zero": True},
        "tags": [],
    }
    text = json.dumps(document)
    assert "NaN" in text
    decoder, encoder = sorted(bring(place("week4_homework_results.json", text)), key=lambda bundle: bundle.run_id)
    assert (encoder.reported.ece, encoder.reported.ece_post) == (0.062, 0.02)
    assert (decoder.reported.ece, decoder.reported.ece_post) == (0.101, 0.03)
    assert decoder.reported.extra["shared"]["bootstrap"]["ci"] == [0.01, 0.048]
    assert decoder.reported.extra["shared"]["slice_table"][0]["encoder_f1"] is None
    assert any("NaN" in line for line in bring.said)


def test_week5_homework_document_of_records(bring, place) -> None:
    document = {
        "split_val_ece": [
            {"model": "encoder", "precision": "fp16", "ece_pre": 0.061, "ece_post": 0.04},
            {"model": "decoder", "precision": "int4", "ece_pre": 0.103, "ece_post": 0.07},
        ],
        "tier_deltas_int8_int4": {"encoder": {"int8": {"tail": {"n": 210, "mean": 0.0}}}},
        "named_class_trajectories": {"head": [0.9, 0.8]},
        "constraint_check": {"encoder_fp16": {"passes": True}},
    }
    found = {bundle.run_id: bundle.reported for bundle in bring(place("week5_homework_results.json", document))}
    assert set(found) == {f"week5-{name}-reported" for name in ("encoder-fp16", "decoder-int4", "encoder-int8")}
    assert found["week5-encoder-fp16-reported"].extra["constraint_check"] == {"passes": True}
    assert found["week5-encoder-fp16-reported"].ece == 0.061
    assert found["week5-encoder-int8-reported"].extra["tier_deltas_int8_int4"]["tail"]["n"] == 210


def test_a_document_without_models_is_kept_whole(bring, place) -> None:
    [bundle] = bring(place("week4_lab_results.json", {"histogram": {"1": 17}, "tail_breakdown": {"head": 0.5}}))
    assert bundle.run_id == "week4-notebook-reported"
    assert bundle.reported.extra["shared"]["histogram"] == {"1": 17}


def test_a_file_cannot_write_our_flags(bring, place) -> None:
    [bundle] = bring(place("week3_lab_results.json", {"encoder": {"accuracy": 0.5, "flags": None}}))
    assert bundle.reported.extra == {"flags (in the file)": None}


def test_unknown_documents_are_refused(bring, place) -> None:
    assert "not the name" in bring.refused(place("results.json", {"encoder": {"accuracy": 0.5}}))
    [bundle] = bring(place("results.json", {"encoder": {"accuracy": 0.5}}), kind="course")
    assert bundle.reported.accuracy == 0.5
    assert "no model in it" in bring.refused(place("other.json", {"x": 1}), kind="course")
    assert "holds no reported" in bring.refused(place("results.json", {}), kind="reported")
