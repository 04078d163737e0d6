from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reportgen
from reportgen.bundle import AlreadyExists, BadOutcome, Contradiction, NotWritable, WrongTypes, read_bundle, text_sha256

NAMES = ["no", "yes", "maybe"]
LOGITS = [[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.5]]


def write(out: Path, **changes: Any) -> Any:
    arguments = {"labels": [0, 1, 2], "logits": LOGITS, "names": NAMES} | changes
    return read_bundle(reportgen.write_bundle(out, **arguments))


def test_five_lines(tmp_path: Path) -> None:
    bundle = write(tmp_path, model="My Model (v2)", texts=["x", "y", None], train_counts=[5, 2, 1], seed=3)
    assert bundle.path == tmp_path / "my-model-v2"
    part = bundle.predictions("val")
    assert part.row_ids.tolist() == ["0", "1", "2"]
    assert part.text_sha256.tolist() == text_sha256(["x", "y", None]).tolist()
    assert part.predictions.tolist() == [0, 1, 0]
    assert part.confidence[0] == pytest.approx(np.exp(2) / (np.exp(2) + np.exp(1) + 1), rel=1e-6)
    assert bundle.labels.train_counts == (5, 2, 1)
    assert (bundle.manifest.runner, bundle.manifest.seed) == ("notebook", 3)


def test_training_counts_are_unknown_unless_told(tmp_path: Path) -> None:
    assert write(tmp_path).labels.train_counts == ()


def test_arrays_of_every_kind_give_the_same_outcomes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    kinds = {
        "lists": ([0, 1, 2], LOGITS),
        "numpy": (np.array([0, 1, 2], np.int8), np.array(LOGITS, np.float32)),
        "names": (["no", "yes", "maybe"], np.array(LOGITS)),
        "pandas": (pd.Series([0, 1, 2]), pd.DataFrame(LOGITS)),
        "categories": (pd.Series(["no", "yes", "maybe"], dtype="category"), LOGITS),
        "torch": (torch.tensor([0, 1, 2]), torch.tensor(LOGITS, requires_grad=True)),
        "bfloat16": (torch.tensor([0, 1, 2]), torch.tensor(LOGITS, dtype=torch.bfloat16)),
    }
    digests = set()
    for name, (labels, logits) in kinds.items():
        bundle = write(tmp_path, labels=labels, logits=logits, run_id=name)
        part = bundle.predictions("val")
        assert part.logits.tolist() == LOGITS, name
        digests.add(part.rows_sha256)
    assert len(digests) == 1


def test_several_splits(tmp_path: Path) -> None:
    bundle = write(
        tmp_path,
        labels={"test": [0, 1], "train": [0, 0, 2], "val": [1, 1, 1]},
        logits={"val": LOGITS, "train": LOGITS, "test": LOGITS[:2]},
        texts={"test": ["a", "b"], "train": ["c", "d", "e"], "val": ["f", "g", "h"]},
    )
    assert bundle.splits == ("train", "val", "test")
    assert bundle.labels.train_counts == (2, 0, 1)
    assert bundle.predictions("test").labels.tolist() == [0, 1]


def test_unparsed_answers(tmp_path: Path) -> None:
    bundle = write(tmp_path, logits=None, predictions=[0, -1, 2], family="prompted")
    assert bundle.predictions("val").predictions.tolist() == [0, -1, 2]
    assert bundle.predictions("val").confidence is None
    named = write(tmp_path, logits=None, predictions=["no", "yes", "no"], family="prompted", run_id="named")
    assert named.predictions("val").predictions.tolist() == [0, 1, 0]


def test_a_cell_run_twice_is_no_problem_and_other_outcomes_are_not_written_over(tmp_path: Path) -> None:
    first = write(tmp_path)
    assert write(tmp_path).root == first.root
    for change in (
        {"logits": np.array(LOGITS) * 2},
        {"labels": [0, 1, 1]},
        {"train_counts": [1, 2, 3]},
        {"seed": 4},
        {"names": ["a", "b", "c"]},
        {"course": "ecbs5200"},
        {"training": pd.DataFrame({"step": [1]})},
    ):
        with pytest.raises(AlreadyExists, match="run_id="):
            write(tmp_path, **change)
    assert read_bundle(first.path).root == first.root


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"names": "abc"}, BadOutcome, "not a list of label names"),
        ({"names": NAMES[:2], "labels": [0, 1, 1]}, BadOutcome, "3 logits a row for 2 label names"),
        ({"names": []}, BadOutcome, "not a list of label names"),
        ({"names": ["a", 2, "c"]}, BadOutcome, "not a list of label names"),
        ({"logits": None}, BadOutcome, "either logits or predictions"),
        ({"predictions": [0, 1, 2]}, BadOutcome, "either logits or predictions"),
        ({"labels": [0, 1]}, BadOutcome, "3 outcomes for 2 row ids"),
        ({"labels": [0, 1, 3]}, BadOutcome, "labels run from 0 to 3"),
        ({"labels": [1, 2, 3]}, BadOutcome, "ids that start at 0"),
        ({"labels": [0.0, 1.0, 2.0]}, BadOutcome, "labels are float64"),
        ({"labels": [[0], [1], [2]]}, BadOutcome, r"shape \(3, 1\)"),
        ({"labels": ["no", "yes", "perhaps"]}, BadOutcome, "not in names, such as 'perhaps'"),
        ({"labels": [0, "yes", None]}, BadOutcome, "labels are object"),
        ({"logits": np.array(LOGITS) * np.nan}, BadOutcome, "3 rows are NaN"),
        ({"logits": [[1.0, 2.0], [1.0]]}, BadOutcome, "different lengths"),
        ({"logits": [1.0, 2.0, 3.0]}, BadOutcome, r"shape \(3,\)"),
        ({"row_ids": ["a", "a", "b"]}, BadOutcome, "row ids repeat"),
        ({"row_ids": ["a"]}, BadOutcome, "row ids"),
        ({"row_ids": [1.5, 2.5, 3.5]}, BadOutcome, "neither strings nor integers"),
        ({"texts": ["a"]}, BadOutcome, "1 text_sha256 for 3"),
        ({"split": "dev"}, BadOutcome, "splits are train, val and test"),
        ({"labels": {"val": [0, 1, 2]}, "logits": {"test": LOGITS}}, BadOutcome, "are given for test, labels for val"),
        ({"labels": {}}, BadOutcome, "split"),
        ({"family": "transformer"}, WrongTypes, "family 'transformer'"),
        ({"run_id": "My Run"}, WrongTypes, "my-run"),
        ({"trained_on": ["dev"]}, WrongTypes, "trained_on"),
        ({"seed": "x"}, WrongTypes, "seed"),
        ({"train_counts": [1, 2]}, Contradiction, "2 train_counts for 3"),
    ],
)  # fmt: skip
def test_mistakes_are_named_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        write(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(NotWritable):
        write(tmp_path / "out")


def test_importing_is_cheap_and_needs_no_torch(tmp_path: Path) -> None:
    heavy = "{'torch', 'pandas', 'pyarrow', 'scipy', 'sklearn', 'matplotlib'}"
    script = f"""
import sys
import reportgen
assert 'numpy' not in sys.modules and 'pydantic' not in sys.modules
import reportgen.bundle
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
reportgen.write_bundle({str(tmp_path)!r}, [0, 1], [[1, 0], [0, 1]], names=['a', 'b'])
reportgen.read_bundle({str(tmp_path / "my-model")!r})
assert 'torch' not in sys.modules and 'sklearn' not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
