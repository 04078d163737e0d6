"""Candidates from bundles: every figure recomputed, against scikit-learn and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from reportgen.bundle import (
    BundleWriter,
    Config,
    Labels,
    Latency,
    LatencyRecord,
    MemoryRecord,
    ModelInfo,
    Reported,
    find_bundles,
    write_bundle,
)
from reportgen.decide import candidates_for, from_bundles, load_scenario, recommend
from reportgen.errors import ReportgenError
from reportgen.stats import confidence, ece, even_odd_folds, fit_temperature, folds

K, N = 70, 800
NAMES = [f"label {index}" for index in range(K)]
COUNTS = [1000 - 10 * index for index in range(K)]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, K, N)


def logits(labels: np.ndarray, strength: float, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(N, K))
    drawn[np.arange(N), labels] += strength
    return (2 * drawn).astype(np.float16).astype(np.float32)


def record(scenario: str, batch: int, seconds: list[float], **more: Any) -> LatencyRecord:
    fields = {
        "scenario": scenario,
        "timed": "predict",
        "includes_tokenisation": True,
        "batch_size": batch,
        "examples": batch * len(seconds),
        "padding": "none",
        "dtype": "fp32",
        "device": "cpu",
        "warmup": 1,
        "samples_s": tuple(seconds),
    }
    return LatencyRecord.model_validate({**fields, **more})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray) -> Path:
    out = tmp_path_factory.mktemp("runs")
    single = record("single-stream", 1, [0.001 * step for step in range(1, 101)])
    offline = record("offline", 32, [0.32] * 19 + [0.05], examples_per_call=(32,) * 19 + (5,))
    timed = Latency(records=(single, offline), memory=(MemoryRecord(bytes=10**8, kind="process_peak"),))
    for name, strength, seed in (("weak", 1.5, 1), ("strong", 2.5, 2)):
        write_bundle(
            out, labels, logits(labels, strength, seed), names=NAMES, train_counts=COUNTS, model=name, latency=timed
        )
    return out


def test_metrics_are_recomputed(runs: Path, labels: np.ndarray) -> None:
    strong = next(c for c in from_bundles(find_bundles(runs)) if c.model == "strong")
    scores = logits(labels, 2.5, 2)
    predicted = scores.argmax(axis=1)
    metrics = strong.metrics
    assert metrics["accuracy"].value == pytest.approx(accuracy_score(labels, predicted))
    assert metrics["macro_f1"].value == pytest.approx(
        f1_score(labels, predicted, average="macro", labels=range(K), zero_division=0)
    )
    probabilities = np.exp(scores.astype(float)) / np.exp(scores.astype(float)).sum(axis=1, keepdims=True)
    assert metrics["nll"].value == pytest.approx(log_loss(labels, probabilities, labels=range(K)))
    tail = labels >= 60  # ranks 61 and up: the counts fall with the id
    assert metrics["tail_f1"].value == pytest.approx(
        f1_score(labels[tail], predicted[tail], average="macro", labels=range(60, K), zero_division=0)
    )
    assert metrics["tail_f1"].n == tail.sum()
    for name in ("accuracy", "macro_f1", "tail_f1", "ece", "ece_post", "nll"):
        low, high = metrics[name].low, metrics[name].high
        assert low is not None
        assert high is not None
        assert low < metrics[name].value < high


@pytest.mark.parametrize("fold", [folds, even_odd_folds])
def test_scaling_is_judged_on_the_other_fold(tmp_path: Path, fold: Any) -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 5, 400)
    scores = rng.normal(size=(400, 5))
    scores[np.arange(400), y] += 1
    scores = (6 * scores).astype(np.float16)
    write_bundle(tmp_path, y, scores, names=list("abcde"), row_ids=[f"{i:03d}" for i in range(400)], model="sharp")
    found = from_bundles(find_bundles(tmp_path), fold=fold)[0]
    fit, report = fold(400)
    t = fit_temperature(scores[fit], y[fit]).t
    scaled = scores[report].astype(float) / t
    assert found.temperature == pytest.approx(t)
    assert found.metrics["ece_post"].value == pytest.approx(ece(confidence(scaled), scaled.argmax(axis=1) == y[report]))
    assert found.metrics["ece_post"].value < found.metrics["ece_pre"].value
    assert found.metrics["ece_post"].n == len(report)


def test_latency_by_mode(runs: Path) -> None:
    found = from_bundles(find_bundles(runs), only=())[0]
    by_mode = {figure.mode: figure for figure in found.latency}
    assert by_mode["single-stream"].ms["p50"] == pytest.approx(50.5)
    assert by_mode["single-stream"].ms["p90"] == pytest.approx(90.1)
    assert "p99" not in by_mode["single-stream"].ms  # 100 samples say nothing of it
    assert by_mode["offline"].ms["p50"] == pytest.approx(10.0)  # the last call of 5 counts by its own size
    assert (by_mode["offline"].batch_size, by_mode["single-stream"].batch_size) == (32, None)
    assert "ece" not in found.metrics


def test_needs_gpu_follows_the_device(tmp_path: Path) -> None:
    for name, device in (("on-cpu", "cpu"), ("on-gpu", "cuda")):
        start(tmp_path, name, hardware={"device": device, "name": "Tesla T4"})
    write_bundle(tmp_path, [0, 1], np.eye(2), names=["a", "b"], model="unknown")
    found = {c.model: (c.needs_gpu, c.billed_as_gpu) for c in from_bundles(find_bundles(tmp_path))}
    assert found == {"on-cpu": (False, False), "on-gpu": (None, True), "unknown": (None, None)}


def start(out: Path, name: str, *, reported: Reported | None = None, hardware: Any = None) -> None:
    from reportgen.bundle import DatasetInfo, Hardware, labels_sha256

    writer = BundleWriter.start(
        out,
        run_id=name,
        config=Config(passed={}, resolved={"name": name}),
        labels=Labels(names=("a", "b"), train_counts=(3, 2)),
        runner="test",
        course="generic",
        model=ModelInfo(name=name, family="decoder"),
        kind="reported" if reported else "measured",
        dataset=None if reported else DatasetInfo(name="d", labels_sha256=labels_sha256(("a", "b")), splits={}),
    )
    with writer:
        if reported:
            writer.write_reported(reported)
            writer.finish()
        else:
            writer.write_predictions("val", ["0", "1"], None, [0, 1], logits=np.eye(2))
            writer.finish(hardware=Hardware(**hardware))


def test_reported_bundles(tmp_path: Path) -> None:
    start(
        tmp_path, "published", reported=Reported(macro_f1=0.24, latency_ms=58, extra={"tail_f1": 0.1, "colour": "red"})
    )
    found = from_bundles(find_bundles(tmp_path))[0]
    assert (found.kind, found.model) == ("reported", "published")
    assert {name: metric.value for name, metric in found.metrics.items()} == {"macro_f1": 0.24, "tail_f1": 0.1}
    assert [figure.mode for figure in found.latency] == [None]
    assert recommend([found], load_scenario("realtime-router")).conditional is not None


def test_a_shared_model_name_gives_way_to_the_run(tmp_path: Path, labels: np.ndarray) -> None:
    for run in ("seed-1", "seed-2"):
        write_bundle(tmp_path, labels, logits(labels, 2, int(run[-1])), names=NAMES, model="bert", run_id=run)
    write_bundle(tmp_path, labels, logits(labels, 2, 3), names=NAMES, model="other", run_id="third")
    assert sorted(c.model for c in from_bundles(find_bundles(tmp_path), only=())) == ["seed-1", "seed-2", "third"]


def test_scaled_variants_are_judged_on_the_same_rows(runs: Path) -> None:
    scenario = load_scenario("week6-b")
    found = {c.model: c for c in candidates_for(find_bundles(runs), scenario)}
    assert sorted(found) == ["strong", "strong + T", "weak", "weak + T"]
    assert found["strong"].metrics["ece"].n == found["strong + T"].metrics["ece"].n == N // 2
    assert found["strong + T"].metrics["nll"].value <= found["strong"].metrics["nll"].value
    choice = recommend(list(found.values()), scenario).choice
    assert choice is not None
    assert choice.endswith("+ T")


def test_only_what_a_scenario_needs(runs: Path) -> None:
    full, needed = from_bundles(find_bundles(runs)), candidates_for(find_bundles(runs), load_scenario("week5-envelope"))
    assert "tail_f1" not in needed[0].metrics
    for name, metric in needed[0].metrics.items():
        assert full[0].metrics[name] == metric
    scenario = load_scenario("week5-envelope")
    assert recommend(needed, scenario).choice == recommend(full, scenario).choice


def test_missing_split_and_repeated_run(runs: Path, tmp_path: Path, labels: np.ndarray) -> None:
    bundles = find_bundles(runs)
    with pytest.raises(ReportgenError, match="two bundles are called"):
        from_bundles([bundles[0], bundles[0]])
    write_bundle(tmp_path, labels, logits(labels, 2, 5), names=NAMES, model="tested", split="test")
    other = find_bundles(tmp_path)
    assert from_bundles(other, split="test", only=())[0].metrics["accuracy"].n == N
    with pytest.raises(ReportgenError, match="tested has no predictions on val"):
        from_bundles([*bundles, *other], only=())
