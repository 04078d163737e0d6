"""From a SOURCE to a dataset: select → clean and merge labels → drop → split → sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from . import splits
from .columns import as_text, find_columns, years
from .courses import Course, load_course
from .dataset import Dataset, Provenance, Split
from .labels import clean_labels
from .sources import ALL, Source, read_source
from .wording import count

if TYPE_CHECKING:
    import pandas as pd

_ORDER = ("train", "val", "test")


def load_dataset(
    source: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    course: str | Path | Course = "generic",
    seed: int = 42,
    limit: int | None = None,
    indices: str | Path | None = None,
) -> Dataset:
    """Read a SOURCE and give it labels and splits.

    Splits that come with the source stay; a missing `val` is a tenth of `train`, stratified. A source without splits is
    split 80/10/10, stratified, a label's last row always in `train`. A row is called by its `row_id`, `complaint_id` or
    `id` column where that is unique over the whole source (such an id survives sorting and exporting), else
    `<split>:<position in the source>`, with `row` for a source without splits.

    Args:
        source: see `reportgen.data.sources.read_source`.
        text: name of the text column; the course's or a guess if None.
        label: name of the label column; the course's or a guess if None.
        course: a shipped course, a folder with a `course.toml`, or a `Course`.
        seed: of the splits, the sample and the synthetic corpus.
        limit: at most so many rows of each split, a stratified sample.
        indices: folder with `train_indices.json` and `val_indices.json`: positions in the raw train table. The
            source's own folder is looked at if None.

    Raises:
        InputError: the source, a column, the labels or the indices cannot be used.
        UsageError: unknown course or senseless limit.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} leaves no rows", remedy="give a positive number")
    course = course if isinstance(course, Course) else load_course(course)
    found, rows, guessed = _read(source, course, text, label, seed)
    notes = list(found.notes)
    rows, selected = _selected(rows, found, indices, course)
    notes += [*guessed, *selected]

    empty = (rows["text"].str.strip() == "") | (rows["label"] == "")
    if empty.any():
        notes.append(f"Left out: {count(int(empty.sum()), 'row')} without text or label.")
    raw_rows, rows = len(rows), rows[~empty]
    if rows.empty:
        raise InputError("no rows with a text and a label", where=found.name)
    cleaned = clean_labels(rows["label"], course, found.name)
    notes += cleaned.notes
    label_years = _label_years(rows)
    kept = cleaned.final.notna()
    rows = rows[kept]
    ids = {name: position for position, name in enumerate(cleaned.names)}
    rows = rows.assign(label=cleaned.final[kept].map(ids).astype(np.int16))
    rows, said = _split(rows, course, len(cleaned.names), seed)
    notes += [*said, *_canonical_note(rows, found, course)]

    made, dates = {}, {}
    for name in _ORDER:
        part = rows[rows["split"] == name]
        if part.empty:
            continue
        full = len(part)
        if limit is not None and full > limit:
            part = part.iloc[splits.sample(part["label"].to_numpy(), limit, seed, keep_classes=name == "train")]
            notes.append(f"{name}: a stratified sample of {limit:,} of {full:,} rows.")
        made[name] = Split(
            row_ids=part["row_id"].to_numpy(object),
            texts=part["text"].to_numpy(object),
            labels=part["label"].to_numpy(np.int16),
            sampled_of=full if len(part) < full else None,
        )
        if "year" in part:
            dates[name] = part["year"].to_numpy(object)
    return Dataset(
        name=found.name,
        revision=found.revision,
        course=course,
        labels=cleaned.names,
        splits=made,
        provenance=Provenance(
            raw_rows=raw_rows,
            raw_labels=cleaned.raw,
            merged=cleaned.merged,
            dropped=cleaned.dropped,
            empty_rows=int(empty.sum()),
            label_years=label_years,
            dates=dates,
        ),
        notes=tuple(notes),
        synthetic=found.synthetic,
        licence=found.licence or (course.licence if found.name == course.hub_dataset else None),
    )


def load_texts(
    source: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    course: Course,
    seed: int = 42,
) -> NDArray[np.object_]:
    """Every text of a SOURCE, whatever split or label it has: for whoever looks for rows that were scored before.

    Raises:
        InputError: the source or a column cannot be used.
    """
    _, rows, _ = _read(source, course, text, label, seed)
    return rows["text"].to_numpy(object)


def _read(
    source: str | Path, course: Course, text: str | None, label: str | None, seed: int
) -> tuple[Source, pd.DataFrame, tuple[str, ...]]:
    wanted = (text, label, course.text_column, course.label_column)
    found = read_source(source, wanted=tuple(name for name in wanted if name), seed=seed)
    if found.synthetic:
        text, label = text or "text", label or "label"
    return found, *_rows(found, course, text, label)


