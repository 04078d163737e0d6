"""Scoring on a GPU: the course's recipe against ours, on the same weights and rows in one run.

python -m benchmarks.bench_inference_gpu --shape modernbert-base|qwen2.5-0.5b --out DIR

Random weights of the real size: speed does not depend on what they say. Predictions of both ways are compared.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_shapes
from models.batching import Scorer, Tokens, pad

BATCH = 32
"""The course's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=gpu_shapes.SHAPES, default="modernbert-base")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=32_768)
    parser.add_argument("--single", type=int, default=300, help="calls of one example each")
    parser.add_argument("--tokens-per-batch", type=int, default=32_768)
    parser.add_argument("--only", nargs="*", help="ways to score; all by default")
    parser.add_argument("--out", type=Path, default=Path("bench-gpu"))
    arguments = parser.parse_args()
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("skipped: needs a CUDA device (--device cpu runs a toy)")
    torch.set_float32_matmul_precision("high")
    bench = Bench(arguments)
    for name, way in bench.ways().items():
        if arguments.only and name not in arguments.only and name != "course":
            continue
        try:
            bench.measure(name, way)
        except Exception as error:  # one way that does not work here must not cost the others
            print(f"{name:28} not here: {type(error).__name__}: {str(error).splitlines()[0][:160]}", flush=True)
            bench.found["ways"][name] = {"refused": f"{type(error).__name__}: {error}"[:500]}
        gpu_shapes.write(arguments.out, f"inference-{arguments.shape}", bench.found)
    bench.summary()
    gpu_shapes.write(arguments.out, f"inference-{arguments.shape}", bench.found)


