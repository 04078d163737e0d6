from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportgen.data import Dataset, load_dataset
from reportgen.data.csvfile import MAX_CELL, parse_csv
from reportgen.errors import InputError, ReportgenError, UsageError

ROWS = [(f"text number {i}, which is long enough", "ab"[i % 2]) for i in range(20)]


def csv_of(rows, sep=",", header=("text", "label")) -> str:
    return "\n".join(sep.join(f'"{cell}"' for cell in row) for row in [header, *rows]) + "\n"


def write(tmp_path: Path, content: str | bytes, name: str = "d.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts_of(data: Dataset) -> dict[str, str]:
    return {row: text for split in data.splits.values() for row, text in zip(split.row_ids, split.texts, strict=True)}


def labels_of(data: Dataset) -> dict[str, str]:
    return {
        row: data.labels[label]
        for split in data.splits.values()
        for row, label in zip(split.row_ids, split.labels, strict=True)
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_encodings_and_separators_give_the_same_rows(tmp_path: Path, encoding: str, sep: str):
    rows = [("café, crème; brûlée | ok", label) if i == 0 else (text, label) for i, (text, label) in enumerate(ROWS)]
    data = load_dataset(write(tmp_path, csv_of(rows, sep).encode(encoding)))
    assert texts_of(data) == {f"row:{i}": text for i, (text, _) in enumerate(rows)}
    assert labels_of(data) == {f"row:{i}": label for i, (_, label) in enumerate(rows)}
    said = " ".join(data.notes)
    assert ("read as" in said) == (encoding in ("utf-16", "cp1252"))
    assert ("separated by" in said) == (sep != ",")


def test_latin1_with_a_stray_quote_keeps_every_row(tmp_path: Path):
    lines = ["text,label", *(f'"plain, quoted {i}",{"ab"[i % 2]}' for i in range(10))]
    lines[4] = '"I was told \xe0 voce no,a'
    lines[7] = 'he said "no" and left,b'
    data = load_dataset(write(tmp_path, "\n".join(lines).encode("latin-1")))
    texts = texts_of(data)
    assert len(texts) == 10
    assert texts["row:3"] == '"I was told à voce no'
    assert texts["row:4"] == "plain, quoted 4"
    assert texts["row:6"] == 'he said "no" and left'
    assert any("line 5" in note for note in data.notes)


def test_stray_quote_that_cannot_be_resolved_names_its_line(tmp_path: Path):
    path = write(tmp_path, 'text,label\nfine,a\n"open, and a comma,b\nfine,a\n')
    with pytest.raises(InputError, match=r"quote starts here.*d\.csv, line 3"):
        load_dataset(path)


def test_quoted_cells_may_span_lines_and_rows_are_counted_as_records(tmp_path: Path):
    data = load_dataset(write(tmp_path, 'text,label\n"two\nlines",a\n\nx y z,b\n"a ""quote""",a\nq,b\n'))
    assert texts_of(data) == {"row:0": "two\nlines", "row:1": "x y z", "row:2": 'a "quote"', "row:3": "q"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("text,label\n", "no rows"),
        ("text,label\na\0b,c\n", "NUL byte.*line 2"),
        (b"\xff\xfea\x00,\x00b\x00", "no rows"),
        (b"\xff\xfea", "cannot be decoded"),
        ("text,text,label\na,b,c\n", "two columns are called 'text'"),
        ("text,label\na,b\nc,d,e\n", "3 cells where the header has 2 \\(d.csv, line 3\\)"),
        ("text,label\nx,a\ny,a\nz,a\n", "only one label, 'a'"),
        ("text,label\nx,\n,a\n", "no rows with a text and a label"),
        ("text,label\nx,a\ny,b\nz,c\n", "no label has enough rows"),
        ("text\nx\ny\n", "no column looks like a label"),
        (b"PK\x03\x04rest", "spreadsheet"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path: Path, content: str | bytes, says: str):
    with pytest.raises(InputError, match=says) as caught:
        load_dataset(write(tmp_path, content), course="generic")
    assert "\n" not in str(caught.value)


def test_a_cell_of_ten_megabytes_is_refused_at_once(tmp_path: Path):
    started = time.perf_counter()
    for content, line in (
        ("text,label\n" + "x" * 10_000_000 + ",a\n", 2),
        ('text,label\nx,a\n"' + "x y\n" * 2_500_000 + '",a\n', 3),
    ):
        with pytest.raises(InputError, match=rf"longer than 131,072 characters starts here \(d\.csv, line {line}\)"):
            load_dataset(write(tmp_path, content))
    assert time.perf_counter() - started < 20


def test_missing_column_names_the_columns_and_the_nearest(tmp_path: Path):
    path = write(tmp_path, csv_of(ROWS, header=("narrative", "issue")))
    with pytest.raises(InputError, match=r"no column called 'narative' \(--text\).*did you mean 'narrative'.*issue"):
        load_dataset(path, text="narative")
    with pytest.raises(InputError, match="two different columns"):
        load_dataset(path, text="issue", label="issue")


def test_columns_are_matched_loosely_or_guessed_and_it_is_said(tmp_path: Path):
    rows = [(str(i), f"some longer text here {i}", "xy"[i % 2]) for i in range(20)]
    data = load_dataset(write(tmp_path, csv_of(rows, header=("n", "what happened", "kind"))))
    assert data.labels == ("x", "y")
    assert texts_of(data)["row:3"] == "some longer text here 3"
    assert any("'what happened' has the longest text" in note for note in data.notes)
    assert any("'kind' repeats few values" in note for note in data.notes)
    data = load_dataset(write(tmp_path, csv_of(ROWS, header=("Words", "Kind"))), text="words", label=" kind")
    assert data.labels == ("a", "b")
    assert not any("guessed" in note for note in data.notes)


def test_a_separator_inside_the_text_does_not_mislead(tmp_path: Path):
    rows = "".join(f"a; b; c; {i};d,{'xy'[i % 2]}\n" for i in range(10))
    assert load_dataset(write(tmp_path, "text,label\n" + rows)).labels == ("x", "y")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 2] * 10, ("1", "2")),
        ([1.0, 2.0, *([np.nan] * 2), *([1.0, 2.0] * 8)], ("1", "2")),
        ([1.5, 2.0] * 10, ("1.5", "2.0")),
        ([True, False] * 10, ("False", "True")),
        ([b"a", b"b"] * 10, ("a", "b")),
        ([["a"], ["b"]] * 10, ("a", "b")),
        ([None, "a", "b", "b", "a"] * 4, ("a", "b")),
        ([np.inf, 1.0] * 10, ("1.0", "inf")),
    ],
)
def test_label_types(tmp_path: Path, labels: list[object], expected: tuple[str, ...]):
    path = tmp_path / "d.parquet"
    pd.DataFrame({"text": [f"text {i}" for i in range(20)], "label": labels}).to_parquet(path)
    data = load_dataset(path)
    assert data.labels == expected
    assert data.provenance.empty_rows == sum(label is None or label != label for label in labels)


