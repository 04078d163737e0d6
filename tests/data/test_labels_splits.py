from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.data import Course, load_course, load_dataset
from reportgen.data.courses import LongTail
from reportgen.data.labels import clean_labels
from reportgen.data.splits import allocate, holdout, long_tail, sample, three_way
from reportgen.errors import InputError

LABELS = st.lists(st.integers(0, 6), min_size=2, max_size=120).map(lambda ids: np.array(ids, np.int16))


def course(**fields: object) -> Course:
    return Course(name="c", title="C", folder=Path(), **fields)


def test_labels_worked_by_hand():
    raw = [
        "Fees",
        "fees",
        " Fees",
        "FEES ",
        "Fees",
        "Old  name",
        "Old name",
        "Can’t pay",
        "Can't pay",
        "Can't pay",
        "odd",
    ]
    rows = pd.Series([name.strip() for name in raw], dtype=object)
    found = clean_labels(rows, course(labels=("Can't pay", "Fees", "New"), merge={"Old name": "New"}), "d.csv")
    assert found.names == ("Can't pay", "Fees", "New")
    assert found.final.fillna("-").tolist() == ["Fees"] * 5 + ["New"] * 2 + ["Can't pay"] * 3 + ["-"]
    assert found.raw == {
        "Can't pay": 2,
        "Can’t pay": 1,
        "FEES": 1,
        "Fees": 3,
        "Old  name": 1,
        "Old name": 1,
        "fees": 1,
        "odd": 1,
    }
    assert found.merged["Old  name"] == ("New", 1)
    assert found.merged["fees"] == ("Fees", 1)
    assert found.dropped == {"odd": 1}
    assert any("only case, spaces or apostrophes" in note for note in found.notes)


def test_without_a_list_the_most_frequent_spelling_wins_and_small_labels_go():
    rows = pd.Series(["B", "b", "b", "a", "a", "rare"], dtype=object)
    found = clean_labels(rows, course(min_class_count=2), "d.csv")
    assert found.names == ("a", "b")
    assert found.merged == {"B": ("b", 1)}
    assert found.dropped == {"rare": 1}


def test_a_foreign_label_list_is_an_error():
    with pytest.raises(InputError, match="no label of course c occurs; the first found are 'x', 'y'"):
        clean_labels(pd.Series(["x", "y"], dtype=object), course(labels=("a", "b")), "d.csv")


@given(LABELS, st.integers(0, 150), st.integers(0, 99))
def test_allocation_is_proportional_and_bounded(labels: np.ndarray, total: int, seed: int):
    counts = np.bincount(labels, minlength=8)
    quota = allocate(counts, total, np.random.default_rng(seed))
    assert (quota >= 0).all()
    assert (quota <= counts).all()
    assert quota.sum() == min(total, counts.sum())
    assert (np.abs(quota - counts * min(total, counts.sum()) / counts.sum()) < 1).all()


@given(LABELS, st.integers(0, 99))
@settings(max_examples=200)
def test_three_way_split_is_a_deterministic_partition(labels: np.ndarray, seed: int):
    parts = three_way(labels, seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(labels)))
    assert all((np.diff(part) > 0).all() for part in parts.values())
    again = three_way(labels, seed)
    assert all((parts[name] == again[name]).all() for name in parts)
    train = Counter(labels[parts["train"]].tolist())
    for label, n in Counter(labels.tolist()).items():
        assert train[label] >= 1
        assert abs(train[label] - 0.8 * n) <= 1 + len(set(labels.tolist()))
    if len(labels) >= 2 * len(set(labels.tolist())) * 5:
        assert abs(len(parts["val"]) - len(parts["test"])) <= 1


