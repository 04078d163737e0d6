"""The training loop: AdamW on Accelerate, validated each epoch, resumable after a kill at any moment.

Accelerate and not transformers' Trainer: Trainer checkpoints are pickles, its answer to running out of memory changes
the effective batch, it spreads over two visible GPUs unasked, and its option names moved between 4.56 and 5.23.
Each step seeds its own dropout and each epoch its own order, so a resumed run does what the uninterrupted one does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.errors import UsageError

from .batching import Scorer, Tokens, halved, pad, sampling_probabilities, to_device, training_batches
from .checkpoints import Checkpoints
from .graphs import StepGraphs, compile_blocks, own_stream
from .heads import reading
from .losses import RowLoss
from .regularise import TokenMask, contrast, disagreement
from .training_config import TrainingConfig, lr_factor

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray

CHECKPOINT_SECONDS = 120.0
"""A checkpoint is written after each epoch, and within one when this long has passed."""

_LINES_PER_EPOCH = 10


@dataclass(frozen=True)
class Labelled:
    """Tokenised texts and their label ids, shape (n,)."""

    tokens: Tokens
    labels: NDArray[np.int64]
    teacher: NDArray[np.float32] | None = None
    """Logits to learn from, shape (n, K); NaN in rows without any."""


@dataclass(frozen=True)
class Fit:
    """What training did."""

    history: pd.DataFrame
    """Columns step, epoch, loss, lr, and at the last step of each epoch val_accuracy, val_macro_f1, val_loss."""
    best_epoch: int | None
    epochs_run: int
    total_steps: int
    micro_batch: int
    resumed_at: int | None
    replayed: int = 0
    """Steps that were replays of a recorded one."""
    not_recorded: str | None = None
    """Why steps could not be recorded, where it was tried."""

    def decided(self) -> dict[str, Any]:
        """For the bundle."""
        return {
            "best_epoch": self.best_epoch,
            "epochs_run": self.epochs_run,
            "total_steps": self.total_steps,
            "micro_batch_used": self.micro_batch,
            "resumed_at_step": self.resumed_at,
            "steps_replayed": self.replayed,
            "steps_not_recorded": self.not_recorded,
        }


@dataclass
class Trainer:
    """One training run.

    Args:
        model: a sequence classifier; what requires a gradient is trained.
        scorer: scores with `model`; used for validation.
        accelerator: an Accelerate accelerator.
        loss: the training loss.
        config: the levers.
        checkpoints: where state is kept.
        seed: fixes order and dropout.
        say: progress.
        head: the module of class scores; what it reads is what `supcon` contrasts.
    """

    model: Any
    scorer: Scorer
    accelerator: Any
    loss: RowLoss
    config: TrainingConfig
    checkpoints: Checkpoints
    seed: int
    say: Callable[[str], None]
    head: Any
    _history: list[dict[str, float]] = field(default_factory=list)
    _pending: list[torch.Tensor] = field(default_factory=list)
    _best: dict[str, Any] | None = None
    _stale: int = 0
    _graphs: StepGraphs | None = None

    def fit(self, train: Labelled, val: Labelled | None) -> Fit:
        """Train, and leave the model with the weights of the selected epoch.

        Raises:
            UsageError: the loss is not finite, one example does not fit in memory, or the checkpoint is another run's.
        """
        import torch

        cfg = self.config
        self._train, self._val = train, val
        self._micro = min(cfg.micro_batch_size or cfg.batch_size, cfg.batch_size)
        per_epoch = math.ceil(len(train.labels) / cfg.batch_size)
        self._total = cfg.epochs * per_epoch
        self._warmup = round(cfg.warmup * self._total) if cfg.warmup < 1 else int(cfg.warmup)
        self._parameters = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        device, alone = self.accelerator.device, self.accelerator.num_processes == 1
        on_gpu = device.type == "cuda"
        # fused: one kernel for all parameters instead of several each. capturable: its step counts live on the device.
        optimizer = torch.optim.AdamW(self._groups(), lr=cfg.lr, fused=on_gpu or None, capturable=on_gpu)
        self._optimizer = self.accelerator.prepare_optimizer(optimizer)
        if on_gpu:
            rate = torch.tensor(cfg.lr, device=device)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
        if cfg.compile:
            compile_blocks(self.model)
        self._wrapped = self.model if alone else self.accelerator.prepare_model(self.model)
        # A gradient scaler looks at every step's gradients before it decides; that cannot be recorded.
        recording = cfg.cuda_graphs and on_gpu and alone and self.accelerator.scaler is None
        self._graphs = StepGraphs(lambda part: self._update([part], len(part["labels"]))) if recording else None

        self._mask = TokenMask.of(self.scorer.tokenizer, cfg.token_mask, device) if cfg.token_mask else None
        step = resumed = self._resume()
        self._saved_at = time.monotonic()
        with reading(self.head) as self._read, own_stream(device) if recording else nullcontext():
            for epoch in range(step // per_epoch, cfg.epochs):
                if self._stopped():
                    break
                step = self._epoch(epoch, step, per_epoch)
        if cfg.select == "best" and self._best is not None:
            self._assign(self.checkpoints.read_best(self._best["step"]))
        return Fit(
            history=self._frame(),
            best_epoch=self._best["epoch"] if self._best else None,
            epochs_run=step // per_epoch,
            total_steps=self._total,
            micro_batch=self._micro,
            resumed_at=resumed or None,
            replayed=self._graphs.replayed if self._graphs else 0,
            not_recorded=self._graphs.refused if self._graphs else None,
        )

    def _epoch(self, epoch: int, step: int, per_epoch: int) -> int:
        cfg = self.config
        chances = None
        if cfg.sampling != "none":
            chances = sampling_probabilities(self._train.labels, {"sqrt": 0.5, "balanced": 1.0}[cfg.sampling])
        batches = training_batches(
            self._train.tokens.lengths,
            cfg.batch_size,
            seed=self.seed,
            epoch=epoch,
            bucketed=cfg.padding == "bucketed",
            probabilities=chances,
        )
        self.model.train()
        every = math.ceil(per_epoch / _LINES_PER_EPOCH)
        for position in range(step - epoch * per_epoch, per_epoch):
            self._pending.append(self._step(batches[position], step))
            self._history.append({"step": step + 1, "epoch": epoch + (position + 1) / per_epoch, "lr": self._lr(step)})
            step += 1
            if step % every == 0 or position + 1 == per_epoch:
                self._flush()
                recent = float(np.mean([row["loss"] for row in self._history[-every:]]))
                self.say(f"epoch {epoch + 1}/{cfg.epochs} step {step}/{self._total} loss {recent:.4f}")
            if position + 1 < per_epoch and self._due():
                self._checkpoint(step)
        if self._val is not None:
            self._validate(self._val, epoch + 1, step)
        self._checkpoint(step)
        return step

    def _step(self, rows: NDArray[np.int64], step: int) -> torch.Tensor:
        """One optimiser step on the rows of one effective batch; returns its loss, on the device."""
        import torch

        self._set_lr(step)
        rank = self.accelerator.process_index
        while True:
            torch.manual_seed(int(np.random.SeedSequence((self.seed, step, rank)).generate_state(1)[0]))
            try:
                parts, idle = self._parts(rows)
                if self._graphs and len(parts) == 1:
                    return self._graphs(parts[0])
                return self._update(parts, len(rows), idle=idle)
            except RuntimeError as error:
                if self.accelerator.num_processes > 1:
                    raise UsageError(
                        f"process {rank} stopped: {error}", remedy="if memory ran out, set a smaller micro_batch_size"
                    ) from error
                self._micro = halved(min(self._micro, len(rows)), error, "training")
                self.say(f"out of memory: micro-batch {self._micro}, the batch stays {self.config.batch_size}")

    def _parts(self, rows: NDArray[np.int64]) -> tuple[list[dict[str, torch.Tensor]], bool]:
        """This process's micro-batches of an effective batch, on the device, and whether they are only for show."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        mine = rows[rank::world]
        idle = len(mine) == 0  # the last batch may be smaller than the number of devices; all must take part
        whole = float(self.loss.weights[self._train.labels[rows]].sum())
        parts = [rows[:1]] if idle else [mine[i : i + self._micro] for i in range(0, len(mine), self._micro)]
        return [self._inputs(part, whole) for part in parts], idle

    def _inputs(self, rows: NDArray[np.int64], whole: float) -> dict[str, torch.Tensor]:
        """What a step reads of some rows: their tokens, what the loss takes beside logits, and the batch's weight."""
        import torch

        width = self.scorer.max_length if self.config.padding == "max_length" else None
        pad_id = self.scorer.tokenizer.pad_token_id or 0
        inputs = pad(self._train.tokens, rows, pad_id, side=self.scorer.side, to=width)
        inputs |= {"labels": torch.from_numpy(self._train.labels[rows]), "whole": torch.tensor([whole])}
        if self._train.teacher is not None:
            inputs["teacher"] = torch.from_numpy(self._train.teacher[rows])
        return to_device(inputs, self.accelerator.device)

    def _update(self, parts: list[dict[str, torch.Tensor]], n: int, *, idle: bool = False) -> torch.Tensor:
        """Move the weights by the weighted mean loss of n rows, whatever the micro-batches and the devices."""
        import torch

        world = self.accelerator.num_processes
        self._optimizer.zero_grad()
        total = torch.zeros((), device=self.accelerator.device)
        for i, part in enumerate(parts):
            last = i + 1 == len(parts)
            with nullcontext() if last or world == 1 else self.accelerator.no_sync(self._wrapped):
                loss = self._loss(part, n) * (0.0 if idle else 1.0)
                self.accelerator.backward(loss * world)  # DDP averages over devices; this makes it a sum
                total += loss.detach()
        if self.config.max_grad_norm > 0:
            self.accelerator.clip_grad_norm_(list(self._parameters.values()), self.config.max_grad_norm)
        self._optimizer.step()
        return self.accelerator.reduce(total, "sum") if world > 1 else total

    def _loss(self, part: dict[str, torch.Tensor], n: int) -> torch.Tensor:
        """The share of a micro-batch in the loss of a batch of n rows."""
        cfg, batch = self.config, {key: part[key] for key in ("input_ids", "attention_mask")}
        targets = [part[key] for key in ("labels", "teacher") if key in part]
        if self._mask is not None:
            batch["input_ids"] = self._mask(batch["input_ids"])
        views = 2 if cfg.rdrop or cfg.supcon else 1
        if views == 2:
            # The views see the same tokens and differ in their dropout.
            batch = {key: value.repeat(2, 1) for key, value in batch.items()}
            targets = [target.repeat(2, *[1] * (target.ndim - 1)) for target in targets]
        with self.accelerator.autocast():
            logits = self._wrapped(**batch).logits
        loss = self.loss.rows(logits, *targets).sum() / (part["whole"].squeeze() * views)
        if cfg.rdrop:
            loss = loss + cfg.rdrop * disagreement(*logits.chunk(2)).sum() / n
        if cfg.supcon:
            loss = loss + cfg.supcon * self._contrast(batch, targets[0]).sum() / (2 * n)
        return loss

    def _contrast(self, batch: dict[str, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        return contrast(self._read(batch["attention_mask"]), labels, self.config.supcon_temperature)

    def _validate(self, val: Labelled, epoch: int, step: int) -> None:
        from reportgen.stats import nll, scores

        logits = self.scorer.tokens(val.tokens)
        found = scores(val.labels, logits.argmax(1), logits.shape[1])
        plain = float(nll(logits, val.labels))
        self._history[-1] |= {"val_accuracy": found.accuracy, "val_macro_f1": found.macro_f1, "val_loss": plain}
        self.say(f"epoch {epoch}: val accuracy {found.accuracy:.4f} macro F1 {found.macro_f1:.4f} loss {plain:.4f}")
        if self._best is None or found.macro_f1 > self._best["macro_f1"]:
            self._best, self._stale = {"epoch": epoch, "step": step, "macro_f1": found.macro_f1}, 0
            if self.accelerator.is_main_process and self.config.select == "best":
                self.checkpoints.write_best(step, self._parameters)
        else:
            self._stale += 1

    def _stopped(self) -> bool:
        return self.config.patience is not None and self._stale >= self.config.patience

    def _lr(self, step: int) -> float:
        return self.config.lr * lr_factor(step, self._total, self._warmup, self.config.schedule)

    def _set_lr(self, step: int) -> None:
        import torch

        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(self._lr(step))
            else:
                group["lr"] = self._lr(step)

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors (biases, norms) do not, as in transformers' Trainer."""
        parameters = list(self._parameters.values())
        return [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]

    def _flush(self) -> None:
        """Fetch the losses of the last steps from the device, all at once."""
        if not self._pending:
            return
        import torch

        losses = torch.stack(self._pending).float().cpu().tolist()
        self._pending.clear()
        for row, loss in zip(self._history[-len(losses) :], losses, strict=True):
            row["loss"] = loss
            if not math.isfinite(loss):
                raise UsageError(
                    f"the loss is not finite at step {row['step']:.0f}",
                    remedy="set a lower lr, max_grad_norm=1, or precision=fp32",
                )

    def _due(self) -> bool:
        return self.accelerator.num_processes == 1 and time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS

    def _checkpoint(self, step: int) -> None:
        self._flush()
        if self.accelerator.is_main_process:
            tensors = {f"model.{name}": p for name, p in self._parameters.items()}
            tensors |= {f"{key}.{name}": value for name, key, value in self._moments()}
            scaler = self.accelerator.scaler.state_dict() if self.accelerator.scaler else None
            self.checkpoints.write(
                step,
                tensors,
                {
                    "history": self._history,
                    "best": self._best,
                    "stale": self._stale,
                    "micro": self._micro,
                    "scaler": scaler,
                },
            )
        self.accelerator.wait_for_everyone()
        self._saved_at = time.monotonic()

    def _resume(self) -> int:
        """The step to go on from: 0 without a checkpoint."""
        found = self.checkpoints.read()
        if found is None:
            return 0
        tensors, state = found
        self._assign({name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")})
        inner = self._optimizer.optimizer
        for name, p in self._parameters.items():
            moments = {
                key: tensors[f"{key}.{name}"] for key in ("exp_avg", "exp_avg_sq", "step") if f"{key}.{name}" in tensors
            }
            # Where AdamW counts steps on a CPU and works elsewhere (mps), the count stays there.
            stays = ("step",) if p.device.type != "cuda" else ()
            inner.state[p] = {key: v if key in stays else v.to(p.device) for key, v in moments.items()}
        if state["scaler"] and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self._history, self._best = state["history"], state["best"]
        self._stale, self._micro = state["stale"], state["micro"]
        self.say(f"resumed at step {state['step']} of {self._total}")
        return int(state["step"])

    def _moments(self) -> Iterator[tuple[str, str, torch.Tensor]]:
        state = self._optimizer.optimizer.state
        for name, p in self._parameters.items():
            for key, value in state.get(p, {}).items():
                yield name, key, value

    def _assign(self, tensors: dict[str, torch.Tensor]) -> None:
        import torch

        with torch.no_grad():
            for name, p in self._parameters.items():
                p.copy_(tensors[name])

    def _frame(self) -> pd.DataFrame:
        import pandas as pd

        columns = ["step", "epoch", "loss", "lr", "val_accuracy", "val_macro_f1", "val_loss"]
        return pd.DataFrame(self._history, columns=columns).astype({"step": "int64"})
