from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import Bundle, NotComparable, comparable, read_bundle, write_bundle


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Bundle]:
    def write(run_id: str, **changes: object) -> Bundle:
        arguments = {
            "labels": [0, 1, 1, 0], "logits": np.eye(2)[[0, 1, 0, 1]], "names": ["no", "yes"], "texts": list("abcd")
        } | changes  # fmt: skip
        return read_bundle(write_bundle(tmp_path, run_id=run_id, **arguments))

    return write


def test_the_same_rows_may_be_compared(run: Callable[..., Bundle]) -> None:
    comparable(run("a"), run("b", logits=np.ones((4, 2))), "val")
    order = [2, 0, 3, 1]
    ids = np.array(["0", "1", "2", "3"])
    shuffled = run(
        "c", labels=np.array([0, 1, 1, 0])[order], row_ids=ids[order], texts=np.array(list("abcd"))[order]
    )  # fmt: skip
    comparable(run("d", row_ids=ids), shuffled, "val")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"texts": list("abcx")}, r"differ in their rows of val \(4 and 4 rows\)"),
        ({"labels": [0, 1, 1, 1]}, "their rows of val"),
        ({"row_ids": ["w", "x", "y", "z"]}, "their rows of val"),
        ({"labels": [0, 1], "logits": np.eye(2), "texts": list("ab")}, r"\(4 and 2 rows\)"),
        ({"names": ["yes", "no"]}, r"differ in their label lists \(2 and 2 labels\)"),
        ({"names": ["yes", "no"], "texts": None}, "their label lists .* and their rows"),
        ({"split": "test"}, "b has no predictions on val.*it scored test"),
    ],
)
def test_other_rows_or_labels_may_not(run: Callable[..., Bundle], changes: dict[str, object], says: str) -> None:
    with pytest.raises(NotComparable, match=says):
        comparable(run("a"), run("b", **changes), "val")


def test_reported_figures_are_never_paired(run: Callable[..., Bundle], golden: Path) -> None:
    with pytest.raises(NotComparable, match="reported figures"):
        comparable(run("a"), read_bundle(golden / "v1-reported"), "val")
