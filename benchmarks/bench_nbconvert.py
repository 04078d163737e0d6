"""A memo against the same content as a notebook, executed and exported: `python -m benchmarks bench_nbconvert`.

Three models, 6,430 rows × 113 labels: scores, resamples of macro F1 a model with scikit-learn in a loop, class table,
long tail, F1 by class, reliability. With 1,000 resamples as in the course's notebooks, and with 2,000 as in the memo,
which pairs them too. The claim: with as many resamples, at least 10 times faster, imports and all.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from pathlib import Path

from .bench_memo import LABELS, ROWS, runs
from .report import child, interleaved, save

MODELS, RESAMPLES, REPEATS = 3, 2_000, 3
FASTER = 10

_CELLS = [
    """import json
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, classification_report, f1_score
%matplotlib inline
names = json.loads((Path(RUNS[0]) / "labels.json").read_text())
K = len(names["names"])
models = {}
for run in RUNS:
    table = pd.read_parquet(Path(run) / "predictions.parquet")
    models[Path(run).name] = table[table["split"] == "val"]""",
    """rows = []
for name, table in models.items():
    y, p = table["label"].to_numpy(), table["prediction"].to_numpy()
    f1 = f1_score(y, p, labels=range(K), average=None, zero_division=0)
    rows.append({"model": name, "accuracy": accuracy_score(y, p), "macro_f1": f1.mean(), "zero_f1": (f1 == 0).sum()})
pd.DataFrame(rows)""",
    """rng = np.random.default_rng(42)
for name, table in models.items():
    y, p = table["label"].to_numpy(), table["prediction"].to_numpy()
    scores = []
    for _ in range(RESAMPLES):
        at = rng.integers(0, len(y), len(y))
        scores.append(f1_score(y[at], p[at], labels=range(K), average="macro", zero_division=0))
    print(name, np.percentile(scores, [2.5, 97.5])) if scores else None""",
    """table = list(models.values())[-1]
report = classification_report(table["label"], table["prediction"], labels=range(K), target_names=names["names"],
                               zero_division=0, output_dict=True)
pd.DataFrame(report).T""",
    """plt.figure(figsize=(10, 3)); plt.bar(range(K), sorted(names["train_counts"], reverse=True)); plt.yscale("log")
plt.title("Training rows"); plt.show()""",
    """plt.figure(figsize=(10, 3))
for name, table in models.items():
    f1 = f1_score(table["label"], table["prediction"], labels=range(K), average=None, zero_division=0)
    plt.plot(f1, ".", label=name)
plt.legend(); plt.title("F1 by class"); plt.show()""",
    """plt.figure(figsize=(4, 4))
for name, table in models.items():
    right = (table["label"] == table["prediction"]).to_numpy()
    bins = np.clip((table["confidence"].to_numpy() * 15).astype(int), 0, 14)
    n = np.bincount(bins, minlength=15)
    with np.errstate(invalid="ignore"):
        plt.plot(np.bincount(bins, table["confidence"], 15) / n, np.bincount(bins, right, 15) / n, "o-", label=name)
plt.legend(); plt.title("Reliability"); plt.show()""",
]
_READING = """*Times faster*: the notebook's time by this row's in the same round, median. The notebook holds
scores, intervals, a class table and three figures; the memo more items, paired differences, rescues and its record."""
_WARM = """
import sys, time
from pathlib import Path
from reportgen.memo import build_memo
times = []
for _ in range(3):
    begun = time.perf_counter()
    build_memo(1, [Path(sys.argv[1])], Path(sys.argv[2]))
    times.append(time.perf_counter() - begun)
print("warm", min(times[1:]))
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = sorted(runs(folder).iterdir())[:MODELS]
        chosen = folder / "three"
        chosen.mkdir()
        paths = [path.rename(chosen / path.name) for path in made]
        full = _notebook(folder / "full.ipynb", paths, RESAMPLES)
        course = _notebook(folder / "course.ipynb", paths, RESAMPLES // 2)
        bare = _notebook(folder / "bare.ipynb", paths, 0)
        memo = folder / "week1.html"
        # A frontend's settings must not decide what is timed.
        env = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "IPYTHONDIR": str(folder / "ipython")}
        export = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute"]
        took = interleaved(
            rounds,
            memo=lambda: child([sys.executable, "-m", "reportgen", "memo", "1", chosen, "--out", memo]),
            warm=lambda: child([sys.executable, "-c", _WARM, str(chosen), str(memo)]),
            full=lambda: child([*export, full], cwd=folder, env=env),
            course=lambda: child([*export, course], cwd=folder, env=env),
            bare=lambda: child([*export, bare], cwd=folder, env=env),
        )
        seconds = {side: [one.seconds for one in many] for side, many in took.items()}
        seconds["warm"] = [float(one.out.split("warm ")[1]) for one in took["warm"]]
        books = {side: folder / f"{side}.html" for side in ("full", "course", "bare")}
        sizes = {"memo": memo, "warm": memo, **books}
        best = {side: min(many) for side, many in seconds.items()}
        ratio = {
            (whole, side): statistics.median(a / b for a, b in zip(seconds[whole], seconds[side], strict=True))
            for whole in ("full", "course")
            for side in seconds
        }
        said = {
            "memo": "`reportgen memo 1`, fresh process, 2,000 paired resamples",
            "warm": "the same in a process that has built it before",
            "full": f"`jupyter nbconvert --execute`, {RESAMPLES:,} resamples",
            "course": f"the same with {RESAMPLES // 2:,}, as the course's",
            "bare": "the same notebook without any resample",
        }
        scripts = {side: len(re.findall(r"<script[^>]+src=", path.read_text("utf-8"))) for side, path in sizes.items()}
        rows = [
            (
                said[side],
                f"{best[side]:.2f}",
                f"{statistics.median(seconds[side]):.2f}",
                f"{ratio['full', side]:.1f}",
                f"{ratio['course', side]:.1f}",
                f"{min(one.cpu_s for one in took[side]):.2f}" if side != "warm" else "",
                f"{sizes[side].stat().st_size / 1e6:.2f}",
                str(scripts[side]),
            )
            for side in said
        ]
    save(
        "bench_nbconvert",
        "A memo against an executed notebook",
        (
            "",
            "best, s",
            "median, s",
            f"times faster than {RESAMPLES:,}",
            f"than {RESAMPLES // 2:,}",
            "CPU, s",
            "MB",
            "scripts from the network",
        ),
        rows,
        [f"{MODELS} models, {ROWS:,} rows × {LABELS} labels, {rounds} rounds in turn.", _READING],
    )
    assert ratio["full", "memo"] >= FASTER, f"only {ratio['full', 'memo']:.1f} times faster"


def _notebook(path: Path, runs: list[Path], resamples: int) -> Path:
    import nbformat

    cells = [f"RUNS = {[str(run) for run in runs]!r}\nRESAMPLES = {resamples}", *_CELLS]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, path)
    return path


if __name__ == "__main__":
    main()
