from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from reportgen import metrics
from reportgen.errors import InputError, UsageError
from reportgen.stats import rescue

K = 6


def example(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels without any row of label 5, scores of a model that never answers label 4."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K - 1, n)
    logits = rng.normal(size=(n, K)).astype(np.float32)
    logits[np.arange(n), labels] += 1.5
    logits[:, 4] = -9
    return labels, logits, logits.argmax(axis=1)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("evaluate", reason="evaluate comes with the extra 'train'")
    monkeypatch.setenv("HF_EVALUATE_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    import evaluate

    return lambda name: evaluate.load(metrics.path(name), cache_dir=str(tmp_path / "cache"))


def test_macro_f1_counts_the_labels_nobody_saw(load) -> None:
    labels, _, predictions = example()
    predictions[predictions == 5] = 0
    found = load("macro_f1_fixed").compute(predictions=predictions, references=labels, num_labels=K)
    expected = f1_score(labels, predictions, labels=range(K), average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(expected)
    assert found["macro_f1_present"] > found["macro_f1"]


def test_zero_f1_separates_labels_with_and_without_rows(load) -> None:
    labels, _, predictions = example()
    predictions[predictions == 5] = 0
    found = load("zero_f1").compute(predictions=predictions, references=labels, num_labels=K)
    assert found == {"zero_f1": 2, "zero_f1_supported": 1, "classes_present": 5}


def test_rescue_takes_the_baseline_beside_the_candidate(load) -> None:
    labels, _, baseline = example()
    candidate = np.where(labels == 4, 4, baseline)
    found = load("rare_class_rescue").compute(
        predictions=candidate, references=labels, baseline=baseline.tolist(), num_labels=K
    )
    own = rescue(labels, baseline, candidate, K)
    assert found["rescued"] == found["confirmed"] == [4] == list(own.rescued)
    assert found["lost"] == []
    assert found["net"] == 1
    assert found["expected_by_chance"] == pytest.approx(own.expected_by_chance)


@pytest.mark.parametrize("name", metrics.MODULES)
def test_modules_are_where_evaluate_looks_and_import_as_it_reads(name: str) -> None:
    folder = Path(metrics.path(name))
    source = (folder / f"{name}.py").read_text(encoding="utf-8")
    assert folder.name == name
    # evaluate's parser knows neither `import a, b` nor brackets over several lines.
    for line in source.splitlines():
        if re.match(r"(import|from)\b", line):
            assert "," not in line
            assert "(" not in line


def test_every_module_is_listed() -> None:
    found = {file.stem for file in Path(metrics.__file__).parent.glob("*/*.py")}
    assert found == set(metrics.MODULES)


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="macro_f1_fixed"):
        metrics.path("macro_f1")


def test_compute_metrics_is_what_a_trainer_calls() -> None:
    transformers = pytest.importorskip("transformers", reason="transformers comes with the extra 'train'")
    labels, logits, predictions = example()
    evaluated = transformers.EvalPrediction(predictions=logits, label_ids=labels)
    found = metrics.compute_metrics(K)(evaluated)
    assert found["accuracy"] == pytest.approx((labels == predictions).mean())
    assert found["macro_f1"] == pytest.approx(
        f1_score(labels, predictions, labels=range(K), average="macro", zero_division=0)
    )
    assert found["weighted_f1"] == pytest.approx(f1_score(labels, predictions, average="weighted", zero_division=0))
    assert found["zero_f1"] == 2
    assert all(type(value) is float for value in found.values())
    # Models that return hidden states beside the scores.
    assert metrics.compute_metrics(K)(((logits, np.zeros((3, 2))), labels)) == found


def test_compute_metrics_refuses_scores_of_another_label_list() -> None:
    labels, logits, _ = example()
    with pytest.raises(InputError, match="for 113 labels"):
        metrics.compute_metrics(113)((logits, labels))
    with pytest.raises(UsageError):
        metrics.compute_metrics(0)


def test_importing_the_package_loads_neither_evaluate_nor_torch() -> None:
    code = (
        "import reportgen.metrics, sys; print(sorted({'evaluate', 'torch', 'datasets', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
