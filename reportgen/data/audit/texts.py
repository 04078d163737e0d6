"""The text side of the audit: lengths, redactions, tokens, language, duplicates."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset
from ..duplicates import THRESHOLD, Groups, exact_groups, near_groups
from ..slices import row_features
from ..tokens import TokenCounter, installed_counter
from ..words import Words
from .model import DuplicateGroup, Duplicates, TextAudit

TOKENS_PER_WORD = 1.27
"""BERT WordPiece tokens a white-space word on 2,077 real complaints, measured; the estimate where no tokenizer is."""
_SPECIAL_TOKENS = 2
_TOKENISED = 5_000
_SHOWN = 10

_FUNCTION_WORDS = re.compile(
    "the|a|an|and|or|but|if|of|to|in|on|at|by|for|with|from|as|is|are|was|were|be|been|am|do|did|does|have|has|had|i|me|"
    "my|we|our|you|your|he|she|they|them|their|it|its|this|that|these|those|not|no|can|could|will|would|when|what|how|"
    "who|why|which|there|then|than|so|just|all|any|some|after|before|because|about"
)
_REDACTION_WORDS = re.compile("x+")
_FUNCTION_SHARE, _FUNCTION_LENGTH = 0.1, 8
"""A text of eight words and more, redactions aside, with less than a tenth of such words does not look English. A
heuristic: lists of accounts and texts that lost their spaces are caught as well."""


def audit_texts(data: Dataset, words: Words, tokenizer: TokenCounter | None) -> dict[str, TextAudit]:
    """Facts about the texts of each split. `words` are those of all splits, in the dataset's order."""
    named = ("the given tokenizer", tokenizer) if tokenizer is not None else installed_counter()
    function_share = words.share_of(_FUNCTION_WORDS, aside=_REDACTION_WORDS)
    result, begin = {}, 0
    for name, split in data.splits.items():
        rows = slice(begin, begin + len(split))
        begin += len(split)
        features = row_features(split.texts, redaction=data.course.redaction)
        counts = features["words"].to_numpy()
        foreign = (words.lengths[rows] >= _FUNCTION_LENGTH) & (function_share[rows] < _FUNCTION_SHARE)
        result[name] = TextAudit(
            split=name,
            rows=len(split),
            redacted_share=float(features["redacted"].mean()),
            numeric_share=float(features["numeric"].mean()),
            words_median=float(np.median(counts)),
            words_mean=float(counts.mean()),
            words_p90=float(np.percentile(counts, 90)),
            words_max=int(counts.max()),
            within_50_words=float((counts <= 50).mean()),
            words_histogram=tuple(int(n) for n in np.histogram(counts[counts < 300], bins=100, range=(0, 300))[0]),
            words_over_300=int((counts >= 300).sum()),
            short_texts=int((words.lengths[rows] < 3).sum()),
            not_english_looking=int(foreign.sum()),
            not_english_rows=tuple(str(row) for row in split.row_ids[foreign][:_SHOWN]),
            **_tokens(split.texts, counts, data.course.max_length, named),
        )
    return result


def _tokens(
    texts: NDArray[np.object_], words: NDArray[np.int32], max_length: int, named: tuple[str, TokenCounter] | None
) -> dict[str, object]:
    """Token figures, of at most `_TOKENISED` evenly spaced texts; from the number of words where no tokenizer is."""
    if named is None:
        tokens = words * TOKENS_PER_WORD + _SPECIAL_TOKENS
        source, n, per_word, median = "estimate", 0, TOKENS_PER_WORD, None
    else:
        source, count = named
        chosen = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _TOKENISED)).astype(np.int64))
        tokens = np.asarray(count(list(texts[chosen])))
        n, median = len(chosen), float(np.median(tokens))
        per_word = float((tokens - _SPECIAL_TOKENS).sum() / max(int(words[chosen].sum()), 1))
    return {
        "max_length": max_length,
        "within_max_length": float((tokens <= max_length).mean()),
        "tokens_source": source,
        "tokens_n": n,
        "tokens_per_word": per_word,
        "tokens_median": median,
    }


def audit_duplicates(data: Dataset, words: Words) -> tuple[Duplicates, Duplicates]:
    """(exact, near) duplicates over all splits; near ones include the exact ones."""
    exact = exact_groups(np.concatenate([split.texts for split in data.splits.values()]))
    near = near_groups(words, exact)
    rule = f"at least {THRESHOLD:.0%} of the three-word shingles in common (Jaccard), exact ones included"
    return (
        _duplicates("exact", "equal but for case and white space", data, exact),
        _duplicates("near", rule, data, near),
    )


def _duplicates(kind: str, rule: str, data: Dataset, group: Groups) -> Duplicates:
    names = list(data.splits)
    split = np.repeat(np.arange(len(names)), [len(part) for part in data.splits.values()])
    labels = np.concatenate([part.labels for part in data.splits.values()]).astype(np.int64)
    row_ids = np.concatenate([part.row_ids for part in data.splits.values()])

    size = np.bincount(group)
    alike = np.flatnonzero(size[group] > 1)
    distinct = np.unique(np.stack([group[alike], labels[alike]], axis=1), axis=0)[:, 0]
    in_train = np.zeros(len(size), bool)
    in_train[group[split == names.index("train")] if "train" in names else []] = True
    leaked = {name: int(in_train[group[split == number]].sum()) for number, name in enumerate(names) if name != "train"}
    order = np.argsort(-size, kind="stable")[: min(_SHOWN, int((size > 1).sum()))]
    largest = []
    for number in order:
        rows = np.flatnonzero(group == number)
        spread = np.bincount(split[rows], minlength=len(names))
        largest.append(
            DuplicateGroup(
                rows=len(rows),
                splits={name: int(count) for name, count in zip(names, spread, strict=True) if count},
                labels=tuple(data.labels[label] for label in np.unique(labels[rows])),
                row_ids=tuple(str(row) for row in row_ids[rows][:5]),
            )
        )
    return Duplicates(
        kind=kind,
        rule=rule,
        groups=int((size > 1).sum()),
        rows=len(alike),
        surplus=len(alike) - int((size > 1).sum()),
        conflicting=int((np.unique(distinct, return_counts=True)[1] > 1).sum()),
        leaked=leaked,
        leaked_shares={name: count / len(data.splits[name]) for name, count in leaked.items()},
        largest=tuple(largest),
    )
