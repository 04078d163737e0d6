"""Frozen embeddings and a linear head: figures, cache, levers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from models.choose import FOLDS, choose, folds, thinned
from models.embed import C_GRID, TAU_GRID, EmbedConfig, embed, fit_linear
from models.registry import RunContext
from models.rescue import RescueConfig, rescue
from reportgen.data import Dataset
from reportgen.data.dataset import Split
from reportgen.errors import InputError
from reportgen.stats import adjust, log_prior, scores

pytestmark = pytest.mark.train

Context = Callable[..., RunContext]


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


def _tail(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six overlapping labels on a tail from 80 rows down to 3."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), [80, 40, 20, 8, 4, 3])
    return (rng.normal(size=(6, 8))[labels] + rng.normal(size=(len(labels), 8))).astype(np.float32), labels


def test_folds_spread_every_label() -> None:
    labels = np.array([2] * 11 + [0] * 7 + [1] * 2 + [3])
    fold = folds(labels, 0)
    for label in range(4):
        found = np.bincount(fold[labels == label], minlength=FOLDS)
        assert found.max() - found.min() <= 1
    assert np.ptp(np.bincount(fold)) <= 1
    assert (fold != folds(labels, 1)).any()


def test_the_choice_is_balanced_accuracy_out_of_fold() -> None:
    """Against scikit-learn's metric, and every fit must leave its fold out but keep the rows at the end."""
    from sklearn.metrics import balanced_accuracy_score

    features, labels = _tail(0)
    rows = len(labels) - 2  # the last two stand for label names
    fitted: list[int] = []

    def fit(x: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        assert (x[-2:] == features[-2:]).all()
        assert (y[-2:] == labels[-2:]).all()
        fitted.append(len(x))
        return fit_linear(x, y, 6, EmbedConfig(C=strength))[:2]

    found = choose(features, labels, rows, 6, fit, strengths=(0.3, 3.0), taus=(0.0, 0.7), seed=3)
    fold = folds(labels[:rows], 3)
    assert sum(fitted) == 2 * (FOLDS * len(labels) - rows)
    for i, strength in enumerate((0.3, 3.0)):
        for j, tau in enumerate((0.0, 0.7)):
            guess = np.empty(rows, int)
            for k in range(FOLDS):
                kept = np.concatenate([fold != k, [True, True]])
                weight, bias, _ = fit_linear(features[kept], labels[kept], 6, EmbedConfig(C=strength))
                out = np.flatnonzero(fold == k)
                prior = log_prior(np.bincount(labels[kept], minlength=6))
                guess[out] = adjust(features[out] @ weight.T + bias, prior, tau).argmax(1)
            assert found.scores[i, j] == pytest.approx(balanced_accuracy_score(labels[:rows], guess), abs=1e-6)
    assert found.score == found.scores.max()
    assert found.scores[found.strengths.index(found.C), found.taus.index(found.tau)] == found.score


def test_too_few_rows_to_choose_on() -> None:
    def fit(x: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        return fit_linear(x, y, 2, EmbedConfig(C=strength))[:2]

    with pytest.raises(InputError, match="too few training rows"):
        choose(np.eye(3, dtype=np.float32), np.array([0, 0, 1]), 3, 2, fit, strengths=(1.0,), taus=(0.0,), seed=0)


def test_thinning_cuts_the_head_and_keeps_the_tail() -> None:
    labels = np.repeat([0, 1, 2, 3], [1000, 300, 5, 2])
    kept = thinned(labels, 200, 42)
    assert np.bincount(labels[kept]).tolist() == [96, 96, 5, 2]
    assert (np.diff(kept) > 0).all()
    assert (kept == thinned(labels, 200, 42)).all()
    assert len(thinned(labels, 5000, 42)) == len(labels)


def test_auto_never_looks_beyond_train(context: Context, minilm: str, topics: Dataset, cache: Path) -> None:
    """Other test labels change no choice; a number given by hand is kept and only the other lever is chosen."""
    train, test = topics.splits["train"], topics.splits["test"]
    slipped = Split(test.row_ids, test.texts, np.roll(test.labels, 1))
    config = RescueConfig(model=minilm, latency=False)
    first = rescue(context(config))
    second = rescue(context(config, data=replace(topics, splits={"train": train, "test": slipped})))
    assert first.decided["out_of_fold"] == second.decided["out_of_fold"]
    assert (first.logits["test"] == second.logits["test"]).all()
    assert first.decided["n_train"] == len(train) + 4
    grid = first.decided["out_of_fold"]["grid"]
    assert (grid["C"], grid["tau"]) == (C_GRID, TAU_GRID)
    by_hand = {"C": first.decided["C_used"], "tau": first.decided["tau_used"], "label_names_as_rows": True}
    same = embed(context(EmbedConfig(model=minilm, latency=False, **by_hand)))
    assert (same.logits["test"] == first.logits["test"]).all()
    assert "out_of_fold" not in same.decided
    half = rescue(context(config.model_copy(update={"C": 2.0})))
    assert half.decided["C_used"] == 2
    assert half.decided["out_of_fold"]["grid"]["C"] == (2,)


@pytest.mark.parametrize("wrong", [{"C": 0}, {"tau": -1}, {"C": "best"}, {"tau": "yes"}])
def test_levers_are_numbers_or_auto(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EmbedConfig(**wrong)


@pytest.mark.slow
def test_figures_on_banking77_lt(context: Context, minilm: str, banking77lt: Dataset, cache: Path) -> None:
    def run(**keys):
        result = embed(context(EmbedConfig(model=minilm, latency=False, **keys), data=banking77lt))
        return scores(banking77lt.splits["test"].labels, result.logits["test"].argmax(1), 77)

    plain = run()
    assert plain.macro_f1 == pytest.approx(0.684, abs=0.003)
    assert plain.zero_f1 <= 1
    assert run(tau=1.0).macro_f1 == pytest.approx(0.853, abs=0.003)
    assert run(tau=1.0, label_names_as_rows=True).macro_f1 == pytest.approx(0.867, abs=0.003)
    recipe = run(tau="auto", C="auto", label_names_as_rows=True)
    assert recipe.macro_f1 > 0.85
    assert recipe.zero_f1 == 0


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
