"""Percentiles, alternation and timing in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models import classifiers, timing
from models.fresh import time_fresh
from models.timing import alternate
from models.weights import resolve
from reportgen.data import Dataset
from reportgen.errors import InputError, UsageError


def test_a_record_holds_what_was_timed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.05)
    texts = np.array([f"text {i}" for i in range(2_000)], dtype=object)
    seen: list[str] = []

    def slow(some: np.ndarray) -> None:
        seen.extend(some)
        time.sleep(0.01)

    single, offline = timing.time_model(
        slow, texts, timed="nothing", dtype="fp32", tokenisation=True, token_lengths=range(2_000)
    )
    assert 2 <= len(single.samples_s) <= 6
    assert single.examples == len(single.samples_s) == len(single.token_lengths) == len(single.examples_per_call)
    after_warmup = seen[timing.WARMUP :][: single.examples]
    assert [f"text {i}" for i in single.token_lengths] == after_warmup
    assert single.token_lengths != tuple(sorted(single.token_lengths))  # not the head of a sorted file
    assert offline.examples == sum(offline.examples_per_call) == 32 * len(offline.samples_s)


def test_a_thousand_samples_where_there_is_time() -> None:
    texts = np.array(["a"] * 1_500, dtype=object)
    single, _ = timing.time_model(lambda some: None, texts, timed="nothing", dtype="fp32", tokenisation=True)
    assert len(single.samples_s) == 1_000


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="only Linux says how busy its processors are")
def test_a_busy_neighbour_is_noticed_and_our_own_work_is_not() -> None:
    def share(work: str) -> float:
        others = timing.OtherProcesses()
        with subprocess.Popen([sys.executable, "-c", work]) as neighbour:
            neighbour.wait()
        return others.share() * os.cpu_count()

    spinning = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    assert share(spinning) > 0.5
    others, end = timing.OtherProcesses(), time.process_time() + 0.5
    while time.process_time() < end:
        pass
    ours = 0.5 / ((time.perf_counter() - others.began) * os.cpu_count())
    assert others.share() <= 1 - ours + 0.1


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


@pytest.mark.train
def test_half_precision_stays_what_it_was_saved_in(tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    import torch

    classifier = classifiers.build(resolve(str(tiny_bert)), topics.labels, family="encoder", max_length=32)
    classifier.model.to(torch.bfloat16)
    classifiers.save(classifier, tmp_path / "model", adapter=False)
    found = time_fresh(tmp_path / "model", topics.splits["train"].texts[:5].tolist(), threads=1)
    assert {record.dtype for record in found.records} == {"bf16"}


def test_what_cannot_be_timed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to time"):
        time_fresh(tmp_path, [])
    with pytest.raises(InputError, match="no such model"):
        time_fresh(tmp_path / "absent", ["a"])
    with pytest.raises(InputError, match=r"could not be timed.*classifier\.json"):
        time_fresh(tmp_path, ["a"])
