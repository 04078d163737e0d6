"""Scoring on a CPU: MiniLM the usual way (one loop, padded to 128, fp32) against ours, on the same weights in one run.

    python -m benchmarks.bench_inference_cpu --data DIR [--rows N] [--rounds N]

DIR holds banking77_train.csv and banking77_test.csv (text, category) and cfpb_sample.parquet (narrative, product). The
head is a logistic regression on MiniLM's embeddings, so that predictions mean something. Every way tokenises and
scores the same texts; they take turns (ABBA), and each is given as a ratio of the usual way in the same round.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MAX_LENGTH, BATCH = 128, 32
RESULT = Path(__file__).parent / "results" / "inference-cpu.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--rows", type=int, default=512, help="texts of each kind that are timed")
    parser.add_argument("--train", type=int, default=2_000, help="texts the head is fitted on")
    parser.add_argument("--rounds", type=int, default=3, help="each way is timed twice a round; below 3 no interval")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    if not (arguments.data / "banking77_test.csv").is_file():
        print(f"skipped: no Banking77 in {arguments.data} (--data DIR)")
        return
    import torch

    from models import environment

    torch.set_num_threads(arguments.threads)
    machine = f"{environment.cpu().name}, {arguments.threads} threads, torch {torch.__version__}"
    said = (
        f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}. MiniLM-L6 with a head fitted on texts of the "
        f"training part; tokenisation included; texts cut at {MAX_LENGTH} tokens; batches of {BATCH}. The ratio is the "
        "median over turns taken in ABBA order, with an order-statistic interval; agreement is the share of texts "
        f"with the prediction of the usual way. Load average of the machine when it began: {os.getloadavg()[0]:.1f}."
    )
    lines = ["# Scoring on a CPU", "", said, ""]
    for name, (train, labels, test) in corpora(arguments.data, arguments.rows, arguments.train).items():
        lines += compare(name, train, labels, test, arguments.rounds, arguments.threads)
    arguments.result.parent.mkdir(exist_ok=True)
    arguments.result.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written: {arguments.result}")


def corpora(folder: Path, rows: int, train: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Name to training texts, their label ids and the texts to time."""
    import pandas as pd

    def drawn(frame: Any, n: int) -> Any:
        return frame.sample(min(n, len(frame)), random_state=42)

    fit, test = (pd.read_csv(folder / f"banking77_{part}.csv") for part in ("train", "test"))
    fit, test = drawn(fit, train), drawn(test, rows)
    found = {
        "Banking77 messages": (
            fit["text"].to_numpy(object),
            pd.factorize(fit["category"], sort=True)[0],
            test["text"].to_numpy(object),
        )
    }
    complaints = drawn(pd.read_parquet(folder / "cfpb_sample.parquet"), 10**9)
    timed, rest = complaints[:rows], complaints[rows : rows + train // 2]
    found["real complaints"] = (
        rest["narrative"].to_numpy(object),
        pd.factorize(rest["product"], sort=True)[0],
        timed["narrative"].to_numpy(object),
    )
    return found


def compare(name: str, train: np.ndarray, labels: np.ndarray, test: np.ndarray, rounds: int, threads: int) -> list[str]:
    """A section of the table; printed as it comes."""
    from models import classifiers
    from models.batching import Scorer, tokenise
    from models.finetune import fit_head
    from models.onnx import OnnxModel, agreement, export_onnx, quantize_int8
    from models.timing import alternate
    from models.training import Labelled
    from models.weights import resolve
    from reportgen.stats import order_statistic_interval

    names = [f"label {k}" for k in range(int(labels.max()) + 1)]
    classifier = classifiers.build(resolve("minilm"), names, family="encoder", max_length=MAX_LENGTH)
    model, tokenizer = classifier.model.eval(), classifier.tokenizer

    def scorer(of: Any) -> Callable[[], np.ndarray]:
        ours = Scorer(of, tokenizer, BATCH, max_length=MAX_LENGTH)
        return lambda: ours.texts(test)

    plain_scorer = Scorer(model, tokenizer, BATCH, max_length=MAX_LENGTH)
    fit_head(classifier, plain_scorer, Labelled(tokenise(tokenizer, train, MAX_LENGTH), labels))
    lengths = tokenise(tokenizer, test, 10**6).full_lengths
    with tempfile.TemporaryDirectory() as folder:
        exported = export_onnx(model, tokenizer, Path(folder), max_length=MAX_LENGTH)
        small = quantize_int8(exported, Path(folder) / "int8.onnx")
        onnx, int8 = OnnxModel(exported, threads=threads), OnnxModel(small, threads=threads)
        ways: dict[str, Callable[[], np.ndarray]] = {
            "usual loop: padded to 128, fp32": lambda: usual(model, tokenizer, test),
            "transformers pipeline": lambda: pipeline(model, tokenizer, test, names),
            "ours, torch fp32": scorer(model),
            "ours, ONNX Runtime fp32": scorer(onnx),
            "ours, ONNX Runtime int8": scorer(int8),
        }
        logits = {way: work() for way, work in ways.items()}  # also the warm-up
        seconds = alternate(ways, rounds)
        sizes = {"ours, ONNX Runtime fp32": onnx.size_bytes, "ours, ONNX Runtime int8": int8.size_bytes}
    first = next(iter(ways))
    cut = (lengths > MAX_LENGTH).mean()
    lines = [f"## {name}", "", f"{len(test):,} texts, median {np.median(lengths):.0f} tokens, {cut:.0%} are cut.", ""]
    lines += ["| way | texts/s | ratio | 95 % interval | agreement | MB on disk |", "|---|---:|---:|---:|---:|---:|"]
    plain = sum(p.numel() * p.element_size() for p in model.parameters())
    for way in ways:
        ratio = seconds[first] / seconds[way]
        same = agreement(logits[first], logits[way]).argmax
        low, high = order_statistic_interval(ratio, 0.5)
        bounds = f"{low:.1f} to {high:.1f}" if np.isfinite([low, high]).all() else "too few turns"
        lines.append(
            f"| {way} | {len(test) / np.median(seconds[way]):,.0f} | {np.median(ratio):.1f} | {bounds} | {same:.2%} "
            f"| {sizes.get(way, plain) / 1e6:.0f} |"
        )
    print("\n".join(lines), flush=True)
    return [*lines, ""]


def usual(model: Any, tokenizer: Any, texts: np.ndarray) -> np.ndarray:
    """Batches in the order they come, each padded to the cap."""
    import torch

    found = []
    with torch.no_grad():
        for start in range(0, len(texts), BATCH):
            batch = tokenizer(
                list(texts[start : start + BATCH]),
                padding="max_length",
                truncation=True,
                max_length=MAX_LENGTH,
                return_tensors="pt",
            )
            found.append(model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits)
    return torch.cat(found).numpy()


def pipeline(model: Any, tokenizer: Any, texts: np.ndarray, names: list[str]) -> np.ndarray:
    """What transformers' text-classification pipeline does with these options: its own collation and results."""
    import torch
    from transformers import TextClassificationPipeline
    from transformers.modeling_outputs import SequenceClassifierOutput

    from models.weights import quiet

    class Named(torch.nn.Module):
        """The pipeline reads label names and the device from the model."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.config, self.device = model, model.config, torch.device("cpu")
            self.dtype = torch.float32
            self.config.id2label = dict(enumerate(names))
            self.config.num_labels = len(names)

        def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> SequenceClassifierOutput:
            return SequenceClassifierOutput(
                logits=self.inner(input_ids=input_ids, attention_mask=attention_mask).logits
            )

        def can_generate(self) -> bool:
            """No: a classifier."""
            return False

    with quiet():  # a wrapped model is not on its list of names
        run = TextClassificationPipeline(model=Named(), tokenizer=tokenizer, device="cpu")
    said = run(
        list(texts), batch_size=BATCH, truncation=True, max_length=MAX_LENGTH, top_k=None, function_to_apply="none"
    )
    found = np.empty((len(texts), len(names)), np.float32)
    place = {name: k for k, name in enumerate(names)}
    for row, scores in zip(found, said, strict=True):
        row[[place[score["label"]] for score in scores]] = [score["score"] for score in scores]
    return found


if __name__ == "__main__":
    main()
