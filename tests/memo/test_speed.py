"""The memo's budget at the course's size, with room for slow machines; `benchmarks/bench_memo.py` measures it."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest

from reportgen.memo import build_memo

FIRST_CPU_S, WARM_CPU_S, LIMIT_BYTES = 6.0, 1.5, 500_000
"""Three to four times what a core takes, as a busy one takes longer."""


@pytest.fixture(scope="module")
def eight_runs(simulated, tmp_path_factory):
    spec = importlib.util.spec_from_file_location("simulated_weeks", Path(__file__).parents[1] / "simulated_weeks.py")
    weeks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weeks)
    world = simulated.World(k=113, train=57_846, n=6_430)
    made = weeks.week3(simulated, tmp_path_factory.mktemp("runs"), world)
    return [run.path for run in made if run.run_id != "encoder-early"]


@pytest.mark.slow
@pytest.mark.parametrize("week", [1, 2, 3, 4])
def test_eight_full_runs(eight_runs, tmp_path, week: int) -> None:
    page = tmp_path / "memo.html"
    spent = []
    for _ in range(2):
        begun = time.process_time()
        build_memo(week, eight_runs, page)
        spent.append(time.process_time() - begun)
    assert spent[0] < FIRST_CPU_S
    assert spent[1] < WARM_CPU_S
    assert page.stat().st_size < LIMIT_BYTES
    assert page.read_bytes().count(b"data-status=") > 10