class Bench:
    """Weights, rows and what was measured."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        import torch

        self.device = torch.device(arguments.device)
        self.budget, self.singles, shape = arguments.tokens_per_batch, arguments.single, arguments.shape
        self.half = torch.bfloat16
        base = gpu_shapes.build(shape, self.device)
        self.weights = gpu_shapes.with_lora(base) if gpu_shapes.is_decoder(shape) else base
        self.tokens = gpu_shapes.random_rows(arguments.rows, self.weights.config.vocab_size, seed=0)
        self.per_token = gpu_shapes.multiplications(base)
        self.found: dict[str, Any] = {"shape": shape, **gpu_shapes.machine(self.device), "rows": len(self.tokens)}
        lengths = self.tokens.lengths
        self.found |= {"mean_tokens": lengths.mean(), "at_cap": (lengths == gpu_shapes.LONGEST).mean(), "ways": {}}
        print(f"{shape}, {self.found['device']}, torch {self.found['torch']}, {len(lengths):,} rows,", end=" ")
        print(f"{lengths.mean():.0f} tokens on average, {self.found['at_cap']:.0%} at {gpu_shapes.LONGEST}", flush=True)
        self.reference: np.ndarray | None = None

    def ways(self) -> dict[str, Callable[[], Any]]:
        """Name to what makes the scorer; the course's comes first."""
        return {
            "course": self.course,
            "sorted, bf16 weights": lambda: self.scorer(self.copy()),
            "… and CUDA graphs": lambda: self.scorer(self.graphs(self.copy())),
            "… compiled": lambda: self.scorer(self.compiled()),
            "… compiled, graphs": lambda: self.scorer(self.graphs(self.compiled())),
        }

    def course(self) -> Scorer:
        """Every batch of 32 padded to 128, float32 weights under fp16 autocast; a decoder's adapters not merged."""
        import torch

        kind = torch.float16 if self.device.type == "cuda" else torch.bfloat16
        cast = lambda: torch.autocast(self.device.type, dtype=kind)  # noqa: E731
        return OneByOne(
            self.weights,
            gpu_shapes.tokenizer(),
            BATCH,
            device=self.device,
            padding="max_length",
            max_length=gpu_shapes.LONGEST,
            autocast=cast,
        )

    def scorer(self, model: Any) -> Scorer:
        """Ours: sorted by length, a budget of tokens a batch."""
        return Scorer(
            model, gpu_shapes.tokenizer(), BATCH, device=self.device, max_length=128, tokens_per_batch=self.budget
        )

    def copy(self) -> Any:
        """Half-precision weights, adapters merged."""
        from models.graphs import for_scoring

        model = copy.deepcopy(self.weights)
        return for_scoring(model.merge_and_unload() if hasattr(model, "merge_and_unload") else model, self.half)

    def compiled(self) -> Any:
        """The same with compiled layers."""
        from models.graphs import compile_blocks

        model = self.copy()
        compile_blocks(model)
        return model

    def graphs(self, model: Any) -> Any:
        """Recorded once a batch shape."""
        from models.graphs import CudaGraphs

        return CudaGraphs(model)

    def measure(self, name: str, way: Callable[[], Scorer]) -> None:
        """Offline rate, agreement with the course's predictions, single-stream latency."""
        import torch

        scorer = way()
        n = len(self.tokens) if name != "course" else min(len(self.tokens), 8_192)
        tokens = self.tokens.take(np.arange(n))
        ready, _ = gpu_shapes.clock(lambda: scorer.tokens(tokens), self.device)  # warm: compiles, records, allocates
        seconds = [gpu_shapes.clock(lambda: scorer.tokens(tokens), self.device) for _ in range(2)]
        rate = n / min(second for second, _ in seconds)
        logits = seconds[-1][1]
        if self.reference is None:
            self.reference = logits
        m = min(len(logits), len(self.reference))
        same = float((logits[:m].argmax(1) == self.reference[:m].argmax(1)).mean())
        cold, samples = self.single(scorer)
        p50, p90 = np.quantile(samples, [0.5, 0.9]) * 1e3
        share = rate * float(tokens.lengths.mean()) * self.per_token / gpu_shapes.DENSE_BF16
        self.found["ways"][name] = {
            "examples_per_s": rate,
            "first_pass_s": ready,
            "agreement": same,
            "single_p50_ms": p50,
            "single_p90_ms": p90,
            "single_first_s": cold,
            "single_samples_s": samples,
            "share_of_bf16_peak": share,
            "refused": getattr(scorer.model, "refused", None),
        }
        refused = f"  ({scorer.model.refused})" if getattr(scorer.model, "refused", None) else ""
        print(
            f"{name:28}{rate:10,.0f}/s {share:6.1%} of peak   p50 {p50:6.2f} p90 {p90:6.2f} ms   "
            f"agreement {same:.4f}   ready in {ready:.1f} s{refused}",
            flush=True,
        )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def single(self, scorer: Scorer) -> tuple[float, list[float]]:
        """Seconds until every width has been seen once, then of each call with one example, scores on the host."""
        one = copy.copy(scorer)
        rows = np.linspace(0, len(self.tokens) - 1, self.singles).astype(np.int64)
        parts = [self.tokens.take(rows[i : i + 1]) for i in range(len(rows))]
        started = time.perf_counter()
        for part in parts:
            one.tokens(part)
        cold = time.perf_counter() - started
        return cold, [gpu_shapes.clock(lambda part=part: one.tokens(part), self.device)[0] for part in parts]

    def summary(self) -> None:
        """The best of ours as ratios of the course's."""
        ways = {name: way for name, way in self.found["ways"].items() if way.get("examples_per_s")}
        if "course" not in ways or len(ways) == 1:
            return
        course = ways.pop("course")
        fast = max(ways, key=lambda name: ways[name]["examples_per_s"])
        quick = min(ways, key=lambda name: ways[name]["single_p50_ms"])
        ratio = ways[fast]["examples_per_s"] / course["examples_per_s"]
        self.found |= {"offline_ratio": ratio, "fastest": fast, "quickest": quick}
        print(f"offline: {ratio:.1f} times the course's recipe ({fast}; aim 7)")
        print(
            f"single-stream: p50 {ways[quick]['single_p50_ms']:.2f} ms against {course['single_p50_ms']:.2f} ms "
            f"({quick}; aim 4 ms)",
            flush=True,
        )
        gpu_shapes.table(
            f"inference-{self.found['shape']}",
            f"Scoring on a GPU, {self.found['shape']}",
            self.found,
            [
                "examples/s",
                "ratio",
                "share of bf16 peak",
                "one example, p50 ms",
                "p90 ms",
                "same prediction",
                "ready in s",
            ],
            {
                name: [
                    f"{way['examples_per_s']:,.0f}",
                    f"{way['examples_per_s'] / course['examples_per_s']:.1f}",
                    f"{way['share_of_bf16_peak']:.1%}",
                    f"{way['single_p50_ms']:.2f}",
                    f"{way['single_p90_ms']:.2f}",
                    f"{way['agreement']:.1%}",
                    f"{way['first_pass_s']:.1f}",
                ]
                for name, way in [("course", course), *ways.items()]
            },
        )


class OneByOne(Scorer):
    """The course's loop: the scores of each batch are fetched before the next one starts."""

    def _forward(self, tokens: Tokens, rows: Any) -> Any:
        batch = pad(tokens, rows, 0, to=self.max_length)
        batch = {key: value.to(self.device) for key, value in batch.items()}
        with self.autocast():
            return self.output(self.model(**batch), batch).float().cpu()


if __name__ == "__main__":
    main()
