"""Write tests/memo/golden: one memo of each record version. Run once a version; old files are never rewritten.

python tests/memo/make_golden.py
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from reportgen.data import load_course
from reportgen.evidence import build
from reportgen.memo import parse_prose, render, write_memo

HERE = Path(__file__).parent
PROSE = """---
author: Ada Okafor
data: simulated complaints
licences: none
code: none
ai_use: none
---
## 1. Data Audit
Most rows belong to few classes.

## 2. Baseline Results and Interpretation
The tfidf accuracy is [@tfidf.accuracy], with a macro F1 of [@tfidf.macro_f1].

## 3. Fine-Tuning Results
The difference in macro F1 is [@encoder.delta_macro_f1].
"""


def main() -> None:
    """Build the memo from simulated runs."""
    target = HERE / "golden" / "record-1.html"
    if target.exists():
        raise SystemExit(f"{target} exists: golden files are never rewritten")
    spec = importlib.util.spec_from_file_location("simulated", HERE.parent / "simulated.py")
    simulated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulated)
    with tempfile.TemporaryDirectory() as folder:
        world = simulated.World(k=12, train=2_000, n=250, seed=5)
        runs = [
            simulated.write_run(Path(folder), world, "majority", "majority"),
            simulated.write_run(Path(folder), world, "tfidf", "linear", skill=0.6, floor=60),
            simulated.write_run(Path(folder), world, "encoder", "encoder", skill=0.7, floor=3, draw=2),
        ]
        evidence = build(1, runs, load_course("ecbs5200"))
        write_memo(target, render(evidence, parse_prose(PROSE, evidence)))


if __name__ == "__main__":
    main()
