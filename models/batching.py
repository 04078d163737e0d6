"""Text to token batches: tokenise once, group by length, and the one way to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reportgen.errors import UsageError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Padding = Literal["max_length", "dynamic", "bucketed"]
"""max_length: every batch to the cap; dynamic: to its longest row; bucketed: that, rows of like length together."""

MULTIPLE = 8
"""Batches are padded to a multiple of this: tensor cores want it, and fewer shapes are compiled and cached."""

CPU_TOKENS = 2_048
"""Padded tokens of a batch on a CPU: what lies between two layers of a larger one leaves the caches."""


@dataclass(frozen=True)
class Tokens:
    """Token ids of n texts in one flat array."""

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]
    """Shape (n + 1,): row i is flat[offsets[i]:offsets[i + 1]], cut at the length cap."""
    full_lengths: NDArray[np.int32]
    """Shape (n,): tokens before the cut, special tokens included."""

    def __len__(self) -> int:
        return len(self.full_lengths)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row after the cut, shape (n,)."""
        return np.diff(self.offsets)

    def row(self, i: int) -> NDArray[np.int32]:
        """The ids of row i."""
        return self.flat[self.offsets[i] : self.offsets[i + 1]]

    def take(self, rows: NDArray[np.integer]) -> Tokens:
        """Only these rows, in this order."""
        lengths = self.lengths[rows]
        return Tokens(
            flat=np.concatenate([self.row(int(i)) for i in rows]),
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            full_lengths=self.full_lengths[rows],
        )


def tokenise(tokenizer: Any, texts: Sequence[str] | NDArray[np.object_], max_length: int) -> Tokens:
    """Tokenise all texts once; keeps the special tokens at the end when it cuts."""
    import logging

    if len(texts) == 0:
        return Tokens(np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int32))
    # "Token indices sequence length is longer than …": true, and the very reason they are cut below.
    notices = logging.getLogger("transformers.tokenization_utils_base")
    level = notices.level
    notices.setLevel(logging.ERROR)
    try:
        ids = tokenizer(list(texts), add_special_tokens=True, return_attention_mask=False, verbose=False)["input_ids"]
        suffix = _closing(tokenizer)
    finally:
        notices.setLevel(level)
    blank = next(
        t for t in (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id, 0) if t is not None
    )
    keep = max_length - len(suffix)
    rows = [(row if len(row) <= max_length else row[:keep] + suffix) or [blank] for row in ids]
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return Tokens(
        flat=np.concatenate([np.asarray(row, np.int32) for row in rows]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        full_lengths=np.fromiter((max(len(row), 1) for row in ids), np.int32, len(rows)),
    )


def _closing(tokenizer: Any) -> list[int]:
    """Special tokens the tokenizer puts after a text (BERT's [SEP]); they survive the cut."""
    with_special, without = tokenizer("a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"]
    for start in range(len(with_special) - len(without) + 1):
        if with_special[start : start + len(without)] == without:
            return list(with_special[start + len(without) :])
    return []


def pad(
    tokens: Tokens,
    rows: Sequence[int] | NDArray[np.integer],
    pad_id: int,
    *,
    side: str = "right",
    to: int | None = None,
) -> dict[str, torch.Tensor]:
    """`input_ids` and `attention_mask` of some rows, shape (rows, L): L = `to`, else the longest row rounded up."""
    import torch

    chosen = np.asarray(rows)
    lengths = tokens.lengths[chosen][:, None]
    width = to or rounded(int(lengths.max()))
    # Position in the row of each place of the batch; outside 0 … length − 1 it is padding.
    position = np.arange(width) - (width - lengths if side == "left" else 0)
    mask = (position >= 0) & (position < lengths)
    source = np.where(mask, tokens.offsets[chosen][:, None] + position, 0)
    ids = np.where(mask, tokens.flat[source], pad_id).astype(np.int64)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


def rounded(length: int) -> int:
    """The padded width of a batch whose longest row has `length` tokens."""
    return -(-length // MULTIPLE) * MULTIPLE


def to_device(batch: dict[str, torch.Tensor], device: Any) -> dict[str, torch.Tensor]:
    """The batch on `device`; to a GPU from pinned memory, so that the copy runs beside the arithmetic."""
    if getattr(device, "type", device) == "cuda":
        return {key: value.pin_memory().to(device, non_blocking=True) for key, value in batch.items()}
    return {key: value.to(device) for key, value in batch.items()}


def training_batches(
    lengths: NDArray[np.integer],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    bucketed: bool,
    probabilities: NDArray[np.floating] | None = None,
) -> list[NDArray[np.int64]]:
    """Row numbers of each batch of one epoch, in order; the same for the same seed and epoch.

    Args:
        lengths: tokens of each row, shape (n,).
        bucketed: group rows of like length: shuffled in pools of 50 batches, sorted within, batches shuffled again.
        probabilities: chance of each row, shape (n,), to draw n rows with replacement; None: each row once.
    """
    rng = np.random.default_rng((seed, epoch))
    n = len(lengths)
    order = rng.permutation(n) if probabilities is None else rng.choice(n, size=n, p=probabilities)
    if bucketed:
        pool = batch_size * 50
        pools = [order[start : start + pool] for start in range(0, n, pool)]
        order = np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in pools])
    batches = [order[start : start + batch_size] for start in range(0, n, batch_size)]
    if bucketed:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def sampling_probabilities(labels: NDArray[np.integer], power: float) -> NDArray[np.float64]:
    """Chance of each row when labels are drawn ∝ count^(1 − power): 0 as they are, ½ square root, 1 all alike."""
    counts = np.bincount(labels)
    weight = counts[labels] ** -float(power)
    return weight / weight.sum()


