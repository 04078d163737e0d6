"""The memo's budget at the course's size, 3 s for the first build and 1 s for the next.

Held in processor seconds, the best of three processes: a busy machine stretches these by a third or so, and wall time
without end. `benchmarks/bench_memo.py` takes both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FIRST_CPU_S, WARM_CPU_S, LIMIT_BYTES = 3.5, 0.7, 500_000
PROCESSES = 3
_BUILD = """
import json, sys, time
from reportgen.memo import build_memo
spent = []
for _ in range(3):
    begun = time.process_time() if spent else 0
    build_memo(int(sys.argv[1]), sys.argv[3:], sys.argv[2])
    spent.append(time.process_time() - begun)
print(json.dumps((spent[0], min(spent[1:]))))
"""


@pytest.fixture(scope="module")
def eight_runs(simulated, tmp_path_factory) -> list[Path]:
    spec = importlib.util.spec_from_file_location("simulated_weeks", Path(__file__).parents[1] / "simulated_weeks.py")
    weeks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weeks)
    world = simulated.World(k=113, train=57_846, n=6_430)
    made = weeks.week3(simulated, tmp_path_factory.mktemp("runs"), world)
    return [run.path for run in made if run.run_id != "encoder-early"]


@pytest.mark.slow
@pytest.mark.parametrize("week", [1, 2, 3, 4])
def test_eight_full_runs(eight_runs: list[Path], tmp_path: Path, week: int) -> None:
    page = tmp_path / "memo.html"
    command = [sys.executable, "-c", _BUILD, str(week), page, *eight_runs]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    spent = [json.loads(subprocess.check_output(command, env=one_thread)) for _ in range(PROCESSES)]
    assert min(first for first, _ in spent) < FIRST_CPU_S
    assert min(warm for _, warm in spent) < WARM_CPU_S
    assert page.stat().st_size < LIMIT_BYTES
    assert page.read_bytes().count(b"data-status=") > 10