def _rows(source: Source, course: Course, text: str | None, label: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """All tables as one: table, position, row_id, text, label and, where there is a date, year."""
    import pandas as pd

    parts: list[pd.DataFrame] = []
    ids: list[NDArray[np.object_] | None] = []
    notes: tuple[str, ...] = ()
    for name, table in source.tables.items():
        where = source.name if name == ALL else f"{source.name} ({name})"
        if table.empty:
            raise InputError("there are no rows", where=where)
        columns = find_columns(table, course, text, label, where)
        notes = notes or columns.notes
        part = pd.DataFrame(
            {
                "table": name,
                "position": np.arange(len(table)),
                "text": as_text(table[columns.text], f"{where}, column {columns.text!r}").to_numpy(object),
                "label": as_text(table[columns.label], f"{where}, column {columns.label!r}").to_numpy(object),
            }
        )
        if columns.date:
            part["year"] = years(table[columns.date]).to_numpy(object)
        ids.append(None if columns.row_id is None else as_text(table[columns.row_id], where).to_numpy(object))
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    if "year" in rows:
        rows["year"] = rows["year"].fillna("")
    rows["label"] = rows["label"].str.strip()
    rows["row_id"] = _row_ids(rows, ids)
    return rows, notes


def _label_years(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    if "year" not in rows:
        return {}
    found: dict[str, dict[str, int]] = {}
    dated = rows[rows["year"] != ""]
    for label, year, number in dated.groupby(["label", "year"]).size().reset_index().itertuples(index=False):
        found.setdefault(label, {})[year] = int(number)
    return found


def _row_ids(rows: pd.DataFrame, ids: list[NDArray[np.object_] | None]) -> NDArray[np.object_]:
    import pandas as pd

    given = [part for part in ids if part is not None]
    if len(given) == len(ids):
        own = pd.Series(np.concatenate(given), dtype=object).astype(str).str.strip()
        if own.is_unique and (own != "").all() and own.str.len().max() <= 128:
            return own.to_numpy(object)
    return (rows["table"] + ":" + rows["position"].astype(str)).to_numpy(object)


def _selected(
    rows: pd.DataFrame, source: Source, indices: str | Path | None, course: Course
) -> tuple[pd.DataFrame, list[str]]:
    """Rows with their split: the source's, or the index files' for the raw train table; '' where there is none yet."""
    rows = rows.assign(split=rows["table"].where(rows["table"] != ALL, ""))
    folders = [source.folder, course.folder / "indices"]
    at_hand = (folder for folder in folders if folder and (folder / "train_indices.json").is_file())
    folder = Path(indices) if indices is not None else next(at_hand, None)
    if folder is None:
        return rows, []
    first = next(iter(source.tables))
    if first not in ("train", ALL):
        raise InputError("index files need a train table", where=source.name)
    size = int((rows["table"] == first).sum())
    chosen = {name: _read_indices(folder / f"{name}_indices.json", size) for name in ("train", "val")}
    if len(np.intersect1d(chosen["train"], chosen["val"])):
        raise InputError("train_indices.json and val_indices.json overlap", where=folder)
    split = np.full(size, "", dtype=object)
    for name, positions in chosen.items():
        split[positions] = name
    table = (rows["table"] == first).to_numpy()
    rows.loc[table, "split"] = split
    selected = rows[~table | (rows["split"] != "")]
    left = len(rows) - len(selected)
    return selected, [
        f"Train and val follow the index files in {folder.name}"
        + (f"; {count(left, 'row')} in neither." if left else ".")
    ]


def _read_indices(path: Path, size: int) -> NDArray[np.int64]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from None
    if not isinstance(found, list) or not all(type(item) is int and 0 <= item < size for item in found):
        raise InputError(
            f"not a list of row positions below {size:,}",
            where=path,
            remedy="are these the index files of this dataset?",
        )
    if len(set(found)) != len(found):
        raise InputError("a row position occurs twice", where=path)
    return np.array(found, dtype=np.int64)


def _split(rows: pd.DataFrame, course: Course, k: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Give every row a split; cut the training rows where the course asks for it."""
    given = set(rows["split"])
    labels = rows["label"].to_numpy()
    split = rows["split"].to_numpy(object).copy()
    notes: list[str] = []
    if "" in given:
        # Index files leave no row without a split, so the whole source has none.
        for name, positions in splits.three_way(labels, seed).items():
            split[positions] = name
        notes.append(f"The source has no splits: stratified 80/10/10, seed {seed}.")
    train = np.flatnonzero(split == "train")
    if course.long_tail is not None and len(train):
        kept, val = splits.long_tail(labels[train], k, course.long_tail)
        notes.append(f"train: cut to an exponential tail, {len(kept):,} of {len(train):,} rows.")
        if "val" not in given and course.long_tail.val_per_class:
            split[split == "val"] = "cut"
            validating = train[val]
            without = len(np.setdiff1d(labels[train], labels[validating]))
            notes.append(
                f"val: {len(val):,} training rows the cut left out, at most {course.long_tail.val_per_class} a label"
                + (f"; {count(without, 'label')} without." if without else ".")
            )
        else:
            validating = np.empty(0, np.int64)
        split[np.setdiff1d(train, train[kept])] = "cut"
        split[validating] = "val"
    elif "val" not in given and "train" in given and len(train) >= 10:
        _, held = splits.holdout(labels[train], 0.1, seed)
        split[train[held]] = "val"
        notes.append(f"val: a stratified tenth of train, {len(held):,} rows, seed {seed}.")
    notes += _unevaluated(labels, split, k)
    return rows.assign(split=split)[split != "cut"], notes


def _unevaluated(labels: NDArray[Any], split: NDArray[np.object_], k: int) -> list[str]:
    present = {name: np.bincount(labels[split == name], minlength=k) > 0 for name in _ORDER if (split == name).any()}
    if "train" not in present:
        return ["There is no training split."]
    learnt = present.pop("train")
    notes = []
    for name, seen in present.items():
        if missing := int((learnt & ~seen).sum()):
            notes.append(
                f"{name}: {count(missing, 'label')} of the training rows without a row here; they cannot be scored."
            )
        if new := int((seen & ~learnt).sum()):
            notes.append(f"{name}: {count(new, 'label')} without a training row; no model can learn them.")
    return notes


def _canonical_note(rows: pd.DataFrame, source: Source, course: Course) -> list[str]:
    if not course.canonical or source.name != course.hub_dataset:
        return []
    sizes = rows["split"].value_counts()
    if all(int(sizes.get(name, 0)) == size for name, size in course.canonical.items()):
        return ["The splits have the course's canonical sizes."]
    why = "figures on other rows cannot be compared with published ones"
    return [f"These are not the course's canonical splits: give its train_indices.json and val_indices.json; {why}."]
