"""What a teacher says about the training rows: from its bundle, or from its weights, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reportgen.errors import InputError, Unavailable

from . import classifiers, device
from .batching import Scorer
from .derive import aligned_logits, parent
from .predict import saved_weights
from .registry import RunContext
from .token_cache import cached_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

_FILE = "train-logits.npz"


def teacher_logits(ctx: RunContext, run_id: str) -> tuple[NDArray[np.float32], Bundle]:
    """The teacher's logits of every training row, shape (n, K) in the dataset's order, and the teacher.

    Raises:
        InputError: the teacher's rows, texts or labels are not those of the data; or it has no logits of them and no
            weights to get them from.
    """
    teacher, data = parent(ctx, run_id), ctx.data
    if "train" not in data.splits or not len(data.splits["train"]):
        raise InputError("there is no training split to learn from", where=data.name)
    if "train" in teacher.splits:
        return aligned_logits(teacher, data, "train"), teacher
    for name in teacher.splits:  # the rows it was scored on tell whether it knows this dataset at all
        if name in data.splits:
            aligned_logits(teacher, data, name)
    try:
        folder = saved_weights(teacher, ctx.work)
    except Unavailable:
        raise InputError(
            f"the teacher {run_id} has no logits of the training rows, and its weights were not kept",
            remedy="train it with --set score_train=true, under another --name",
        ) from None
    return _computed(ctx, folder, run_id), teacher


def _computed(ctx: RunContext, folder: Path, run_id: str) -> NDArray[np.float32]:
    """Scored with the saved weights, and kept beside them for the next student."""
    from reportgen.bundle import rows_sha256, sha256, text_sha256

    train = ctx.data.splits["train"]
    # The digest of the rows does not see their order; what is kept depends on it.
    order = " ".join(map(str, train.row_ids)).encode("utf-8", "surrogatepass")
    rows = f"{rows_sha256(train.row_ids, text_sha256(train.texts), train.labels)} {sha256(order)}"
    kept = ctx.work.parent / run_id / _FILE
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            if str(stored["rows"]) == rows:
                return stored["logits"]
    classifier = classifiers.load(folder, ctx.data.labels)
    accelerator, _ = device.accelerator("auto")
    card = classifier.card
    scorer = Scorer(
        classifier.model.to(accelerator.device),
        classifier.tokenizer,
        64,
        device=accelerator.device,
        max_length=card.max_length,
        side=card.side,
        autocast=accelerator.autocast,
    )
    ctx.say(f"scoring {len(train):,} training rows with the weights of {run_id}")
    tokens = cached_tokens(classifier.tokenizer, train.texts, card.max_length, ctx.work.parent / "tokens")
    logits = scorer.tokens(tokens)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(kept, rows=np.array(rows), logits=logits)
    return logits
