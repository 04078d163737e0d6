"""Near-identical prose between students: shown side by side, never a verdict.

MinHash with locality-sensitive hashing (Broder 1997) finds candidates; the similarity shown is exact. Wording that a
part of the class shares (prompts, the course's template) is left out first: it says nothing about two of them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

SHINGLE = 5
"""Words that stand together."""
THRESHOLD = 0.4
"""Jaccard similarity from which two texts are shown."""
LIKELY = 0.3
"""Candidates are looked for from here: hashing estimates with an error of about 0.08."""
MIN_SHINGLES = 40
SHARED = 0.2
"""A wording in more than this share of the class, and at least in four texts, is the class's."""
MAX_PAIRS = 50
_EXCERPT = 160
"""Words of each text that are shown."""
_PERMUTATIONS = 128


@dataclass(frozen=True)
class Run:
    """Words in a row that the other text has too, or has not."""

    text: str
    shared: bool


@dataclass(frozen=True)
class Pair:
    """Two students whose texts are alike."""

    one: str
    other: str
    similarity: float
    excerpts: tuple[tuple[Run, ...], tuple[Run, ...]]


def similar(texts: Mapping[str, str]) -> list[Pair]:
    """Pairs of students with alike prose, the most alike first.

    Args:
        texts: the author's text by student.
    """
    from datasketch import MinHash, MinHashLSH

    words = {student: _words(text) for student, text in texts.items()}
    shingles = {student: _shingles(found) for student, found in words.items()}
    seen = Counter(shingle for found in shingles.values() for shingle in found)
    common = {shingle for shingle, times in seen.items() if times >= 4 and times > SHARED * len(texts)}
    # A text of which nothing but the class's wording is left would be alike to every other such text.
    own = {student: left for student, found in shingles.items() if len(left := found - common) >= MIN_SHINGLES}
    lsh = MinHashLSH(threshold=LIKELY, num_perm=_PERMUTATIONS)
    pairs = []
    for student, found in own.items():
        sketch = MinHash(num_perm=_PERMUTATIONS, hashfunc=_first_four)
        sketch.update_batch(sorted(found))
        for near in lsh.query(sketch):
            alike = len(found & own[near]) / len(found | own[near])
            if alike >= THRESHOLD:
                pairs.append((alike, near, student))
        lsh.insert(student, sketch)
    return [
        Pair(one, other, alike, (_excerpt(words[one], own[other]), _excerpt(words[other], own[one])))
        for alike, one, other in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:MAX_PAIRS]
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’.][^\W_]+)*", text)


def _shingles(words: list[str]) -> set[bytes]:
    folded = [word.casefold() for word in words]
    texts = (" ".join(folded[at : at + SHINGLE]) for at in range(len(folded) - SHINGLE + 1))
    return {hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in texts}


def _first_four(data: bytes) -> int:
    """Shingles are digests already."""
    return int.from_bytes(data[:4], "little")


def _excerpt(words: list[str], other: set[bytes]) -> tuple[Run, ...]:
    """The stretch with most shared words, split into what is shared and what is not."""
    inside = [False] * len(words)
    folded = [word.casefold() for word in words]
    for at in range(len(words) - SHINGLE + 1):
        text = " ".join(folded[at : at + SHINGLE])
        if hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() in other:
            inside[at : at + SHINGLE] = [True] * SHINGLE
    start, best, count = 0, -1, 0
    for at, shared in enumerate(inside):
        count += shared - (inside[at - _EXCERPT] if at >= _EXCERPT else 0)
        if count > best:
            best, start = count, max(0, at - _EXCERPT + 1)
    runs: list[Run] = []
    for word, shared in zip(words[start : start + _EXCERPT], inside[start : start + _EXCERPT], strict=True):
        if runs and runs[-1].shared == shared:
            runs[-1] = Run(f"{runs[-1].text} {word}", shared)
        else:
            runs.append(Run(word, shared))
    return tuple(runs)
