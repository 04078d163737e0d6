"""Scoring on a CPU: MiniLM the usual way (one loop, padded to 128, fp32) against what `quantize` offers, in one run.

    python -m benchmarks.bench_inference_cpu --data DIR [--rows N] [--rounds N]

DIR holds banking77_train.csv and banking77_test.csv (text, category) and cfpb_sample.parquet (narrative, product). The
head is a logistic regression on MiniLM's embeddings, so that predictions mean something. Every way tokenises and
scores the same texts, ours as the runner `quantize` does by default; they take turns (ABBA), and each is given as a
ratio of the usual way in the same round. Agreement is measured on every text that is left, also those not timed.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

MAX_LENGTH, BATCH = 128, 32
USUAL, PIPELINE = "usual loop: padded to 128, fp32", "transformers pipeline"
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
    from models.timing import OtherProcesses

    torch.set_num_threads(arguments.threads)
    others, versions = OtherProcesses(), environment.versions()
    machine = (
        f"{environment.cpu().name} with {versions.get('processor_has', 'unknown instruction sets')}, "
        f"{arguments.threads} threads, torch {torch.__version__}, onnxruntime {versions.get('onnxruntime')}"
    )
    said = (
        f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}. MiniLM-L6 with a head fitted on texts of the "
        f"training part; tokenisation included; texts cut at {MAX_LENGTH} tokens; the usual way in batches of {BATCH}. "
        "The ratio is the median over turns taken in ABBA order, with an order-statistic interval, and again in "
        "processor time, where waiting threads count as working ones. Agreement is the "
        "share of texts with the prediction of float32, on all that the head was not fitted on. Load average of the "
        f"machine when it began: {os.getloadavg()[0]:.1f}."
    )
    lines = ["# Scoring on a CPU", "", said, ""]
    for name, (train, labels, test) in corpora(arguments.data, 10**6, arguments.train).items():
        lines += compare(name, train, labels, test, arguments.rows, arguments.rounds, arguments.threads)
    if (busy := others.share()) is not None:
        lines.append(f"Other processes kept {busy:.0%} of the processors busy meanwhile.")
        print(lines[-1])
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
    rest, timed = complaints[: train // 2], complaints[train // 2 :][:rows]
    found["real complaints"] = (
        rest["narrative"].to_numpy(object),
        pd.factorize(rest["product"], sort=True)[0],
        timed["narrative"].to_numpy(object),
    )
    return found


def compare(
    name: str, train: np.ndarray, labels: np.ndarray, test: np.ndarray, rows: int, rounds: int, threads: int
) -> list[str]:
    """A section of the table; printed as it comes."""
    import copy

    import torch

    from models import classifiers
    from models.batching import Scorer, tokenise
    from models.finetune import fit_head
    from models.graphs import for_scoring
    from models.onnx import OnnxModel, agreement, export_onnx, quantize_int8
    from models.quantize import QuantizeConfig
    from models.timing import alternate
    from models.training import Labelled
    from models.weights import resolve
    from reportgen.stats import order_statistic_interval

    names = [f"label {k}" for k in range(int(labels.max()) + 1)]
    classifier = classifiers.build(resolve("minilm"), names, family="encoder", max_length=MAX_LENGTH)
    model, tokenizer = classifier.model.eval(), classifier.tokenizer

    batch = QuantizeConfig.model_fields["eval_batch_size"].default
    plain = Scorer(model, tokenizer, batch, max_length=MAX_LENGTH)
    fit_head(classifier, plain, Labelled(tokenise(tokenizer, train, MAX_LENGTH), labels))
    short = test[:rows]
    lengths = tokenise(tokenizer, test, 10**6).full_lengths
    with tempfile.TemporaryDirectory() as folder:
        exported = export_onnx(model, tokenizer, Path(folder), max_length=MAX_LENGTH)
        onnx = {"fp32": exported} | {
            f"int8, layers={layers}": quantize_int8(exported, Path(folder) / f"{layers}.onnx", layers)
            for layers in ("faithful", "all")
        }
        forms: dict[str, Any] = {
            "torch fp32": model,
            "torch bf16": for_scoring(copy.deepcopy(model), torch.bfloat16),
            **{f"ONNX Runtime {kind}": OnnxModel(path, threads=threads) for kind, path in onnx.items()},
        }
        sizes = {kind: _bytes(form) for kind, form in forms.items()}
        scorers = {kind: replace(plain, model=form) for kind, form in forms.items()}
        ways: dict[str, Callable[[], np.ndarray]] = {
            USUAL: lambda: usual(model, tokenizer, short),
            PIPELINE: lambda: pipeline(model, tokenizer, short, names),
            **{kind: lambda scorer=scorer: scorer.texts(short) for kind, scorer in scorers.items()},
        }
        warm = {way: work() for way, work in ways.items()}
        spent: dict[str, list[float]] = {way: [] for way in ways}
        seconds = alternate({way: counted(work, spent[way]) for way, work in ways.items()}, rounds)
        logits = {kind: scorer.texts(test) for kind, scorer in scorers.items()}
    reference = logits["torch fp32"]
    cut = (lengths > MAX_LENGTH).mean()
    said = (
        f"{len(test):,} texts, {len(short):,} of them timed; median {np.median(lengths):.0f} tokens, {cut:.0%} are cut."
    )
    lines = [f"## {name}", "", said, ""]
    lines += ["| way | texts/s | ratio | 95 % interval | in processor time | agreement | MB on disk |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for way in ways:
        ratio = seconds[USUAL] / seconds[way]
        processor = np.median(np.divide(spent[USUAL], spent[way]))
        ours = way in logits
        same = agreement(reference if ours else reference[:rows], logits[way] if ours else warm[way])
        differ = f"{same.argmax:.2%} ({round((1 - same.argmax) * same.rows)} of {same.rows:,} differ)"
        low, high = order_statistic_interval(ratio, 0.5)
        bounds = f"{low:.1f} to {high:.1f}" if np.isfinite([low, high]).all() else "too few turns"
        lines.append(
            f"| {way} | {len(short) / np.median(seconds[way]):,.0f} | {np.median(ratio):.1f} | {bounds} "
            f"| {processor:.1f} | {differ} | {sizes.get(way, _bytes(model)) / 1e6:.0f} |"
        )
    print("\n".join(lines), flush=True)
    return [*lines, ""]


def counted(work: Callable[[], np.ndarray], spent: list[float]) -> Callable[[], None]:
    """The work, with its processor time added to `spent`: what others on the machine take is not in it."""

    def run() -> None:
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)

    return run


def _bytes(form: Any) -> int:
    """Of the file, or of the weights as they would be saved."""
    return getattr(form, "size_bytes", 0) or sum(p.numel() * p.element_size() for p in form.parameters())


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
