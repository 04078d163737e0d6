"""Runs as a user starts them: no-ops, refusals, seeds, failures, and what ends up in the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.registry import RunContext, Runner, RunnerConfig, RunResult
from models.run import Runs, execute, run
from reportgen.bundle import read_bundle, validate_bundle
from reportgen.bundle.schema import ModelInfo
from reportgen.data import Dataset, load_dataset
from reportgen.errors import ReportgenError, UsageError

WORDS = {"card": "card arrived late plastic", "loan": "loan interest mortgage rate", "fee": "fee charged twice refund"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rng = np.random.default_rng(0)
    rows = [
        {"text": f"I saw {' '.join(rng.choice(words.split(), 4))} {i}", "label": label}
        for label, words in WORDS.items()
        for i in range(40)
    ]
    path = tmp_path_factory.mktemp("data") / "small.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return load_dataset(path)


def test_stage_writes_sound_bundles_and_is_a_no_op_the_second_time(data: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    paths = run("tfidf", data, tmp_path, say=said.append)
    validate_bundle(paths[0])
    bundle = read_bundle(paths[0])
    predictions = bundle.predictions("val")
    assert (predictions.predictions == predictions.labels).mean() == 1.0
    assert bundle.splits == ("val", "test")
    assert bundle.manifest.trained_on == ("train",)
    assert bundle.manifest.timings["total"] > 0
    assert {record.scenario for record in bundle.latency.records} == {"single-stream", "offline"}
    assert bundle.config.decided["converged"] is True
    before = (paths[0] / "manifest.json").stat().st_mtime_ns
    assert run("tfidf", data, tmp_path, say=said.append) == paths
    assert (paths[0] / "manifest.json").stat().st_mtime_ns == before
    assert "already there" in said[-1]


def test_same_name_with_another_config_seed_or_dataset_is_refused(data: Dataset, tmp_path: Path) -> None:
    run("tfidf", data, tmp_path)
    with pytest.raises(ReportgenError, match=r"another C.*--name"):
        run("tfidf", data, tmp_path, overrides=["C=2"])
    with pytest.raises(ReportgenError, match="seed"):
        run("tfidf", data, tmp_path, seed=7, name="tfidf")
    assert run("tfidf", data, tmp_path, overrides=["C=2"], name="tfidf-c2")[0].name == "tfidf-c2"
    assert sorted(Runs(tmp_path)) == ["tfidf", "tfidf-c2"]


def test_another_seed_gets_a_name_of_its_own(data: Dataset, tmp_path: Path) -> None:
    assert run("majority", data, tmp_path, seed=7)[0].name == "majority-s7"


@pytest.mark.parametrize(
    ("target", "overrides", "message"),
    [
        ("tfdif", [], "did you mean 'tfidf'"),
        ("week9", [], "no stage 'week9'"),
        ("tfidf", ["D=1"], "no key 'D'"),
        ("tfidf", ["C=-1"], "C=-1 does not fit"),
        ("tfidf", ["C"], "not key=value"),
        ("week1", ["D=1"], "no run of week1 has a key 'D'"),
    ],
)
def test_bad_targets_and_settings_are_one_clear_line(
    data: Dataset, tmp_path: Path, target: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(target, data, tmp_path, overrides=overrides)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*"))


def test_a_failing_runner_leaves_nothing_in_place_and_says_why(data: Dataset, tmp_path: Path) -> None:
    def fail(ctx: RunContext) -> RunResult:
        raise UsageError("the model fell over")

    runner = Runner("broken", RunnerConfig, fail, "linear", "")
    with pytest.raises(UsageError, match="fell over"):
        execute(runner, data, tmp_path, "broken", {}, {}, 1, {})
    assert not (tmp_path / "broken").exists()
    assert "fell over" in (tmp_path / ".broken.partial" / "manifest.json").read_text()


def test_every_run_is_seeded_and_a_sample_says_of_how_many(data: Dataset, tmp_path: Path) -> None:
    drawn: list[float] = []

    def draw(ctx: RunContext) -> RunResult:
        drawn.append(np.random.random())  # noqa: NPY002 - the global generator is what is under test
        return RunResult(
            model=ModelInfo(name="coin", family="linear"),
            predictions={"val": np.array([-1, 0, 1])},
            rows={"val": np.array([0, 2, 4])},
        )

    runner = Runner("coin", RunnerConfig, draw, "linear", "")
    paths = [execute(runner, data, tmp_path, name, {}, {}, 5, {}) for name in ("a", "b")]
    assert drawn[0] == drawn[1]
    bundle = read_bundle(paths[0])
    assert bundle.manifest.dataset.splits["val"].sampled_of == len(data.splits["val"])
    assert sorted(bundle.predictions("val").row_ids) == sorted(data.splits["val"].row_ids[[0, 2, 4]])
    assert -1 in bundle.predictions("val").predictions


def test_majority_predicts_the_most_frequent_training_label(data: Dataset, tmp_path: Path) -> None:
    bundle = read_bundle(run("majority", data, tmp_path)[0])
    assert set(bundle.predictions("val").predictions) == {int(np.argmax(data.train_counts))}
