"""A small dataset, outcomes on its rows, and files as others would leave them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.bundle import Bundle, find_bundles
from reportgen.data import Course, Dataset, load_course, load_dataset
from reportgen.errors import ReportgenError
from reportgen.importers import import_files

LABELS = ("Fees, and interest", "Closing", "Other", "Opening", 'Trouble with "quotes"')


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Texts with commas, quotes and line breaks; one text occurs twice in val."""
    folder = tmp_path_factory.mktemp("data") / "set"
    folder.mkdir()
    rng = np.random.default_rng(5)
    sizes = {"train": 120, "val": 60, "test": 40}
    for split, n in sizes.items():
        rows = [["id", "text", "label"]]
        for at in range(n):
            text = f'{split} text {at}, he said "no"\nand $ {at:04d} XXXX'
            rows.append([f"{split}-{at}", text, LABELS[at % 5 if at < 10 else int(rng.integers(0, 5))]])
        if split == "val":
            rows[8][1] = rows[3][1]
            rows[8][2] = rows[3][2]
        (folder / f"{split}.csv").write_text(csv_text(rows), encoding="utf-8")
    return load_dataset(folder)


@pytest.fixture(scope="session")
def course() -> Course:
    return load_course("ecbs5200")


@pytest.fixture(scope="session")
def logits(data: Dataset) -> np.ndarray:
    """Scores of a fair model on val, shape (60, 5)."""
    rng = np.random.default_rng(6)
    labels = data.splits["val"].labels
    scores = rng.normal(size=(len(labels), 5))
    scores[np.arange(len(labels)), labels] += 1.5
    return scores.astype(np.float16).astype(np.float64)


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def predictions_csv(
    data: Dataset,
    logits: np.ndarray | None,
    *,
    key: str = "row_id",
    order: Sequence[int] | None = None,
    scores: str = "logit_",
    ids: bool = False,
    prediction: bool = True,
    split: str = "val",
) -> str:
    """Val predictions as a CSV file: named by `row_id` or `text`, labels as names or ids."""
    part = data.splits[split]
    chosen = logits.argmax(axis=1)
    values = logits if scores == "logit_" else softmax(logits)
    header = [key, "label"] if key else ["label"]
    header += ["prediction"] if prediction else []
    header += [f"{scores}{name}" for name in data.labels] if scores else []
    rows: list[list[Any]] = [header]
    for at in range(len(part)) if order is None else order:
        name = int if ids else (lambda label: data.labels[label])
        row: list[Any] = [{"row_id": part.row_ids, "text": part.texts}[key][at]] if key else []
        row.append(name(part.labels[at]))
        row += [name(chosen[at])] if prediction else []
        row += [repr(float(value)) for value in values[at]] if scores else []
        rows.append(row)
    return csv_text(rows)


def softmax(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: text, bytes, JSON (a dict) or arrays (`npz=`)."""

    def write(name: str, content: str | bytes | dict[str, Any] | None = None, *, npz: Mapping[str, Any] | None = None):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if npz is not None:
            np.savez(path, **npz)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content) if isinstance(content, dict) else content or "", encoding="utf-8")
        return path

    return write


class Imported:
    """Import into a fresh folder; `said` keeps what the user is told."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.said: list[str] = []

    def __call__(self, *files: Path, **options: Any) -> list[Bundle]:
        self.said.clear()
        paths = import_files(files, self.runs, say=self.said.append, **options)
        everything = {bundle.path: bundle for bundle in find_bundles(self.runs)}
        assert [path.name for path in self.runs.iterdir() if path.name.startswith(".")] == []
        return [everything[path] for path in paths]

    def refused(self, *files: Path, **options: Any) -> str:
        """The one line the user gets; nothing may have been written."""
        before = sorted(self.runs.iterdir()) if self.runs.exists() else None
        with pytest.raises(ReportgenError) as caught:
            import_files(files, self.runs, say=self.said.append, **options)
        line = str(caught.value)
        assert "\n" not in line
        assert (sorted(self.runs.iterdir()) if self.runs.exists() else None) == before
        return line


@pytest.fixture
def bring(tmp_path: Path) -> Imported:
    return Imported(tmp_path / "runs")
