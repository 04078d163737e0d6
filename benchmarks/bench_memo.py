"""Time and size of a memo from 8 runs of 6,430 rows × 113 labels: `python -m benchmarks bench_memo`.

The claims, for weeks 1 to 4 on 2 cores: *first*, a fresh interpreter that imports, verifies the bundles, computes and
writes, 3 s at most; *warm*, the same process builds the memo again from the same files, as the app does when a sentence
changes, 1 s at most; under 500 KB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROWS, LABELS, RUNS = 6_430, 113, 8
FIRST_S, WARM_S, LIMIT_BYTES = 3.0, 1.0, 500_000
REPEATS = 3
_BUILD = """
import sys, time
from pathlib import Path
from reportgen.memo import build_memo
for _ in range(3):
    begun = time.perf_counter()
    build_memo(int(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]))
    print(time.perf_counter() - begun)
"""


def runs(folder: Path) -> Path:
    """Eight simulated runs: one linear, encoders under several settings and seeds, two timed decoders."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import simulated
    import simulated_weeks

    made = simulated_weeks.week3(simulated, folder / "all", simulated.World(k=LABELS, train=57_846, n=ROWS))
    chosen = folder / "runs"
    chosen.mkdir()
    for run in [run for run in made if run.run_id != "encoder-early"][:RUNS]:
        run.path.rename(chosen / run.run_id)
    return chosen


def main() -> None:
    import time

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = runs(folder)
        print(f"{RUNS} runs of {ROWS:,} × {LABELS}; seconds of wall clock, the best of {REPEATS}")
        for week in (1, 2, 3, 4):
            page = folder / f"week{week}.html"
            first, warm = [], []
            for _ in range(REPEATS):
                begun = time.perf_counter()
                command = [sys.executable, "-m", "reportgen", "memo", str(week), str(found), "--out", str(page)]
                subprocess.run(command, check=True, capture_output=True)
                first.append(time.perf_counter() - begun)
            said = subprocess.run(
                [sys.executable, "-c", _BUILD, str(week), str(found), str(page)],
                check=True,
                capture_output=True,
                text=True,
            )
            warm = [float(line) for line in said.stdout.split()][1:]
            size = page.stat().st_size
            print(f"week {week}: first {min(first):.2f}  warm {min(warm):.2f}  {size / 1000:.0f} KB")
            assert min(first) < FIRST_S, f"week {week} took {min(first):.2f} s"
            assert min(warm) < WARM_S, f"week {week} took {min(warm):.2f} s warm"
            assert size < LIMIT_BYTES, f"week {week} has {size:,} bytes"


if __name__ == "__main__":
    main()
