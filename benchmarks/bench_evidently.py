"""A memo against Evidently's classification preset on the same predictions: `python -m benchmarks bench_evidently`.

Evidently needs pandas < 3, so it gets an environment of its own, made once in the user's cache; where it cannot be
installed the benchmark says so and ends. The claim: the memo's file is at least 5 times smaller.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from .bench_memo import LABELS, ROWS, runs
from .environments import environment
from .report import child, interleaved, save

REPEATS, SMALLER = 3, 5
VERSION = "0.7.23"

_THEIRS = """
import json, sys, time
begun = time.perf_counter()
import pandas as pd
from evidently import DataDefinition, Dataset, MulticlassClassification, Report
from evidently.presets import ClassificationPreset
imported = time.perf_counter() - begun
table = pd.read_csv(sys.argv[1], dtype=str)
labels = MulticlassClassification(target="target", prediction_labels="prediction")
data = Dataset.from_pandas(table, data_definition=DataDefinition(classification=[labels],
                                                                categorical_columns=["target", "prediction"]))
Report([ClassificationPreset()]).run(data, None).save_html(sys.argv[2])
print("imported", json.dumps(imported))
"""
_OURS = """
import json, sys, time
from pathlib import Path
begun = time.perf_counter()
from reportgen.memo import build_memo
import reportgen.bundle, reportgen.evidence, reportgen.stats
imported = time.perf_counter() - begun
build_memo(1, [Path(sys.argv[1])], sys.argv[2])
print("imported", json.dumps(imported))
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    try:
        python = environment("evidently", [f"evidently=={VERSION}", "pandas<3"])
    except RuntimeError as error:
        print(f"skipped: Evidently {VERSION} cannot be installed: {error}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = sorted(runs(folder).iterdir())[0]
        table, theirs, ours = folder / "predictions.csv", folder / "evidently.html", folder / "week1.html"
        _table(run, table)
        # No message about its use leaves the machine while it is timed.
        env = {"DO_NOT_TRACK": "1"}
        took = interleaved(
            rounds,
            ours=lambda: child([sys.executable, "-c", _OURS, run, ours]),
            theirs=lambda: child([python, "-c", _THEIRS, table, theirs], env=env),
        )
        pages = {"ours": ours, "theirs": theirs}
        size = {side: page.stat().st_size for side, page in pages.items()}
    rows = []
    for side, said in (
        ("ours", "`reportgen memo 1`, one run"),
        ("theirs", f"Evidently {VERSION}, ClassificationPreset"),
    ):
        imports = [json.loads(one.out.split("imported ")[1]) for one in took[side]]
        rows.append(
            (
                said,
                f"{min(one.seconds for one in took[side]):.2f}",
                f"{statistics.median(one.seconds for one in took[side]):.2f}",
                f"{min(one.cpu_s for one in took[side]):.2f}",
                f"{min(imports):.2f}",
                f"{max(one.peak_bytes for one in took[side]) / 1e6:.0f}",
                f"{size[side] / 1e6:.2f}",
                "yes" if side == "ours" else "no",
            )
        )
    save(
        "bench_evidently",
        "A memo against Evidently's classification preset",
        ("", "best, s", "median, s", "CPU, s", "of it imports, s", "peak, MB", "file, MB", "intervals"),
        rows,
        [
            f"One model, {ROWS:,} rows × {LABELS} labels, fresh processes, {rounds} rounds in turn.",
            f"The file is {size['theirs'] / size['ours']:.1f} times smaller.",
        ],
    )
    assert size["theirs"] >= SMALLER * size["ours"], size


def _table(run: Path, path: Path) -> None:
    import pandas as pd

    names = json.loads((run / "labels.json").read_text(encoding="utf-8"))["names"]
    rows = pd.read_parquet(run / "predictions.parquet").query("split == 'val'")
    said = {"target": rows["label"].map(names.__getitem__), "prediction": rows["prediction"].map(names.__getitem__)}
    pd.DataFrame(said).to_csv(path, index=False)


if __name__ == "__main__":
    main()
