"""Training throughput of the encoder path on one and on two GPUs, at the same global batch.

python -m benchmarks.bench_two_gpus

ModernBERT-base's shape with random weights and random rows: the arithmetic of the real model, and nothing to download.
Both runs start from the same weights and see the same batches, so their losses must agree but for rounding.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

AIM = 1.7
"""Times the throughput of one GPU that two should reach."""

GLOBAL_BATCH, MICRO_BATCH, STEPS, WARM_UP, LABELS = 512, 256, 30, 5, 113
SHORTEST, LONGEST = 8, 128
"""Tokens of a row, drawn uniformly: 68 on average."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)  # a toy on CPU processes, for the tests
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, tiny=arguments.tiny)
        return
    import torch

    if not arguments.tiny and torch.cuda.device_count() < 2:
        print(f"skipped: needs two CUDA devices, this machine has {torch.cuda.device_count()}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random_weights(folder / "model", tiny=arguments.tiny)
        found = {n: launch(folder, n, tiny=arguments.tiny) for n in (1, 2)}
    for n, run in found.items():
        print(f"{n} x {run['device']}, {run['precision']}: {run['examples_per_s']:8,.1f} examples/s")
    ratio = found[2]["examples_per_s"] / found[1]["examples_per_s"]
    gap = float(np.abs(np.subtract(found[1]["losses"], found[2]["losses"])).max())
    first, last = found[1]["losses"][0], found[1]["losses"][-1]
    print(f"ratio {ratio:.2f} (aim: at least {AIM})")
    print(f"loss {first:.4f} to {last:.4f}; largest difference of the two curves {gap:.4f}")


def launch(folder: Path, n: int, *, tiny: bool) -> Mapping[str, Any]:
    """What `n` processes measured."""
    if tiny:  # on CPUs Accelerate's own launcher joins processes through MPI only
        launcher = ["torch.distributed.run", "--standalone", f"--nproc_per_node={n}"]
    else:
        launcher = ["accelerate.commands.launch", f"--num_processes={n}", "--num_machines=1", "--dynamo_backend=no"]
        launcher += ["--mixed_precision=bf16"] + ["--multi_gpu"] * (n > 1)
    command = [sys.executable, "-m", *launcher, "-m", "benchmarks.bench_two_gpus", "--worker", str(folder)]
    environment = (
        dict(os.environ) | {"TOKENIZERS_PARALLELISM": "false"} | ({"CUDA_VISIBLE_DEVICES": ""} if tiny else {})
    )
    subprocess.run(
        command + ["--tiny"] * tiny, check=True, cwd=Path(__file__).parents[1], env=environment, stdout=sys.stderr
    )
    found: Mapping[str, Any] = json.loads((folder / f"{n}.json").read_text(encoding="utf-8"))
    return found


def work(folder: Path, *, tiny: bool) -> None:
    """One process of a run; the main one writes `<number of processes>.json`."""
    import torch

    from models import classifiers, device
    from models.batching import Scorer
    from models.checkpoints import Checkpoints
    from models.heads import head_of
    from models.losses import make_loss
    from models.training import Trainer, TrainingConfig
    from models.weights import resolve

    class Forgetful(Checkpoints):
        """Keeps nothing: the disk is not what is timed."""

        def write(self, *_: Any) -> None: ...

        def read(self) -> None: ...

    accelerator, precision = device.accelerator("auto")
    torch.manual_seed(0)  # the new head is drawn in build
    labels = [f"label {k}" for k in range(LABELS)]
    classifier = classifiers.build(resolve(str(folder / "model")), labels, family="encoder", max_length=LONGEST)
    model = classifier.model.to(accelerator.device)
    scorer = Scorer(model, classifier.tokenizer, MICRO_BATCH, device=accelerator.device, autocast=accelerator.autocast)
    size = GLOBAL_BATCH // 64 if tiny else GLOBAL_BATCH
    cfg = TrainingConfig(
        epochs=1, lr=1e-4, batch_size=size, micro_batch_size=min(MICRO_BATCH, size // 2), schedule="constant"
    )
    head = head_of(model, classifier.card.head)
    losses: list[float] = []
    seconds = 0.0
    for seed, steps in enumerate((WARM_UP, STEPS)):
        rows = random_rows(steps * size, model.config.vocab_size, seed)
        loss = make_loss("ce", np.bincount(rows.labels, minlength=LABELS))
        keeper = Forgetful(folder / "checkpoints", "")
        trainer = Trainer(model, scorer, accelerator, loss, cfg, keeper, seed, lambda _line: None, head)
        accelerator.wait_for_everyone()
        device.synchronise(accelerator.device)
        started = time.perf_counter()
        losses += trainer.fit(rows, None).history["loss"].tolist()
        accelerator.wait_for_everyone()
        device.synchronise(accelerator.device)
        seconds = time.perf_counter() - started  # of the last round: the first one warms up
    if accelerator.is_main_process:
        found = {"examples_per_s": STEPS * size / seconds, "losses": losses, "precision": precision}
        found["device"] = device.hardware(accelerator).name
        (folder / f"{accelerator.num_processes}.json").write_text(json.dumps(found), encoding="utf-8")
    accelerator.end_training()


def random_rows(n: int, vocabulary: int, seed: int) -> Any:
    """Labelled rows; half of a row's tokens come from its label's own band of the vocabulary, so it can be learnt."""
    from models.batching import Tokens
    from models.training import Labelled

    rng = np.random.default_rng(seed)
    labels = rng.integers(LABELS, size=n)
    lengths = rng.integers(SHORTEST, LONGEST + 1, size=n)
    band = (vocabulary - 1) // LABELS
    own = 1 + np.repeat(labels, lengths) * band + rng.integers(band, size=lengths.sum())
    flat = np.where(rng.random(lengths.sum()) < 0.5, own, rng.integers(1, vocabulary, size=lengths.sum()))
    tokens = Tokens(flat.astype(np.int32), np.concatenate([[0], np.cumsum(lengths)]), lengths.astype(np.int32))
    return Labelled(tokens, labels)


def random_weights(folder: Path, *, tiny: bool) -> None:
    """A ModernBERT of base size, or a toy, with a tokenizer that only has to know its padding."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

    special = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "cls_token_id": 0, "sep_token_id": 0}
    toy = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    torch.manual_seed(0)
    config = ModernBertConfig(**special, **(toy | {"num_attention_heads": 2} if tiny else {}))
    ModernBertModel(config).save_pretrained(folder)
    marks = dict.fromkeys(("pad_token", "unk_token"), "<pad>")
    words = Tokenizer(models.WordLevel({"<pad>": 0}))
    PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(folder)


if __name__ == "__main__":
    main()
