"""Tokens, batches and the scorer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batching import CPU_TOKENS, Scorer, Tokens, pad, sampling_probabilities, tokenise, training_batches
from models.weights import resolve
from reportgen.errors import UsageError

pytestmark = pytest.mark.train


def _tokens(lengths: list[int]) -> Tokens:
    flat = np.concatenate([np.full(n, i + 1, np.int32) for i, n in enumerate(lengths)])
    return Tokens(flat, np.concatenate([[0], np.cumsum(lengths)]), np.array(lengths, np.int32))


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=200),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_an_epoch_holds_every_row_once(lengths: list[int], size: int, bucketed: bool, epoch: int) -> None:
    arrays = np.array(lengths)
    batches = training_batches(arrays, size, seed=1, epoch=epoch, bucketed=bucketed)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    again = training_batches(arrays, size, seed=1, epoch=epoch, bucketed=bucketed)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_bucketing_pads_less() -> None:
    lengths = np.random.default_rng(0).integers(1, 128, 1_000)
    waste = {
        bucketed: sum(
            (lengths[b].max() - lengths[b]).sum()
            for b in training_batches(lengths, 16, seed=0, epoch=0, bucketed=bucketed)
        )
        for bucketed in (True, False)
    }
    assert waste[True] < 0.2 * waste[False]


def test_epochs_differ() -> None:
    one, two = (np.concatenate(training_batches(np.ones(50), 8, seed=0, epoch=e, bucketed=False)) for e in (0, 1))
    assert (one != two).any()


def test_sampling_probabilities_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1])
    # √4 = 2 against √1 = 1: label 0 is drawn 2/3 of the time, each of its rows 1/6
    assert sampling_probabilities(labels, 0.5) == pytest.approx([1 / 6] * 4 + [1 / 3])
    assert sampling_probabilities(labels, 1.0) == pytest.approx([1 / 8] * 4 + [1 / 2])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_side_and_multiple(side: str) -> None:
    batch = pad(_tokens([3, 10]), [0, 1], pad_id=0, side=side)
    assert batch["input_ids"].shape == (2, 16)
    row, mask = batch["input_ids"][0].tolist(), batch["attention_mask"][0].tolist()
    where = slice(13, 16) if side == "left" else slice(0, 3)
    assert row[where] == [1, 1, 1]
    assert sum(row) == sum(mask) == 3
    assert mask[where] == [1, 1, 1]


def test_the_cut_keeps_the_closing_token(minilm: str) -> None:
    tokenizer = resolve(minilm).tokenizer()
    tokens = tokenise(tokenizer, ["word " * 400, "short", ""], 16)
    assert tokens.full_lengths.tolist() == [402, 3, 2]
    assert tokens.lengths.tolist() == [16, 3, 2]
    for i in range(3):
        assert tokens.row(i)[0] == tokenizer.cls_token_id
        assert tokens.row(i)[-1] == tokenizer.sep_token_id


def test_an_empty_text_still_has_a_token(tiny_qwen3) -> None:
    tokenizer = resolve(str(tiny_qwen3)).tokenizer()
    tokens = tokenise(tokenizer, ["", "card"], 8)
    assert tokens.lengths.tolist() == [1, 1]
    assert tokens.row(0).tolist() == [tokenizer.eos_token_id]


def _scorer(limit: int, **kwargs) -> Scorer:
    """Scores a row by its sum and its length; batches above `limit` run out of memory."""
    import torch

    class Model(torch.nn.Module):
        def forward(self, input_ids, attention_mask):
            if len(input_ids) > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            assert not self.training
            assert not torch.is_grad_enabled()
            return SimpleNamespace(logits=torch.stack([input_ids.sum(1), attention_mask.sum(1)], 1).float())

    return Scorer(Model(), SimpleNamespace(pad_token_id=0), **kwargs)


@pytest.mark.parametrize("padding", ["bucketed", "dynamic", "max_length"])
def test_scores_come_back_in_order(padding: str) -> None:
    lengths = [5, 1, 9, 3, 3, 12, 7]
    scorer = _scorer(99, batch_size=3, padding=padding, max_length=16)
    out = scorer.tokens(_tokens(lengths))
    assert out.dtype == np.float32
    assert out[:, 1].tolist() == lengths
    assert out[:, 0].tolist() == [n * (i + 1) for i, n in enumerate(lengths)]
    assert scorer.model.training


def test_memory_ladder_halves_and_remembers() -> None:
    scorer = _scorer(2, batch_size=8)
    assert scorer.tokens(_tokens([1, 2, 3, 4, 5]))[:, 1].tolist() == [1, 2, 3, 4, 5]
    assert scorer.batch_size == 2


def test_nothing_left_to_halve_is_one_line() -> None:
    with pytest.raises(UsageError, match="single example") as caught:
        _scorer(0, batch_size=4).tokens(_tokens([3, 4]))
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_mistaken_for_memory() -> None:
    scorer = _scorer(9, batch_size=4)
    scorer.output = lambda out, batch: (_ for _ in ()).throw(RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        scorer.tokens(_tokens([3]))


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
    st.integers(8, 400),
    st.sampled_from(["left", "right"]),
)
@settings(max_examples=40, deadline=None)
def test_a_budget_of_tokens_changes_the_batches_and_not_the_scores(lengths: list[int], budget: int, side: str) -> None:
    sizes = []
    scorer = _scorer(99, batch_size=1, side=side, tokens_per_batch=budget)
    scorer.output = lambda out, batch: (sizes.append(batch["input_ids"].shape), out.logits)[1]
    out = scorer.tokens(_tokens(lengths))
    assert out[:, 1].tolist() == lengths
    assert out[:, 0].tolist() == [n * (i + 1) for i, n in enumerate(lengths)]
    assert all(rows * width <= budget or rows == 1 for rows, width in sizes)


def test_a_budget_that_does_not_fit_is_halved() -> None:
    scorer = _scorer(2, batch_size=1, tokens_per_batch=64)
    assert scorer.tokens(_tokens([1, 2, 3, 4, 5]))[:, 1].tolist() == [1, 2, 3, 4, 5]
    assert scorer.tokens_per_batch == 16


def test_batches_on_a_cpu_stay_within_its_caches() -> None:
    sizes = []
    scorer = _scorer(10_000, batch_size=500, max_length=512)
    scorer.output = lambda out, batch: (sizes.append(batch["input_ids"].shape), out.logits)[1]
    lengths = [512] * 6 + [8] * 400
    assert scorer.tokens(_tokens(lengths))[:, 1].tolist() == lengths
    assert all(rows * width <= CPU_TOKENS for rows, width in sizes)
    assert (256, 8) in sizes
