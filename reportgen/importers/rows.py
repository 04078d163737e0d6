"""Which rows of a dataset a file's rows are: by id, by text, or by position where the labels prove the order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.data import Dataset, Split
from reportgen.errors import InputError, one_line

from .labels import Ids

_ORDER = ("val", "test", "train")
_REMEDY = "import against the data that was scored, or leave --data out"


@dataclass(frozen=True)
class Found:
    """Rows of one split: positions in the file, the same rows' positions in the split."""

    split: str
    in_file: NDArray[np.int64]
    in_data: NDArray[np.int64]


@dataclass(frozen=True)
class Match:
    """All rows of a file; `how` they were matched goes into the bundle."""

    found: tuple[Found, ...]
    how: str


def match_rows(
    data: Dataset,
    n: int,
    *,
    row_ids: Sequence[str] | None,
    texts: Sequence[str] | None,
    labels: Ids | None,
    split: str | None,
    where: str,
) -> Match:
    """Find a file's rows in the dataset.

    Args:
        data: the dataset.
        n: rows in the file.
        row_ids: their ids, if the file has any.
        texts: their texts, if the file has them; used where the ids are not the data's.
        labels: their true labels; None: taken from the data.
        split: the split the file speaks of, if it does.
        where: the file, for errors.

    Raises:
        InputError: rows that are not in the data, repeated rows, or labels that are not the data's.
    """
    if split is not None and split not in data.splits:
        have = ", ".join(data.splits)
        raise InputError(f"the data have no split {split!r}", where=where, remedy=f"they have {have}")
    match = None
    if row_ids is not None:
        match = _by_id(data, row_ids, texts, where)
    if match is None and texts is not None:
        match = _by_text(data, texts, labels, split, where)
    if match is None:
        match = _by_position(data, n, labels, split, where)
    if labels is not None:
        for part in match.found:
            _check_labels(data, part, labels, where)
    return match


def _by_id(data: Dataset, row_ids: Sequence[str], texts: Sequence[str] | None, where: str) -> Match | None:
    repeated = [(cell, count) for cell, count in Counter(row_ids).most_common(1) if count > 1]
    if repeated:
        cell, count = repeated[0]
        raise InputError(
            f"row id {one_line(cell, 60)!r} occurs {count} times", where=where, remedy="keep one row an id"
        )
    place = {row: (name, at) for name, split in data.splits.items() for at, row in enumerate(split.row_ids.tolist())}
    places = [place.get(row) for row in row_ids]
    missing = [at for at, found in enumerate(places) if found is None]
    if missing:
        if texts is not None and len(missing) == len(places):
            return None
        raise InputError(
            f"{len(missing):,} of {len(places):,} row ids are not in the data {data.name}, "
            f"first {one_line(row_ids[missing[0]], 60)!r}",
            where=where,
            remedy=_REMEDY,
        )
    grouped: dict[str, tuple[list[int], list[int]]] = {}
    for at, found in enumerate(places):
        if found is not None:
            in_file, in_data = grouped.setdefault(found[0], ([], []))
            in_file.append(at)
            in_data.append(found[1])
    if texts is not None:
        for name, (in_file, in_data) in grouped.items():
            own = data.splits[name].texts
            for at, position in zip(in_file, in_data, strict=True):
                if _key(texts[at]) != _key(own[position]):
                    raise InputError(
                        f"the text of row id {one_line(row_ids[at], 60)!r} is not the data's",
                        where=where,
                        remedy="the ids belong to other data: leave the column row_id out",
                    )
    return Match(tuple(Found(name, _ints(a), _ints(b)) for name, (a, b) in grouped.items()), "row_id")


def _by_text(data: Dataset, texts: Sequence[str], labels: Ids | None, split: str | None, where: str) -> Match:
    keys = [_key(text) for text in texts]
    distinct = set(keys)
    names = [split] if split else [name for name in _ORDER if name in data.splits]
    own = {name: [_key(text) for text in data.splits[name].texts.tolist()] for name in names}
    best = max(names, key=lambda name: len(distinct.intersection(own[name])))
    missing = distinct.difference(own[best])
    if missing:
        first = next(at for at, key in enumerate(keys) if key in missing)
        raise InputError(
            f"{len(missing):,} texts are not in {best} of the data {data.name}, first in row {first + 1}: "
            f"{one_line(texts[first], 50)!r}",
            where=where,
            remedy=_REMEDY,
        )
    # Equal texts occur in real complaints: they are told apart by their label, then by their order.
    true = data.splits[best].labels.tolist() if labels is not None else [0] * len(own[best])
    stated = labels.tolist() if labels is not None else [0] * len(keys)
    pools: dict[tuple[str, int], deque[int]] = {}
    for at, pair in enumerate(zip(own[best], true, strict=True)):
        pools.setdefault(pair, deque()).append(at)
    in_data = []
    for at, pair in enumerate(zip(keys, stated, strict=True)):
        pool = pools.get(pair)
        if pool is None:
            raise InputError(
                f"the label of row {at + 1} is not the one its text has in the data", where=where, remedy=_REMEDY
            )
        if not pool:
            raise InputError(
                f"the text of row {at + 1} occurs more often than in the data", where=where, remedy="keep one row each"
            )
        in_data.append(pool.popleft())
    return Match((Found(best, np.arange(len(keys)), _ints(in_data)),), "text")


def _by_position(data: Dataset, n: int, labels: Ids | None, split: str | None, where: str) -> Match:
    names = [split] if split else [name for name in _ORDER if name in data.splits]
    fitting = [name for name in names if len(data.splits[name]) == n]
    if not fitting:
        sizes = ", ".join(f"{name} {len(data.splits[name]):,}" for name in names)
        raise InputError(
            f"{n:,} rows without ids; the data have {sizes}",
            where=where,
            remedy="add a column row_id or text, or leave --data out",
        )
    every = np.arange(n)
    if labels is None:
        return Match((Found(fitting[0], every, every),), "position, unchecked: the file has no labels")
    for name in fitting:
        if np.array_equal(data.splits[name].labels, labels):
            return Match((Found(name, every, every),), "position, all labels agree")
    return Match((Found(fitting[0], every, every),), "position")


def _check_labels(data: Dataset, part: Found, labels: Ids, where: str) -> None:
    split: Split = data.splits[part.split]
    stated, true = labels[part.in_file], split.labels[part.in_data]
    differ = np.flatnonzero(stated != true)
    if differ.size:
        at = int(differ[0])
        names = data.labels
        raise InputError(
            f"{differ.size:,} of {len(stated):,} labels are not those of {part.split} in the data {data.name}, "
            f"first row {part.in_file[at] + 1}: {one_line(names[stated[at]], 50)!r}, in the data "
            f"{one_line(names[true[at]], 50)!r}",
            where=where,
            remedy="other rows, another order or another label list than the data's",
        )


def by_position_ids(n: int) -> list[str]:
    """Ids for rows that have none, as `write_bundle` gives them."""
    return [f"{at:0{len(str(n))}d}" for at in range(n)]


def _key(text: Any) -> str:
    """Line ends and blanks do not survive a CSV file."""
    return " ".join(str(text).split())


def _ints(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def subset(split: Split, part: Found) -> int | None:
    """N, when the rows are a sample of N."""
    if split.sampled_of is not None:
        return split.sampled_of
    return len(split) if len(part.in_data) < len(split) else None


def covered(data: Dataset, match: Match) -> Mapping[str, tuple[int, int]]:
    """Split to (rows in the file, rows in the data)."""
    return {part.split: (len(part.in_data), len(data.splits[part.split])) for part in match.found}
