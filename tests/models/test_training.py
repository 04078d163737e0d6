"""The training loop: schedules, exact accumulation, selection, checkpoints, and a kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models.batching import Scorer, Tokens
from models.checkpoints import Checkpoints
from models.device import choose_precision
from models.encoder import EncoderConfig, encoder
from models.losses import make_loss
from models.training import Labelled, Trainer, TrainingConfig, lr_factor
from reportgen.errors import InputError, UsageError

pytestmark = pytest.mark.train


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_schedules_are_transformers_own(schedule: str) -> None:
    import torch
    from transformers import get_scheduler

    name = {"constant": "constant_with_warmup"}.get(schedule, schedule)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(name, optimizer, num_warmup_steps=3, num_training_steps=11)
    for step in range(11):
        assert lr_factor(step, 11, 3, schedule) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_precision_follows_the_compute_capability() -> None:
    assert choose_precision("auto", "cpu", None) == "fp32"
    assert choose_precision("auto", "cuda", (7, 5)) == "fp16"
    assert choose_precision("auto", "cuda", (8, 0)) == "bf16"
    with pytest.raises(UsageError, match="emulated"):
        choose_precision("bf16", "cuda", (7, 5))
    with pytest.raises(UsageError, match="CUDA"):
        choose_precision("fp16", "cpu", None)


class Toy:
    """Bags of 6 token kinds, 3 labels: a linear classifier on token counts."""

    def __init__(self, n: int = 50) -> None:
        rng = np.random.default_rng(0)
        self.labels = rng.integers(0, 3, n)
        rows = [rng.choice([2 * y + 1, 2 * y + 2, 1, 3], rng.integers(2, 9)) for y in self.labels]
        lengths = np.array([len(r) for r in rows])
        self.tokens = Tokens(
            np.concatenate(rows).astype(np.int32), np.concatenate([[0], np.cumsum(lengths)]), lengths.astype(np.int32)
        )
        self.counts = np.bincount(self.labels, minlength=3)

    @property
    def rows(self) -> Labelled:
        return Labelled(self.tokens, self.labels)

    def trainer(self, folder: Path, fingerprint: str = "a", dropout: float = 0.0, limit: int = 99, **keys) -> Trainer:
        import torch

        from models import device

        class Model(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = torch.nn.Linear(8, 3)
                self.dropout = torch.nn.Dropout(dropout)

            def forward(self, input_ids, attention_mask):
                if len(input_ids) > limit:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
                seen = torch.nn.functional.one_hot(input_ids, 8) * attention_mask[..., None]
                return SimpleNamespace(logits=self.head(self.dropout(seen.sum(1).float())))

        torch.manual_seed(7)
        model = Model()
        accelerator, _ = device.accelerator("fp32")
        scorer = Scorer(model, SimpleNamespace(pad_token_id=0), 64)
        config = TrainingConfig(**({"epochs": 3, "lr": 0.05, "batch_size": 8, "weight_decay": 0} | keys))
        loss = make_loss("ce", self.counts, weighting="sqrt")
        checkpoints = Checkpoints(folder, fingerprint)
        return Trainer(model, scorer, accelerator, loss, config, checkpoints, 42, lambda line: None, model.head)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy()


def _weights(trainer: Trainer) -> np.ndarray:
    return trainer.model.head.weight.detach().numpy().copy()


def test_training_learns_and_records_every_step(toy: Toy, tmp_path: Path) -> None:
    fit = toy.trainer(tmp_path, epochs=5).fit(toy.rows, toy.rows)
    frame = fit.history
    assert frame["step"].tolist() == list(range(1, 36))
    assert frame["loss"].notna().all()
    assert frame["val_macro_f1"].notna().sum() == 5
    assert frame["val_macro_f1"].iloc[-1] > 0.6
    assert frame["loss"].iloc[-7:].mean() < 0.7 * frame["loss"].iloc[:7].mean()
    assert frame["lr"].iloc[0] == 0
    assert fit.best_epoch is not None


def test_micro_batches_do_not_change_the_step(toy: Toy, tmp_path: Path) -> None:
    whole, parts = (toy.trainer(tmp_path / str(m), micro_batch_size=m) for m in (8, 3))
    one, two = whole.fit(toy.rows, None), parts.fit(toy.rows, None)
    assert one.history["loss"].to_numpy() == pytest.approx(two.history["loss"].to_numpy(), rel=1e-4)
    assert _weights(whole) == pytest.approx(_weights(parts), abs=1e-5)


def test_memory_ladder_keeps_the_effective_batch(toy: Toy, tmp_path: Path) -> None:
    roomy, tight = toy.trainer(tmp_path / "a"), toy.trainer(tmp_path / "b", limit=3)
    roomy.fit(toy.rows, None)
    fit = tight.fit(toy.rows, None)
    assert fit.micro_batch == 2
    assert _weights(roomy) == pytest.approx(_weights(tight), abs=1e-5)


def test_memory_that_never_suffices_is_one_line(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="single example") as caught:
        toy.trainer(tmp_path, limit=0).fit(toy.rows, None)
    assert "\n" not in str(caught.value)


def test_best_epoch_is_restored_and_patience_stops(toy: Toy, tmp_path: Path) -> None:
    trainer = toy.trainer(tmp_path, epochs=30, patience=2, schedule="constant", lr=0.3)
    fit = trainer.fit(toy.rows, toy.rows)
    scores = fit.history["val_macro_f1"].dropna().tolist()
    assert len(scores) == fit.epochs_run < 30
    assert fit.best_epoch == int(np.argmax(scores)) + 1
    assert fit.epochs_run == fit.best_epoch + 2
    from reportgen.stats import scores as score

    found = score(toy.labels, trainer.scorer.tokens(toy.tokens).argmax(1), 3)
    assert found.macro_f1 == pytest.approx(max(scores))


def test_a_loss_that_is_not_finite_stops(toy: Toy, tmp_path: Path) -> None:
    trainer = toy.trainer(tmp_path)
    trainer.model.head.weight.data[0, 0] = float("nan")
    with pytest.raises(UsageError, match="not finite at step 1"):
        trainer.fit(toy.rows, None)


@pytest.mark.parametrize("crash_at", [3, 7, 9, 14])
def test_interrupted_training_ends_in_the_same_weights(
    toy: Toy, tmp_path: Path, crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.CHECKPOINT_SECONDS", 0.0)
    straight = toy.trainer(tmp_path / "straight", dropout=0.3)
    expected = straight.fit(toy.rows, toy.rows)

    class Killed(BaseException):
        pass

    broken = toy.trainer(tmp_path / "broken", dropout=0.3)
    step = broken._step

    def dies(rows: np.ndarray, number: int):
        if number == crash_at:
            raise Killed
        return step(rows, number)

    monkeypatch.setattr(broken, "_step", dies)
    with pytest.raises(Killed):
        broken.fit(toy.rows, toy.rows)
    resumed = toy.trainer(tmp_path / "broken", dropout=0.3)
    fit = resumed.fit(toy.rows, toy.rows)
    assert fit.resumed_at == crash_at
    assert (_weights(resumed) == _weights(straight)).all()
    assert fit.history.equals(expected.history)
    assert fit.best_epoch == expected.best_epoch


def test_only_safetensors_and_json_on_disk(toy: Toy, tmp_path: Path) -> None:
    toy.trainer(tmp_path).fit(toy.rows, toy.rows)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}
    assert len(list(tmp_path.glob("step-*"))) == 1
    assert len(list(tmp_path.glob("best-*"))) == 1


def test_checkpoint_of_another_run_is_refused(toy: Toy, tmp_path: Path) -> None:
    toy.trainer(tmp_path, fingerprint="a", epochs=1).fit(toy.rows, None)
    with pytest.raises(UsageError, match="another config") as caught:
        toy.trainer(tmp_path, fingerprint="b", epochs=1).fit(toy.rows, None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["state.json", "state.safetensors"])
def test_damaged_checkpoint_is_one_line(toy: Toy, tmp_path: Path, file: str) -> None:
    toy.trainer(tmp_path, epochs=1).fit(toy.rows, None)
    next(tmp_path.glob(f"step-*/{file}")).write_bytes(b'{"step"')
    with pytest.raises(InputError, match="damaged checkpoint"):
        toy.trainer(tmp_path, epochs=1).fit(toy.rows, None)


def test_half_written_checkpoint_is_not_seen(toy: Toy, tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, "a")
    (tmp_path / ".partial").mkdir(parents=True)
    (tmp_path / ".partial" / "state.json").write_text("{")
    assert store.read() is None


_SCRIPT = """
import sys, time
import models.training as training
from models.run import run
from reportgen.data import load_dataset
csv, model, out, slow = sys.argv[1:]
training.CHECKPOINT_SECONDS = 0.0
if slow == "slow":
    step = training.Trainer._step
    def slowly(self, rows, number):
        time.sleep(0.3)
        return step(self, rows, number)
    training.Trainer._step = slowly
