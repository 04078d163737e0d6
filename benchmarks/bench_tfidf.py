"""TF-IDF baseline at full size: our default solver against the course's, on the same features in one run.

python -m benchmarks.bench_tfidf [--limit ROWS]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from models.registry import get_runner
from models.run import execute
from reportgen.bundle import read_bundle
from reportgen.data import load_dataset
from reportgen.stats import scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="synthetic:cfpb")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    data = load_dataset(arguments.data, course="ecbs5200", limit=arguments.limit)
    seconds, found = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for solver in ("sag", "lbfgs"):
            settings = {"solver": solver}
            path = execute(get_runner("tfidf"), data, Path(folder), solver, settings, settings, 42, {}, say=print)
            bundle = read_bundle(path)
            part = bundle.predictions("val")
            seconds[solver] = bundle.manifest.timings["train"]
            found[solver] = scores(part.labels, part.predictions, len(data.labels))
            print(
                f"{solver:6} {seconds[solver]:7.1f} s  accuracy {found[solver].accuracy:.4f}  "
                f"macro F1 {found[solver].macro_f1:.4f}  zero-F1 {found[solver].zero_f1}  "
                f"({bundle.config.decided['iterations']} iterations)"
            )
    gap = max(abs(getattr(found["sag"], name) - getattr(found["lbfgs"], name)) for name in ("accuracy", "macro_f1"))
    print(f"sag is {seconds['lbfgs'] / seconds['sag']:.1f} times as fast; largest difference in a score {gap:.4f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
