"""The ablation behind the `rescue` recipe: one lever at a time, then together, each for several seeds.

    python -m benchmarks.ablation --data DIR --course banking77lt --model minilm --out RUNS --seeds 42 123 7 --jobs 2

Every row is trained on `train`. The table of `val` is for choosing; `test` is printed with --test, once, at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

BASE: dict[str, Any] = {"lr": 1e-4, "epochs": 20, "latency": False}
LORA = {"r": 16, "alpha": 32, "dropout": 0.05}
NAMES, HEAD = {"label_names_as_rows": True}, {"head_init": "embedding_regression"}
LA = {"loss": "logit_adjusted"}
TOGETHER = LA | NAMES | HEAD | {"label_smoothing": 0.1}

ENCODER: dict[str, dict[str, Any]] = {
    "slides-3ep-2e-5": {"lr": 2e-5, "epochs": 3},
    "plain-10ep": {"epochs": 10},
    "plain": {},
    "plain-padded-10ep": {"padding": "max_length", "precision": "fp16", "cuda_graphs": False, "epochs": 10},
    "fast-10ep": {"compile": True, "epochs": 10},
    "fast-bs128-10ep": {"compile": True, "batch_size": 128, "lr": 2e-4, "epochs": 10},
    "weights-sqrt": {"class_weights": "sqrt"},
    "weights-balanced": {"class_weights": "balanced"},
    "focal": {"loss": "focal"},
    "logit-adjusted": LA,
    "balanced-softmax": {"loss": "balanced_softmax"},
    "sampling-sqrt": {"sampling": "sqrt"},
    "smoothing": {"label_smoothing": 0.1},
    "batch-16": {"batch_size": 16},
    "crt": {"stage2": {"epochs": 5, "lr": 1e-3}},
    "names": NAMES,
    "head": HEAD,
    "head-smoothing-10ep": HEAD | {"label_smoothing": 0.1, "epochs": 10},
    "la-names": LA | NAMES,
    "la-head": LA | HEAD,
    "la-names-head": LA | NAMES | HEAD,
    "la-names-head-10ep": LA | NAMES | HEAD | {"epochs": 10},
    "la-names-head-5e-5": LA | NAMES | HEAD | {"lr": 5e-5},
    "la-names-head-2e-4": LA | NAMES | HEAD | {"lr": 2e-4},
    "la-names-head-bs16": LA | NAMES | HEAD | {"batch_size": 16},
    "la-names-head-smoothing": LA | NAMES | HEAD | {"label_smoothing": 0.1},
    "la-names-head-40ep": LA | NAMES | HEAD | {"epochs": 40},
    "together": TOGETHER,
    "together-smoothing-.2": TOGETHER | {"label_smoothing": 0.2},
    "together-smoothing-.3": TOGETHER | {"label_smoothing": 0.3},
    "together-2e-4": TOGETHER | {"lr": 2e-4},
    "together-bs16": TOGETHER | {"batch_size": 16},
    "together-10ep": TOGETHER | {"epochs": 10},
    "together-40ep": TOGETHER | {"epochs": 40},
    "together-tau-1.5": TOGETHER | {"tau": 1.5},
    "together-weights": NAMES | HEAD | {"class_weights": "balanced", "label_smoothing": 0.1},
    "together-lora": TOGETHER | {"lora": LORA, "lr": 1e-3},
    "together-2e-4-bs16-.2": TOGETHER | {"lr": 2e-4, "batch_size": 16, "label_smoothing": 0.2},
}

EMBED: dict[str, dict[str, Any]] = {
    "embed": {},
    "embed-tau1": {"tau": 1.0},
    "embed-names-tau1": {"tau": 1.0} | NAMES,
}

DECODER: dict[str, dict[str, Any]] = {
    "decoder-lora": {"lr": 2e-4, "epochs": 10},
    "decoder-lora-weighted": {"lr": 2e-4, "epochs": 10, "class_weights": "sqrt"},
    "decoder-lora-la": {"lr": 2e-4, "epochs": 10} | LA,
    "decoder-lora-la-names": {"lr": 2e-4, "epochs": 10} | LA | NAMES,
}

RECIPE: dict[str, dict[str, Any]] = {
    "rescue-finetuned": {},
    "without-frozen": {"frozen_share": 0.0},
    "without-mask": {"token_mask": 0.0},
    "without-rdrop": {"rdrop": 0.0},
    "without-contrast": {"supcon": 0.0},
    "without-any-of-these": {"token_mask": 0.0, "rdrop": 0.0, "supcon": 0.0},
}

ROWS = {"encoder": ENCODER, "decoder": DECODER, "embed": EMBED, "rescue-finetuned": RECIPE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--course", default="banking77lt")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--runner", choices=tuple(ROWS), default="encoder")
    parser.add_argument("--only", nargs="*", help="rows of the table; all by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 123, 7])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", action="store_true", help="also print the scores on test")
    arguments = parser.parse_args()

    rows = ROWS[arguments.runner]
    wanted = arguments.only or list(rows)
    jobs = [(name, seed) for seed in arguments.seeds for name in wanted]
    started = time.perf_counter()
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(
                train, arguments.data, arguments.course, arguments.runner, arguments.model, name, seed, arguments.out
            ): (name, seed)
            for name, seed in jobs
        }
        for done in as_completed(futures):
            name, seed = futures[done]
            error = done.exception()
            said = f"failed: {error}" if error else f"{done.result():.0f} s"
            print(f"[{time.perf_counter() - started:5.0f} s] {name} seed {seed}: {said}", flush=True)
    report(arguments.out, wanted, arguments.seeds, ("val", "test") if arguments.test else ("val",))


def train(data: str, course: str, runner: str, model: str, name: str, seed: int, out: Path) -> float:
    """One run; its seconds."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from models.registry import get_runner
    from models.run import Runs, execute
    from reportgen.data import load_dataset

    dataset = load_dataset(data, course=course)
    settings = (BASE if runner == "encoder" else {"latency": False}) | {"model": model} | ROWS[runner][name]
    started = time.perf_counter()
    execute(get_runner(runner), dataset, out, f"{name}-s{seed}", settings, settings, seed, Runs(out))
    return time.perf_counter() - started


