"""`make bench`: every benchmark that finishes in minutes, one after another.

python -m benchmarks [NAME …]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

QUICK = (
    "bench_memo",
    "bench_bootstrap",
    "bench_rescue_null",
    "bench_decide",
    "bench_synthetic",
    "bench_tfidf",
    "bench_inference_cpu",
    "bench_startup",
    "bench_nbconvert",
    "bench_evidently",
)
LONG = ("bench_app", "bench_inference_gpu", "bench_training_gpu", "bench_two_gpus", "bench_grading", "ablation")
"""By name only: they need Chromium, a GPU or an hour."""


def main() -> None:
    names = sys.argv[1:] or QUICK
    for name in names:
        if not (Path(__file__).parent / f"{name}.py").is_file():
            sys.exit(f"no benchmark called {name}: {', '.join((*QUICK, *LONG))}")
        print(f"\n== {name}", flush=True)
        sys.argv = [name]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
