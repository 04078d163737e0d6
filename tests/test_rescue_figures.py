"""The figures of docs/rescue.md, from the shipped runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import Bundle, comparable, read_bundle
from reportgen.stats import paired, rescue, row_counts, scores

FOLDER = Path(__file__).parents[1] / "examples" / "banking77lt"
SEEDS = {42: "", 123: "-s123", 7: "-s7"}
LABELS = 77


def _run(name: str) -> Bundle:
    return read_bundle(FOLDER / f"{name}.zip")


def test_the_recipe_on_test_three_seeds() -> None:
    found = []
    for suffix in SEEDS.values():
        part = _run(f"rescue-finetuned{suffix}").predictions("test")
        found.append(scores(part.labels, part.predictions, LABELS))
    assert np.mean([score.macro_f1 for score in found]) == pytest.approx(0.886, abs=0.0005)
    assert np.std([score.macro_f1 for score in found], ddof=1) == pytest.approx(0.0055, abs=0.0001)
    assert np.mean([score.accuracy for score in found]) == pytest.approx(0.887, abs=0.0005)
    assert [score.zero_f1 for score in found] == [0, 0, 0]


@pytest.mark.parametrize(("seed", "delta"), [(42, 0.168), (123, 0.175), (7, 0.182)])
def test_against_the_plain_fine_tune(seed: int, delta: float) -> None:
    plain, recipe = _run(f"plain-s{seed}"), _run(f"rescue-finetuned{SEEDS[seed]}")
    comparable(plain, recipe, "test")
    assert plain.manifest.seed == recipe.manifest.seed == seed
    a, b = plain.predictions("test"), recipe.predictions("test")
    counts = row_counts(len(a.labels))
    difference = paired(counts, a.labels, a.predictions, b.predictions, LABELS, "macro_f1")
    assert difference.delta == pytest.approx(delta, abs=0.0006)
    assert difference.low > 0.15
    assert difference.verdict == "real"
    classes = rescue(a.labels, a.predictions, b.predictions, LABELS)
    assert not len(classes.lost)
    assert set(classes.confirmed) == set(classes.rescued)
