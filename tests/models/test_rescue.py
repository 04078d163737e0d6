"""The recipe for a GPU, on a few rows and the tiny weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.registry import RunContext
from models.rescue import RescueConfig, RescueFinetunedConfig, mixed, rescue, rescue_finetuned
from reportgen.data import Dataset
from reportgen.stats import scores, softmax

pytestmark = pytest.mark.train
Context = Callable[..., RunContext]


def test_mixing_is_a_weighted_mean_of_probabilities() -> None:
    tuned, frozen = np.log([[0.8, 0.2]]), np.log([[0.1, 0.9]]) + 5
    assert softmax(mixed(tuned, frozen, 0.25)) == pytest.approx(np.array([[0.625, 0.375]]))
    assert softmax(mixed(tuned, frozen, 0)) == pytest.approx(softmax(tuned))


def test_recipe(
    context: Context, minilm: str, topics: Dataset, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.timing.SINGLE_SAMPLES", 5)
    monkeypatch.setattr("models.timing.OFFLINE_SAMPLES", 2)
    config = RescueFinetunedConfig(model=minilm, epochs=1)
    result = rescue_finetuned(context(config))
    only = config.model_copy(update={"frozen_share": 0.0, "latency": False})
    alone = rescue_finetuned(replace(context(only), work=tmp_path / "alone"))
    frozen = rescue(context(RescueConfig(model=minilm, latency=False)))
    expected = mixed(alone.logits["test"], frozen.logits["test"], 0.5)
    np.testing.assert_allclose(result.logits["test"], expected, atol=1e-4)
    found = scores(topics.splits["test"].labels, result.logits["test"].argmax(1), len(topics.labels))
    assert found.macro_f1 > 0.9
    assert {record.timed for record in result.latency} == {"tokenise + forward, of both models"}
    assert result.decided["frozen"]["C_used"] == frozen.decided["C_used"]
    assert result.model.parameters > alone.model.parameters
    texts = topics.splits["test"].texts
    np.testing.assert_allclose(result.score(texts), result.logits["test"], atol=1e-4)


def test_every_lever_of_the_loss_changes_the_weights(context: Context, tiny_bert: Path, tmp_path: Path) -> None:
    def run(name: str, **keys: float) -> np.ndarray:
        off = {"token_mask": 0.0, "rdrop": 0.0, "supcon": 0.0, "frozen_share": 0.0} | keys
        config = RescueFinetunedConfig(model=str(tiny_bert), max_length=32, epochs=1, lr=1e-3, latency=False, **off)
        return rescue_finetuned(replace(context(config), work=tmp_path / name)).logits["test"]

    plain = run("plain")
    assert (plain == run("again")).all()
    for lever, weight in {"token_mask": 0.15, "rdrop": 4.0, "supcon": 1.0}.items():
        assert np.abs(run(lever, **{lever: weight}) - plain).max() > 1e-4
