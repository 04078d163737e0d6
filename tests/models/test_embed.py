"""Frozen embeddings and a linear head: figures, cache, levers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.embed import EmbedConfig, embed, fit_linear
from models.registry import RunContext
from reportgen.data import Dataset
from reportgen.data.dataset import Split
from reportgen.stats import adjust, log_prior, scores

pytestmark = pytest.mark.train

Context = Callable[..., RunContext]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _few(data: Dataset, n: int) -> Dataset:
    """Every label, n test rows each."""
    test = data.splits["test"]
    rows = np.concatenate([np.flatnonzero(test.labels == label)[:n] for label in range(len(data.labels))])
    part = Split(test.row_ids[rows], test.texts[rows], test.labels[rows])
    return replace(data, splits={"train": data.splits["train"], "test": part})


def test_pooling_is_chosen_and_said(context: Context, minilm: str, topics: Dataset, cache: Path) -> None:
    ctx = context(EmbedConfig(model=minilm, latency=False))
    result = embed(ctx)
    assert result.decided["pooling_used"] == "mean"
    assert result.logits["val"].shape == (len(topics.splits["val"]), 4)
    assert result.model.parameters > 22_000_000
    assert result.model.trainable_parameters == 384 * 4 + 4
    found = scores(topics.splits["val"].labels, result.logits["val"].argmax(1), 4)
    assert found.macro_f1 > 0.9


def test_cache_is_used_and_follows_the_texts(context: Context, minilm: str, topics: Dataset, cache: Path) -> None:
    said: list[list[str]] = []

    def run(data: Dataset, **keys) -> np.ndarray:
        ctx = replace(context(EmbedConfig(model=minilm, latency=False, **keys), data=data), say=(lines := []).append)
        said.append(lines)
        return embed(ctx).logits["val"]

    first, second = run(topics), run(topics)
    assert (first == second).all()
    assert " 0 of them cached" in " ".join(said[0])
    total = sum(len(split) for split in topics.splits.values())
    assert f" {total} of them cached" in " ".join(said[1])
    val = topics.splits["val"]
    changed = Split(val.row_ids, val.texts[::-1].copy(), val.labels)
    other = run(replace(topics, splits={**topics.splits, "val": changed}))
    assert other == pytest.approx(first[::-1], abs=1e-5)
    assert {path.suffix for path in cache.rglob("*") if path.is_file()} == {".npy"}


def test_a_damaged_cache_file_is_made_again(context: Context, minilm: str, cache: Path) -> None:
    first = embed(context(EmbedConfig(model=minilm, latency=False))).logits["val"]
    for file in cache.rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    assert embed(context(EmbedConfig(model=minilm, latency=False))).logits["val"] == pytest.approx(first, abs=1e-5)


def test_tau_is_a_shift_by_the_log_prior(context: Context, minilm: str, topics: Dataset, cache: Path) -> None:
    plain, shifted = (embed(context(EmbedConfig(model=minilm, latency=False, tau=t))).logits["val"] for t in (0, 1.5))
    assert shifted == pytest.approx(adjust(plain, log_prior(topics.train_counts), 1.5), abs=1e-4)


def test_a_label_that_was_never_learnt_comes_last() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(40, 5)).astype(np.float32), np.repeat([0, 2], 20)
    weight, bias, _ = fit_linear(features, labels, 4, EmbedConfig())
    logits = features @ weight.T + bias
    assert np.isfinite(logits).all()
    assert set(logits.argmax(1)) == {0, 2}
    features[20:] += 5
    weight, bias, _ = fit_linear(features, labels, 4, EmbedConfig(class_weight="sqrt"))
    assert ((features @ weight.T + bias).argmax(1) == labels).all()


@pytest.mark.slow
def test_figures_on_banking77_lt(context: Context, minilm: str, banking77lt: Dataset, cache: Path) -> None:
    def run(**keys):
        result = embed(context(EmbedConfig(model=minilm, latency=False, **keys), data=banking77lt))
        return scores(banking77lt.splits["test"].labels, result.logits["test"].argmax(1), 77)

    plain = run()
    assert plain.macro_f1 == pytest.approx(0.684, abs=0.003)
    assert plain.zero_f1 == 0
    assert run(tau=1.0).macro_f1 == pytest.approx(0.853, abs=0.003)
    assert run(tau=1.0, label_names_as_rows=True).macro_f1 == pytest.approx(0.867, abs=0.003)


def test_real_messages(context: Context, minilm: str, banking77lt: Dataset, cache: Path) -> None:
    """A tenth of the training rows that the full figures use, kept long-tailed; τ must pay for itself."""
    data = _few(banking77lt, 2)
    train, counts = data.splits["train"], data.train_counts
    rows = np.concatenate([np.flatnonzero(train.labels == k)[: max(2, n // 10)] for k, n in enumerate(counts)])
    few = Split(train.row_ids[rows], train.texts[rows], train.labels[rows])
    data = replace(data, splits={**data.splits, "train": few})
    found = {}
    for tau in (0.0, 1.0):
        logits = embed(context(EmbedConfig(model=minilm, latency=False, tau=tau), data=data)).logits["test"]
        found[tau] = scores(data.splits["test"].labels, logits.argmax(1), 77).macro_f1
    assert found[1.0] > found[0.0]
    assert found[1.0] > 0.6
