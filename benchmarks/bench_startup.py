"""Start-up, imports and peak memory, each in a fresh interpreter: `python -m benchmarks bench_startup`.

The claim: `reportgen --help` answers in under 0.3 s. For three rounds: `python -m benchmarks.bench_startup 3`.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from .report import child, interleaved, save

REPEATS = 7
HELP_S = 0.3
_ROOT = Path(__file__).parents[1]
_RUNS = [_ROOT / "examples" / "banking77lt" / f"{name}.zip" for name in ("majority", "tfidf", "embed", "encoder")]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    command = shutil.which("reportgen", path=str(Path(sys.executable).parent)) or "reportgen"
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / "week1.html"
        child([command, "memo", "1", *_RUNS, "--out", page])
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import reportgen": [sys.executable, "-c", "import reportgen"],
            "import reportgen.bundle": [sys.executable, "-c", "import reportgen.bundle"],
            "import reportgen.memo": [sys.executable, "-c", "import reportgen.memo"],
            "reportgen --help": [command, "--help"],
            "reportgen bundle validate RUN": [command, "bundle", "validate", _RUNS[-1]],
            "reportgen rescue BASELINE CANDIDATE": [command, "rescue", _RUNS[1], _RUNS[3]],
            "reportgen memo 1, 4 runs of 1,405 × 77": [command, "memo", "1", *_RUNS, "--out", page],
            "reportgen check, the same memo": [command, "check", page],
        }
        took = interleaved(rounds, **{said: _caller(line) for said, line in commands.items()})
    rows = [
        (
            f"`{said}`",
            f"{min(one.seconds for one in many):.2f}",
            f"{statistics.median(one.seconds for one in many):.2f}",
            f"{min(one.cpu_s for one in many):.2f}",
            f"{max(one.peak_bytes for one in many) / 1e6:.0f}",
        )
        for said, many in took.items()
    ]
    save(
        "bench_startup",
        "Start-up and peak memory",
        ("fresh process", "best, s", "median, s", "CPU, s", "peak, MB"),
        rows,
        [f"{rounds} rounds, the commands in turn. Wall clock; peak resident memory of the process."],
    )
    best = min(one.seconds for one in took["reportgen --help"])
    assert best < HELP_S, f"reportgen --help took {best:.2f} s"


def _caller(line: list[str | Path]) -> object:
    return lambda: child(line)


if __name__ == "__main__":
    main()