def test_text_types(tmp_path: Path):
    path = tmp_path / "d.parquet"
    pd.DataFrame({"text": [["two", "words"]] * 4, "label": ["a", "b"] * 2}).to_parquet(path)
    assert set(texts_of(load_dataset(path)).values()) == {"two words"}
    pd.DataFrame({"text": [{"x": 1}] * 4, "label": ["a", "b"] * 2}).to_parquet(path)
    with pytest.raises(InputError, match="lists or records"):
        load_dataset(path)
    pd.DataFrame({"text": ["x" * (MAX_CELL + 1)] * 4, "label": ["a", "b"] * 2}).to_parquet(path)
    with pytest.raises(InputError, match=r"more than 131,072 characters.*row 0"):
        load_dataset(path)


def test_broken_parquet(tmp_path: Path):
    path = tmp_path / "d.parquet"
    pd.DataFrame({"text": ["x"] * 4, "label": ["a", "b"] * 2}).to_parquet(path)
    raw = path.read_bytes()
    for content in (raw[:-20], raw[:40], b"PAR1" + b"\0" * 40 + b"PAR1", b""):
        with pytest.raises(InputError):
            load_dataset(write(tmp_path, content, "broken.parquet"))


def test_folders_and_lists_keep_their_splits(tmp_path: Path):
    write(tmp_path, csv_of(ROWS), "my_train.csv")
    write(tmp_path, csv_of(ROWS[:6]), "my_test.csv")
    write(tmp_path, "not a table", "readme.md")
    for source in (tmp_path, f"{tmp_path}/my_train.csv, {tmp_path}/my_test.csv"):
        data = load_dataset(source)
        assert {name: len(split) for name, split in data.splits.items()} == {"train": 18, "val": 2, "test": 6}
        assert list(data.splits["test"].row_ids) == [f"test:{i}" for i in range(6)]
        assert set(data.splits["val"].row_ids) | set(data.splits["train"].row_ids) == {f"train:{i}" for i in range(20)}
    write(tmp_path, csv_of(ROWS[6:9]), "validation.csv")
    assert len(load_dataset(tmp_path).splits["val"]) == 3
    write(tmp_path, csv_of(ROWS), "train.csv")
    with pytest.raises(InputError, match="two files for the train split"):
        load_dataset(tmp_path)