def report(out: Path, names: list[str], seeds: list[int], splits: tuple[str, ...]) -> None:
    """Mean over seeds, and the spread of macro F1."""
    from reportgen.bundle import read_bundle
    from reportgen.stats import scores

    table = []
    for split in splits:
        print(f"\n{split:32}{'macro F1':>10}{'± SD':>8}{'accuracy':>10}{'zero F1':>9}{'seconds':>9}  seeds")
        for name in names:
            paths = [out / f"{name}-s{seed}" for seed in seeds if (out / f"{name}-s{seed}").is_dir()]
            found, seconds = [], []
            for path in paths:
                bundle = read_bundle(path)
                part = bundle.predictions(split)
                found.append(scores(part.labels, part.predictions, len(bundle.labels.names)))
                seconds.append(bundle.manifest.timings.get("train", 0.0))
            if not found:
                continue
            f1 = np.array([score.macro_f1 for score in found])
            row = {
                "split": split,
                "row": name,
                "macro_f1": f1.mean(),
                "sd": f1.std(ddof=1) if len(f1) > 1 else float("nan"),
                "accuracy": np.mean([score.accuracy for score in found]),
                "zero_f1": np.mean([score.zero_f1 for score in found]),
                "seconds": np.mean(seconds),
                "seeds": len(found),
            }
            table.append({key: None if value != value else value for key, value in row.items()})
            print(
                f"{name:32}{row['macro_f1']:10.4f}{row['sd']:8.4f}{row['accuracy']:10.4f}{row['zero_f1']:9.1f}"
                f"{row['seconds']:9.1f}  {row['seeds']}"
            )
    (out / "ablation.json").write_text(json.dumps(table, indent=1, default=float))


if __name__ == "__main__":
    main()
