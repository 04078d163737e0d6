"""Percentiles, alternation and timing in a fresh process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import classifiers
from models.fresh import time_fresh
from models.timing import alternate, percentiles
from models.weights import resolve
from reportgen.data import Dataset
from reportgen.errors import InputError, UsageError


def test_percentiles_by_hand() -> None:
    found = percentiles(np.arange(1, 1000) / 1e3)
    assert set(found) == {"p50", "p90", "p95"}
    middle, low, high = found["p50"]
    assert middle == 500
    # binomial(999, ½): 1.96 · √(999/4) = 31 ranks each side
    assert low == pytest.approx(469, abs=1)
    assert high == pytest.approx(531, abs=1)
    assert "p99" in percentiles(np.ones(1000))


def test_work_takes_turns() -> None:
    order: list[str] = []
    seconds = alternate({name: lambda name=name: order.append(name) for name in "abc"}, rounds=2)
    assert "".join(order) == "abccba" * 2
    assert {name: len(values) for name, values in seconds.items()} == {"a": 4, "b": 4, "c": 4}


@pytest.mark.train
def test_a_saved_model_is_timed_in_its_own_process(tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    classifier = classifiers.build(resolve(str(tiny_bert)), topics.labels, family="encoder", max_length=32)
    classifiers.save(classifier, tmp_path / "model", adapter=False)
    texts = topics.splits["train"].texts[:20].tolist()
    found = time_fresh(tmp_path / "model", texts, threads=1)
    assert [(r.scenario, r.includes_tokenisation) for r in found.records] == [
        ("single-stream", True),
        ("offline", True),
        ("single-stream", False),
        ("offline", False),
    ]
    assert all(record.samples_s and record.threads == 1 for record in found.records)
    assert found.cold_start_s > found.records[0].samples_s[0]
    memory = {record.kind: record.bytes for record in found.memory}
    assert memory["weights_on_disk"] == (tmp_path / "model" / "model.safetensors").stat().st_size
    assert memory["process_peak"] > 50e6


def test_what_cannot_be_timed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to time"):
        time_fresh(tmp_path, [])
    with pytest.raises(InputError, match="no such model"):
        time_fresh(tmp_path / "absent", ["a"])
    with pytest.raises(InputError, match=r"could not be timed.*classifier\.json"):
        time_fresh(tmp_path, ["a"])