def test_split_sizes_of_plain_data():
    labels = np.repeat(np.arange(4), 250)
    parts = three_way(labels, 42)
    assert {name: len(part) for name, part in parts.items()} == {"train": 800, "val": 100, "test": 100}
    assert all((np.bincount(labels[part]) == len(part) // 4).all() for part in parts.values())
    assert (three_way(labels, 1)["val"] != parts["val"]).any()


def test_a_class_of_one_is_never_held_out():
    labels = np.array([0] * 30 + [1] + [2, 2])
    for seed in range(30):
        kept, held = holdout(labels, 0.5, seed)
        assert {0, 1, 2} == set(labels[kept].tolist())
        assert len(kept) + len(held) == 33


def test_sample_keeps_classes_only_where_asked():
    labels = np.array([0] * 990 + list(range(1, 11)))
    kept = sample(labels, 50, 42, keep_classes=True)
    assert len(kept) == 50
    assert set(labels[kept].tolist()) == set(range(11))
    assert np.bincount(labels[sample(labels, 50, 42, keep_classes=False)])[0] >= 49
    assert len(sample(labels, 5, 42, keep_classes=True)) == 5
    assert len(sample(labels, 5_000, 42, keep_classes=True)) == 1_000


def test_long_tail_by_hand():
    labels = np.repeat(np.arange(3), 10)
    kept, val = long_tail(labels, 3, LongTail(largest=9, smallest=1, seed=0, val_per_class=4))
    ranks = np.random.RandomState(0).permutation(3)
    sizes = dict(zip(ranks.tolist(), [9, 3, 1], strict=True))
    assert dict(enumerate(np.bincount(labels[kept]).tolist())) == sizes
    assert dict(enumerate(np.bincount(labels[val]).tolist())) == {label: min(4, 10 - n) for label, n in sizes.items()}
    assert not set(kept.tolist()) & set(val.tolist())


def test_banking77_long_tail_is_the_published_cut(shared_data: Path):
    data = load_dataset(shared_data, course="banking77lt")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 2_933, "val": 1_405, "test": 3_080}
    assert (data.train_counts.max(), data.train_counts.min(), int((data.train_counts < 10).sum())) == (166, 2, 27)
    assert (np.bincount(data.splits["test"].labels) == 40).all()
    assert np.bincount(data.splits["val"].labels).max() == 20
    assert not set(data.splits["train"].row_ids) & set(data.splits["val"].row_ids)


def test_real_complaints_under_the_course(shared_data: Path):
    source = shared_data / "cfpb_sample.parquet"
    data = load_dataset(source, text="narrative", label="issue", course="ecbs5200")
    raw = pd.read_parquet(source).set_index("complaint_id")
    assert len(data.labels) == 113
    present = set().union(*(split.labels.tolist() for split in data.splits.values()))
    assert len(present) == 58
    assert data.provenance.raw_rows == 2_077
    assert len(data.provenance.raw_labels) == 67
    assert data.provenance.merged["Closing an account"] == ("Closing your account", 19)
    assert data.provenance.merged["Cont'd attempts collect debt not owed"] == ("Attempts to collect debt not owed", 6)
    assert data.provenance.dropped == {"Problem with a company's investigation into an existing problem": 6}
    assert sum(map(len, data.splits.values())) == 2_071
    merge = load_course("ecbs5200").merge
    for name, split in data.splits.items():
        assert data.provenance.dates[name][0] == raw.loc[split.row_ids[0], "date_received"][:4]
        for row, text, label in zip(split.row_ids, split.texts, split.labels, strict=True):
            issue = raw.loc[row, "issue"]
            assert text == raw.loc[row, "narrative"]
            assert data.labels[label] == merge.get(issue, issue)


def table(tmp_path: Path, n: int = 100, **columns: object) -> Path:
    path = tmp_path / "d.parquet"
    pd.DataFrame({"text": [f"t {i}" for i in range(n)], "label": ["a", "b"] * (n // 2), **columns}).to_parquet(path)
    return path


def test_limit_is_recorded(tmp_path: Path):
    data = load_dataset(table(tmp_path), limit=20)
    assert {name: (len(split), split.sampled_of) for name, split in data.splits.items()} == {
        "train": (20, 80),
        "val": (10, None),
        "test": (10, None),
    }
    assert data.train_counts.tolist() == [10, 10]


def test_row_ids_come_from_an_id_column_only_if_unique(tmp_path: Path):
    ids = set(load_dataset(table(tmp_path, complaint_id=range(500, 600))).splits["train"].row_ids)
    assert ids <= {str(i) for i in range(500, 600)}
    for bad in ([1] * 100, [None, *range(99)]):
        ids = set(load_dataset(table(tmp_path, id=bad)).splits["train"].row_ids)
        assert ids <= {f"row:{i}" for i in range(100)}


def test_index_files_select_raw_rows_before_anything_else(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    frame = pd.DataFrame({"text": [f"t {i}" for i in range(12)], "label": ["a", "b", "x"] * 4})
    frame.to_csv(folder / "train.csv", index=False)
    frame.to_csv(folder / "test.csv", index=False)
    (folder / "train_indices.json").write_text("[0, 1, 2, 4, 6, 7]")
    (folder / "val_indices.json").write_text("[9, 10]")
    (tmp_path / "course.toml").write_text('title = "t"\nlabels = ["a", "b"]\n')
    data = load_dataset(folder, course=tmp_path)
    assert data.splits["train"].row_ids.tolist() == ["train:0", "train:1", "train:4", "train:6", "train:7"]
    assert data.splits["val"].row_ids.tolist() == ["train:9", "train:10"]
    assert len(data.splits["test"]) == 8
    assert data.provenance.dropped == {"x": 5}

    for bad, says in [
        ("[0, 12]", "below 12"),
        ("[0, 0]", "twice"),
        ("[9]", "overlap"),
        ("{}", "not a list"),
        ("[", "read"),
    ]:
        (folder / "train_indices.json").write_text(bad)
        with pytest.raises(InputError, match=says):
            load_dataset(folder, course=tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        load_dataset(folder, course=tmp_path, indices=tmp_path)


def test_canonical_indices_fit_the_canonical_sizes(shared_data: Path):
    sizes = {
        name: len(json.loads((shared_data / f"course/{name}_indices.json").read_text())) for name in ("train", "val")
    }
    canonical = load_course("ecbs5200").canonical
    assert sizes == {name: canonical[name] for name in sizes}