def test_folder_without_splits(tmp_path: Path):
    with pytest.raises(InputError, match="no train, val or test files"):
        load_dataset(tmp_path)
    write(tmp_path, csv_of(ROWS))
    assert set(load_dataset(tmp_path).splits) == {"train", "val", "test"}


@pytest.mark.parametrize("source", ["", "nope.csv", "x/y.csv", "a/b/c", "\0", "train.csv,test.csv", "synthetic:nope"])
def test_sources_that_are_not_there(source: str):
    with pytest.raises(ReportgenError) as caught:
        load_dataset(source)
    assert "\n" not in str(caught.value)


def test_hub_without_a_network_fails_fast_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    datasets = pytest.importorskip("datasets")
    huggingface_hub = pytest.importorskip("huggingface_hub")

    def unreachable(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no route to host\nsecond line")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"cannot be reached.*no route to host.*no cached copy.*go online") as caught:
        load_dataset("determined-ai/consumer_complaints_medium", course="ecbs5200")
    assert time.perf_counter() - started < 5
    assert "\n" not in str(caught.value)
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_hub_splits_names_and_revision(monkeypatch: pytest.MonkeyPatch):
    datasets = pytest.importorskip("datasets")
    huggingface_hub = pytest.importorskip("huggingface_hub")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    part = datasets.Dataset.from_dict({"text": [f"t {i}" for i in range(20)], "label": [0, 1] * 10}, features=features)
    asked = {}

    def load(name: str, **options: object) -> object:
        asked.update(options, name=name)
        return datasets.DatasetDict(train=part, validation=part.select(range(4)), test=part, unsupervised=part)

    info = huggingface_hub.hf_api.DatasetInfo(id="o/n", sha="abc", private=False, downloads=0, likes=0, tags=[])
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *args, **kwargs: info)
    monkeypatch.setattr(datasets, "load_dataset", load)
    data = load_dataset("o/n")
    assert asked == {"name": "o/n", "revision": "abc"}
    assert (data.name, data.revision, data.labels) == ("o/n", "abc", ("no", "yes"))
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 20, "val": 4, "test": 20}


def test_hub_without_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'reportgen\[train\]'"):
        load_dataset("owner/name")


def test_senseless_limit(tmp_path: Path):
    with pytest.raises(UsageError, match="--limit 0"):
        load_dataset(write(tmp_path, csv_of(ROWS)), limit=0)


@given(st.binary(max_size=300) | st.text('text,label\n"ab;\r\t\0 é', max_size=120).map(str.encode))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_dataset_or_one_line(tmp_path: Path, raw: bytes):
    for content in (raw, b"text,label\nx,a\ny,b\nz,a\nw,b\n" + raw):
        path = write(tmp_path, content)
        try:
            data = load_dataset(path)
        except ReportgenError as error:
            said = str(error)
        else:
            said = " ".join(data.notes)
            assert sum(map(len, data.splits.values())) > 0
        assert "\n" not in said


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), min_size=2, max_size=2)
    )
)
@settings(max_examples=60, deadline=None)
def test_what_pandas_writes_is_read_back(rows: list[list[str]]):
    rows = [["u", "v"], *rows]
    frame = pd.DataFrame(rows, columns=["text", "label"])
    found, _ = parse_csv(frame.to_csv(index=False, quoting=csv.QUOTE_ALL).encode(), "d.csv", ("text", "label"))
    assert found.to_numpy().tolist() == rows
