"""Training on a GPU: the course's recipe against ours, from the same weights on the same rows in one run.

python -m benchmarks.bench_training_gpu --shape modernbert-base|qwen2.5-0.5b --out DIR

Random weights of the real size; half of a row's tokens name its label, so that the loss has to fall in every run.
A row of the table is the last of three epochs: compilation and recording belong to the first.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_shapes
from models.batching import Tokens, pad, training_batches

BATCH = 32
"""The course's, for the encoder and the decoder."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=gpu_shapes.SHAPES, default="modernbert-base")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=150, help="an epoch, of the course's batch")
    parser.add_argument("--batch", type=int, default=256, help="the larger batch that is tried as well")
    parser.add_argument("--out", type=Path, default=Path("bench-gpu"))
    arguments = parser.parse_args()
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("skipped: needs a CUDA device (--device cpu trains a toy)")
    torch.set_float32_matmul_precision("high")
    bench = Bench(arguments)
    for name, way in bench.ways().items():
        try:
            bench.measure(name, way)
        except Exception as error:  # one way that does not work here must not cost the others
            print(f"{name:28} not here: {type(error).__name__}: {str(error).splitlines()[0][:160]}", flush=True)
            bench.found["ways"][name] = {"refused": f"{type(error).__name__}: {error}"[:500]}
        gpu_shapes.write(arguments.out, f"training-{arguments.shape}", bench.found)
    bench.summary()
    gpu_shapes.write(arguments.out, f"training-{arguments.shape}", bench.found)


EPOCHS = 3

Way = Callable[[Any, Tokens, np.ndarray], tuple[list[float], list[float]]]
"""Weights, rows and labels to the seconds of each epoch and the loss of each step."""


