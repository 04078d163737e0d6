"""The dataset audit: what week 1 says about the data before any model sees it."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ..dataset import Dataset
from ..tokens import TokenCounter
from ..words import Words
from .labels import audit_labels, audit_merges, old_labels, suspect_pairs
from .model import Audit
from .questions import questions
from .texts import audit_duplicates, audit_texts

__all__ = ["Audit", "audit"]

_SUSPECTS_KEPT = 100


def audit(dataset: Dataset, tokenizer: TokenCounter | None = None) -> Audit:
    """Audit a dataset.

    Args:
        dataset: with at least one row.
        tokenizer: texts → token counts (untruncated, special tokens included). None: the tokenizer of the installed
            weights package; where there is none, token figures are estimated from words and say so.

    Raises:
        InputError: the dataset has no rows.
    """
    splits = dataset.splits
    if not any(len(split) for split in splits.values()):
        raise InputError("there are no rows to audit", where=dataset.name)
    words = Words.of(np.concatenate([split.texts for split in splits.values()]))
    suspects = suspect_pairs(dataset)
    exact, near = audit_duplicates(dataset, words)
    found = Audit(
        dataset=dataset.name,
        revision=dataset.revision,
        course=dataset.course.name,
        synthetic=dataset.synthetic,
        rows={name: len(split) for name, split in splits.items()},
        sampled_of={name: split.sampled_of for name, split in splits.items() if split.sampled_of is not None},
        labels=audit_labels(dataset),
        merge=audit_merges(dataset.provenance),
        suspects=tuple(suspects[:_SUSPECTS_KEPT]),
        suspects_found=len(suspects),
        old_labels=tuple(old_labels(dataset.provenance)),
        texts=audit_texts(dataset, words, tokenizer),
        exact=exact,
        near=near,
        questions=(),
        notes=dataset.notes,
    )
    return found.model_copy(update={"questions": tuple(questions(found))})