keys = [f"model={model}", "epochs=3", "lr=0.003", "batch_size=16", "latency=false", "max_length=32"]
run("encoder", load_dataset(csv), __import__("pathlib").Path(out), overrides=keys, name="kill", say=print)
"""


def test_kill_9_and_the_same_command_again(topics_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    from reportgen.bundle import read_bundle, validate_bundle

    def start(out: Path, pace: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SCRIPT, str(topics_csv), str(tiny_bert), str(out), pace]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    victim = start(tmp_path / "killed", "slow")
    folder = tmp_path / "killed" / ".work" / "kill" / "checkpoints"
    deadline = time.monotonic() + 200
    while not any(folder.glob("step-*[1-9]")) or max(int(p.name[5:]) for p in folder.glob("step-*")) < 3:
        assert victim.poll() is None, victim.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "kill").exists()

    straight, again = start(tmp_path / "straight", "fast"), start(tmp_path / "killed", "fast")
    said = [process.communicate(timeout=200)[0] for process in (straight, again)]
    assert (straight.returncode, again.returncode) == (0, 0), said
    assert "resumed at step" in said[1]
    bundles = [read_bundle(tmp_path / name / "kill") for name in ("straight", "killed")]
    for bundle in bundles:
        validate_bundle(bundle.path)
    one, two = (bundle.predictions("val") for bundle in bundles)
    assert (one.predictions == two.predictions).all()
    assert (one.logits == two.logits).all()
    a, b = (bundle.training for bundle in bundles)
    assert a.equals(b)


def test_encoder_refuses_another_runs_checkpoint(context, tiny_bert: Path, tmp_path: Path) -> None:
    keys = {"model": str(tiny_bert), "epochs": 1, "max_length": 32, "latency": False}
    encoder(context(EncoderConfig(**keys)))
    state = json.loads(next((tmp_path / "work" / "checkpoints").glob("step-*/state.json")).read_text())
    assert state["step"] > 0
    with pytest.raises(UsageError, match="another config, seed, model or data"):
        encoder(context(EncoderConfig(**keys, lr=1e-3)))


_DISTRIBUTED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_training import Toy
toy = Toy(n=49)  # 6 batches of 8 and one of a single row, which leaves a process without work
trainer = toy.trainer(Path(sys.argv[1]), max_grad_norm=1.0)
fit = trainer.fit(toy.rows, toy.rows)
if trainer.accelerator.is_main_process:
    assert trainer.accelerator.num_processes == int(sys.argv[3])
    import numpy
    numpy.save(Path(sys.argv[1]) / "weights.npy", trainer.model.head.weight.detach().numpy())
    numpy.save(Path(sys.argv[1]) / "losses.npy", fit.history["loss"].to_numpy())
"""


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_DISTRIBUTED)
    root = Path(__file__).parents[2]
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={n}"]
        subprocess.run(
            [sys.executable, *launcher, script, tmp_path / str(n), Path(__file__).parent, str(n)],
            cwd=root,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
            check=True,
            timeout=200,
        )
    for name, tolerance in (("losses", 1e-4), ("weights", 1e-4)):
        one, two = (np.load(tmp_path / str(n) / f"{name}.npy") for n in (1, 2))
        assert one == pytest.approx(two, abs=tolerance)