@dataclass
class Scorer:
    """The one way a model scores texts: eval mode, no gradients, float32 out, rows back in their order.

    `batch_size` shrinks when memory runs out and stays small; what was used is what it says afterwards.
    """

    model: Any
    tokenizer: Any
    batch_size: int
    device: Any = "cpu"
    padding: Padding = "bucketed"
    max_length: int = 128
    side: str = "right"
    tokens_per_batch: int | None = None
    """Padded tokens a batch may hold, instead of `batch_size` rows: what fills a GPU whatever the lengths.

    None: `batch_size` rows, on a CPU fewer where they would be more than CPU_TOKENS.
    """
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
    output: Callable[[Any, dict[str, torch.Tensor]], torch.Tensor] = lambda out, batch: out.logits
    """Takes what the model returned and the batch; returns a row of numbers a text."""

    def texts(self, texts: Sequence[str] | NDArray[np.object_]) -> NDArray[np.float32]:
        """Tokenise and score, shape (n, K)."""
        return self.tokens(tokenise(self.tokenizer, texts, self.max_length))

    def tokens(self, tokens: Tokens) -> NDArray[np.float32]:
        """Score rows that are tokenised already, shape (n, K)."""
        import torch

        order = np.argsort(-tokens.lengths, kind="stable") if self.padding == "bucketed" else np.arange(len(tokens))
        was_training = self.model.training
        self.model.eval()
        parts: list[torch.Tensor] = []
        start = 0
        try:
            with torch.inference_mode():
                while start < len(order):
                    rows = order[start : start + self._rows(int(tokens.lengths[order[start]]))]
                    try:
                        parts.append(self._forward(tokens, rows))
                    except RuntimeError as error:
                        left = halved(len(rows), error, "scoring")
                        if self.tokens_per_batch is None:
                            self.batch_size = left
                        else:
                            self.tokens_per_batch //= 2
                        continue
                    start += len(rows)
                if not parts:
                    return np.empty((0, 0), np.float32)
                # Fetched at once: a copy a batch would make the device wait for the next one.
                scores = torch.cat(parts).cpu().numpy()
        finally:
            self.model.train(was_training)
        out = np.empty_like(scores)
        out[order] = scores
        return out

    def _rows(self, longest: int) -> int:
        """Rows of the next batch; `longest` is the length of its first row, the longest where they are sorted."""
        width = rounded(longest) if self.padding == "bucketed" else self.max_length
        if self.tokens_per_batch is not None:
            return max(1, self.tokens_per_batch // width)
        if getattr(self.device, "type", self.device) == "cpu":
            return max(1, min(self.batch_size, CPU_TOKENS // width))
        return self.batch_size

    def _forward(self, tokens: Tokens, rows: NDArray[np.integer]) -> torch.Tensor:
        pad_id = self.tokenizer.pad_token_id or 0
        width = self.max_length if self.padding == "max_length" else None
        batch = to_device(pad(tokens, rows, pad_id, side=self.side, to=width), self.device)
        with self.autocast():
            return self.output(self.model(**batch), batch).float()


def halved(batch_size: int, error: RuntimeError, doing: str) -> int:
    """Half the batch size after running out of memory; any other error goes on its way.

    Raises:
        UsageError: there is nothing left to halve.
    """
    import torch
    from accelerate.utils.memory import should_reduce_batch_size

    if not (isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)):
        raise error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if batch_size <= 1:
        raise UsageError(
            f"out of memory with a single example while {doing}",
            remedy="set a smaller max_length, gradient_checkpointing=true, LoRA instead of full, or a smaller model",
        ) from None
    return batch_size // 2
