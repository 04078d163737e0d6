"""Two devices: the benchmark's own path on CPU processes, and its aim on GPUs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.train


def _benchmark(*options: str) -> str:
    command = [sys.executable, "-m", "benchmarks.bench_two_gpus", *options]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def _figure(pattern: str, out: str) -> float:
    found = re.search(pattern + r" ([\d.]+)", out)
    assert found, out
    return float(found[1])


@pytest.mark.slow
def test_two_cpu_processes_train_as_one_does() -> None:
    out = _benchmark("--tiny")
    assert len(re.findall(r"examples/s", out)) == 2
    assert _figure("loss [0-9.]+ to", out) != _figure("loss", out)
    assert _figure("largest difference of the two curves", out) < 1e-3


@pytest.mark.gpu
def test_two_gpus_are_nearly_twice_as_fast() -> None:
    import torch

    if (n := torch.cuda.device_count()) < 2:
        assert _benchmark() == f"skipped: needs two CUDA devices, this machine has {n}\n"
        pytest.skip(f"needs two CUDA devices, this machine has {n}")
    out = _benchmark()
    assert _figure("ratio", out) >= 1.7
    assert _figure("largest difference of the two curves", out) < 0.1