class Bench:
    """Weights, rows and what was measured."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        import torch

        self.device = torch.device(arguments.device)
        self.batch, shape = arguments.batch, arguments.shape
        base = gpu_shapes.build(shape, self.device)
        self.weights = gpu_shapes.with_lora(base) if gpu_shapes.is_decoder(shape) else base
        self.weights = self.weights.cpu()
        self.tokens, self.labels = self.rows(arguments.steps * BATCH, seed=1)
        # Backward: twice the forward; with adapters only the gradient of the activations, once.
        self.per_token = gpu_shapes.multiplications(base) * (2 if gpu_shapes.is_decoder(shape) else 3)
        lengths = self.tokens.lengths
        self.found: dict[str, Any] = {"shape": shape, **gpu_shapes.machine(self.device), "rows": len(lengths)}
        self.found |= {"mean_tokens": lengths.mean(), "ways": {}}
        print(f"{shape}, {self.found['device']}, torch {self.found['torch']}, {len(lengths):,} rows,", end=" ")
        print(f"{lengths.mean():.0f} tokens on average", flush=True)

    def rows(self, n: int, seed: int) -> tuple[Tokens, np.ndarray]:
        """Rows that can be learnt: every second token comes from the label's own band of the vocabulary."""
        vocabulary = self.weights.config.vocab_size
        tokens = gpu_shapes.random_rows(n, vocabulary, seed)
        labels = np.random.default_rng(seed).integers(gpu_shapes.LABELS, size=n)
        band = (vocabulary - 2) // gpu_shapes.LABELS
        whose = np.repeat(labels, tokens.lengths)
        own = 2 + whose * band + tokens.flat % band
        flat = np.where(np.arange(len(tokens.flat)) % 2 == 0, own, tokens.flat).astype(np.int32)
        return Tokens(flat, tokens.offsets, tokens.full_lengths), labels

    def ways(self) -> dict[str, Way]:
        """Name to what trains; the course's comes first."""
        return {
            "course": self.course,
            "ours, not recorded": lambda *given: self.ours(*given, cuda_graphs=False),
            "ours": self.ours,
            "ours, compiled": lambda *given: self.ours(*given, compile=True),
            f"ours, batch {self.batch}": lambda *given: self.ours(*given, batch_size=self.batch),
            f"ours, batch {self.batch}, compiled": lambda *given: self.ours(
                *given, batch_size=self.batch, compile=True
            ),
        }

    def course(self, model: Any, tokens: Tokens, labels: np.ndarray) -> tuple[list[float], list[float]]:
        """Batches of 32 in random order, padded to 128, fp16 autocast with a gradient scaler, plain AdamW."""
        import torch

        cuda = self.device.type == "cuda"
        weights = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=self.rate())
        scaler = torch.amp.GradScaler(self.device.type, enabled=cuda)
        targets = torch.from_numpy(labels)
        losses: list[torch.Tensor] = []

        def work(epoch: int) -> None:
            model.train()
            for rows in training_batches(tokens.lengths, BATCH, seed=0, epoch=epoch, bucketed=False):
                batch = {k: v.to(self.device) for k, v in pad(tokens, rows, 0, to=gpu_shapes.LONGEST).items()}
                with torch.autocast(self.device.type, dtype=torch.float16 if cuda else torch.bfloat16):
                    logits = model(**batch).logits
                loss = torch.nn.functional.cross_entropy(logits.float(), targets[rows].to(self.device))
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                losses.append(loss.detach())

        seconds = [gpu_shapes.clock(lambda epoch=epoch: work(epoch), self.device)[0] for epoch in range(EPOCHS)]
        return seconds, torch.stack(losses).cpu().tolist()

    def ours(
        self, model: Any, tokens: Tokens, labels: np.ndarray, *, batch_size: int = BATCH, **levers: Any
    ) -> tuple[list[float], list[float]]:
        """Our Trainer: grouped by length, bf16 autocast, fused AdamW, recorded steps, clipped as in the course's."""
        from models import device
        from models.batching import Scorer
        from models.checkpoints import Checkpoints
        from models.losses import make_loss
        from models.training import Labelled, Trainer, TrainingConfig

        class Forgetful(Checkpoints):
            """Keeps nothing: the disk is not what is timed."""

            def write(self, *_: Any) -> None: ...

            def read(self) -> None: ...

        accelerator, _ = device.accelerator("auto")
        scorer = Scorer(model, gpu_shapes.tokenizer(), BATCH, device=self.device, max_length=gpu_shapes.LONGEST)
        lr = self.rate() * (batch_size / BATCH) ** 0.5
        cfg = TrainingConfig(
            epochs=EPOCHS, lr=lr, batch_size=batch_size, schedule="constant", max_grad_norm=1.0, warmup=0, **levers
        )
        loss = make_loss("ce", np.bincount(labels, minlength=gpu_shapes.LABELS))
        # The last line of an epoch comes when the losses of all its steps have come from the device.
        ends = {}

        def said(line: str) -> None:
            if line.startswith("epoch"):
                ends[line.partition("/")[0]] = time.perf_counter()

        with tempfile.TemporaryDirectory() as folder:
            keeper = Forgetful(Path(folder), "")
            names = ("classifier", "score")
            head = next(part for name, part in model.named_modules() if name.rpartition(".")[2] in names)
            trainer = Trainer(model, scorer, accelerator, loss, cfg, keeper, 0, said, head)
            started = time.perf_counter()
            fit = trainer.fit(Labelled(tokens, labels), None)
        if fit.not_recorded:
            print(f"not recorded: {fit.not_recorded}", flush=True)
        return np.diff([started, *ends.values()]).tolist(), fit.history["loss"].tolist()

    def rate(self) -> float:
        """Of the course's batch."""
        return 2e-4 if gpu_shapes.is_decoder(self.found["shape"]) else 5e-5

    def measure(self, name: str, way: Way) -> None:
        """Examples a second of the last epoch."""
        import torch

        model = copy.deepcopy(self.weights).to(self.device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds, losses = way(model, self.tokens, self.labels)
        rate = len(self.tokens) / seconds[-1]
        share = rate * float(self.tokens.lengths.mean()) * self.per_token / gpu_shapes.DENSE_BF16
        peak = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        last = max(1, len(losses) // 10)
        loss = [float(np.mean(losses[:last])), float(np.mean(losses[-last:]))]
        self.found["ways"][name] = {
            "examples_per_s": rate,
            "share_of_bf16_peak": share,
            "epochs_s": seconds,
            "peak_bytes": peak,
            "loss_first_and_last_tenth": loss,
            "steps": len(losses),
        }
        print(
            f"{name:28}{rate:10,.0f}/s {share:6.1%} of peak   loss {loss[0]:.3f} to {loss[1]:.3f} in {len(losses)} "
            f"steps   {peak / 1e9:5.1f} GB   first epoch {seconds[0]:.1f} s",
            flush=True,
        )

    def summary(self) -> None:
        """Ours as ratios of the course's."""
        ways = {name: way for name, way in self.found["ways"].items() if way.get("examples_per_s")}
        if "course" not in ways:
            return
        course = ways.pop("course")["examples_per_s"]
        for name, way in ways.items():
            way["ratio"] = way["examples_per_s"] / course
            print(f"{name}: {way['ratio']:.1f} times the course's recipe (aim 4)", flush=True)
        gpu_shapes.table(
            f"training-{self.found['shape']}",
            f"Training on a GPU, {self.found['shape']}",
            self.found,
            [
                "examples/s",
                "ratio",
                "share of bf16 peak",
                "loss, first and last tenth",
                "steps",
                "GB at most",
                "first epoch s",
            ],
            {
                name: [
                    f"{way['examples_per_s']:,.0f}",
                    f"{way.get('ratio', 1):.1f}",
                    f"{way['share_of_bf16_peak']:.1%}",
                    "{:.2f} to {:.2f}".format(*way["loss_first_and_last_tenth"]),
                    str(way["steps"]),
                    f"{way['peak_bytes'] / 1e9:.1f}",
                    f"{way['epochs_s'][0]:.1f}",
                ]
                for name, way in self.found["ways"].items()
                if way.get("examples_per_s")
            },
        )


if __name__ == "__main__":
    main()
