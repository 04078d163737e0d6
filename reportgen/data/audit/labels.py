"""The label side of the audit: distribution, pipeline, suspect pairs, forms that changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset, Provenance
from .model import Dropped, LabelAudit, LabelRows, Merge, MergeAudit, OldLabel, SuspectPair, TierSize

Counts = NDArray[np.int64]

_RARE_BELOW = 0.001
_SUPPORT = (("0", 0), ("1", 1), ("2", 2), ("3-4", 4), ("5-10", 10), ("11-50", 50), ("51+", None))
_MAX_HOLDERS = 6
"""A word in more names than this is the subject of the data (loan, credit), not a likeness of two labels."""
_STEM = 5
"""Letters a word is compared by: closing and closed, threatening and threatened, manage and managing are one."""
_PLAIN = re.compile(
    "about|after|and|any|been|but|didn|does|don|during|exist|for|from|has|have|infor|into|issue|need|non|not|other|"
    "probl|that|the|their|this|using|was|were|when|with|witho|you|your"
)


def audit_labels(data: Dataset) -> LabelAudit:
    """Distribution of the labels over the splits; over all splits together where there is no train split."""
    by_split = {name: np.bincount(split.labels, minlength=len(data.labels)) for name, split in data.splits.items()}
    nothing = np.zeros(len(data.labels), np.int64)
    train = by_split.get("train", sum(by_split.values(), nothing))
    total = int(train.sum())
    ascending = np.sort(train)
    held = np.flatnonzero(train)
    top, smallest = int(train.argmax()), int(held[train[held].argmin()])
    rare = train < _RARE_BELOW * total
    return LabelAudit(
        listed=len(data.labels),
        present={name: int(np.count_nonzero(counts)) for name, counts in by_split.items()},
        top=data.labels[top],
        top_rows=int(train[top]),
        top_share=float(train[top] / total),
        smallest=data.labels[smallest],
        smallest_rows=int(train[smallest]),
        imbalance_ratio=float(train[top] / train[smallest]),
        rare_labels=int(rare.sum()),
        rare_share=float(train[rare].sum() / total),
        rare_below=_RARE_BELOW,
        head_shares={str(n): float(ascending[-n:].sum() / total) for n in (3, 10) if n < len(train)},
        tail_shares={str(n): float(ascending[:n].sum() / total) for n in (10, 30, 63) if n < len(train)},
        fewer_than={str(n): int((train < n).sum()) for n in (5, 20, 50, 100)},
        tiers={rule: _tier_sizes(tier, by_split) for rule, tier in tiers(train).items()},
        val_support=_support(by_split["val"]) if "val" in by_split else {},
        counts=tuple(
            LabelRows(name=name, **{split: int(by_split.get(split, nothing)[i]) for split in ("train", "val", "test")})
            for i, name in enumerate(data.labels)
        ),
    )


def tiers(train: Counts) -> dict[str, NDArray[np.str_]]:
    """Tier of each label under the three rules in force in the course, from its training rows.

    `reportgen.stats.tiers` is the reference; imports point the other way, so a test holds the two together.
    """
    rank = np.empty(len(train), np.int64)
    rank[np.lexsort((np.arange(len(train)), -train))] = np.arange(len(train))
    names = np.array(["head", "mid", "tail"])
    return {
        "count": names[np.where(train >= 2_000, 0, np.where(train >= 100, 1, 2))],
        "rank": names[np.where(rank < 20, 0, np.where(rank < 60, 1, 2))],
        "quartile": np.where(train <= np.sort(train)[len(train) // 4], "rare", "common"),
    }


def audit_merges(source: Provenance) -> MergeAudit:
    """What merging and dropping did to labels and rows."""
    final = {name: source.merged.get(name, (name, 0))[0] for name in source.raw_labels}
    merged_labels = set(final.values())
    return MergeAudit(
        raw_rows=source.raw_rows,
        raw_labels=len(source.raw_labels),
        merged_labels=len(merged_labels),
        kept_labels=len(merged_labels - set(source.dropped)),
        merged_rows=sum(rows for _, rows in source.merged.values()),
        dropped_rows=sum(source.dropped.values()),
        empty_rows=source.empty_rows,
        merged=tuple(
            Merge(old=old, new=new, rows=rows)
            for old, (new, rows) in sorted(source.merged.items(), key=lambda item: (-item[1][1], item[0]))
        ),
        dropped=tuple(
            Dropped(name=name, rows=rows)
            for name, rows in sorted(source.dropped.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def suspect_pairs(data: Dataset) -> list[SuspectPair]:
    """Pairs of labels with training rows that share a distinctive word or are both merge targets.

    A distinctive word is held by at most `_MAX_HOLDERS` names. Sorted by shared words, then by the rows of the smaller
    label: where confusion would cost most.
    """
    names = [name for name, rows in zip(data.labels, data.train_counts, strict=True) if rows]
    rows = {name: int(count) for name, count in zip(data.labels, data.train_counts, strict=True)}
    targets = {new for new, _ in data.provenance.merged.values()}
    shared = _shared_words(names)
    pairs = [
        SuspectPair(
            a=a,
            b=b,
            shared=shared.get((a, b), ()),
            merge_targets={a, b} <= targets,
            rows=(rows[a], rows[b]),
        )
        for a, b in combinations(names, 2)
        if (a, b) in shared or {a, b} <= targets
    ]
    return sorted(pairs, key=lambda pair: (-len(pair.shared), -min(pair.rows), pair.a, pair.b))


def old_labels(source: Provenance) -> list[OldLabel]:
    """Raw labels of three rows and more that were succeeded by another one.

    Their names share two distinctive words and at least half of the words of the shorter one; the old label's last
    year is at most one year after the new one's first, and the new one both begins and ends later.
    """
    years = {name: found for name, found in source.label_years.items() if sum(found.values()) >= 3}
    spans = {name: (min(found), max(found)) for name, found in years.items()}
    result = []
    for (a, b), shared in _shared_words(sorted(spans)).items():
        if len(shared) < max(2, min(len(_stems(a)), len(_stems(b))) / 2):
            continue
        for old, new in ((a, b), (b, a)):
            (first, last), (begins, ends) = spans[old], spans[new]
            if first < begins and last < ends and int(last) <= int(begins) + 1:
                result.append(
                    OldLabel(
                        old=old,
                        new=new,
                        shared=shared,
                        old_years=spans[old],
                        new_years=spans[new],
                        old_rows=sum(years[old].values()),
                        new_rows=sum(years[new].values()),
                        merged=_final(source, old) == _final(source, new),
                    )
                )
    return sorted(result, key=lambda item: (item.merged, -item.old_rows, item.old, item.new))


def _final(source: Provenance, name: str) -> str:
    return source.merged.get(name, (name, 0))[0]


def _stems(name: str) -> dict[str, str]:
    """Stem of each word that says something to the word."""
    words = re.findall(r"[a-z]{3,}", name.lower())
    return {word[:_STEM]: word for word in words if not _PLAIN.fullmatch(word[:_STEM])}


def _shared_words(names: list[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Pairs of names, in the order given, to the distinctive words they share, as the first one has them."""
    stems = {name: _stems(name) for name in names}
    holders = Counter(stem for found in stems.values() for stem in found)
    distinctive = {stem for stem, count in holders.items() if 2 <= count <= _MAX_HOLDERS}
    return {
        (a, b): tuple(stems[a][stem] for stem in stems[a] if stem in both)
        for a, b in combinations(names, 2)
        if (both := stems[a].keys() & stems[b].keys() & distinctive)
    }


def _tier_sizes(tier: NDArray[np.str_], by_split: Mapping[str, Counts]) -> dict[str, TierSize]:
    sizes = {}
    for name in ("head", "mid", "tail", "rare", "common"):
        chosen = tier == name
        if not chosen.any() and (name in ("rare", "common")) != ("common" in tier):
            continue
        rows = {split: int(counts[chosen].sum()) for split, counts in by_split.items()}
        shares = {split: rows[split] / max(int(counts.sum()), 1) for split, counts in by_split.items()}
        sizes[name] = TierSize(labels=int(chosen.sum()), rows=rows, shares=shares)
    return sizes


def _support(val: Counts) -> dict[str, int]:
    found, low = {}, 0
    for name, high in _SUPPORT:
        found[name] = int(((val >= low) & (val <= (val.max() if high is None else high))).sum())
        low = 0 if high is None else high + 1
    return found
