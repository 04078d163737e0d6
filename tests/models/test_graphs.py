"""Recorded training steps and forward passes: the same arithmetic as without, on a GPU; the bookkeeping anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.graphs import CudaGraphs, StepGraphs, compile_blocks, for_scoring

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def part(n: int) -> dict[str, Any]:
    return {"x": torch.ones(n, 2)}


def test_a_shape_is_recorded_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    graphs = StepGraphs(lambda given: done.append(f"run {len(given['x'])}"))
    record = lambda self, given: lambda again: done.append(f"replay {len(again['x'])}")  # noqa: E731
    monkeypatch.setattr(StepGraphs, "_record", record)
    for n in (3, 3, 5, 3, 5):
        graphs(part(n))
    assert done == ["run 3", "replay 3", "run 5", "replay 3", "replay 5"]
    assert graphs.replayed == 3


def test_what_cannot_be_recorded_runs_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fails(self: StepGraphs, given: dict[str, Any]) -> None:
        tried.append(1)
        raise RuntimeError("not permitted while capturing\nmore")

    monkeypatch.setattr(StepGraphs, "_record", fails)
    graphs = StepGraphs(lambda given: given["x"].sum())
    assert [float(graphs(part(n))) for n in (2, 2, 2)] == [4, 4, 4]
    assert (graphs.refused, graphs.replayed, len(tried)) == ("not permitted while capturing", 0, 1)


def test_scoring_weights_leave_buffers_alone() -> None:
    module = torch.nn.Linear(2, 2)
    module.register_buffer("frequencies", torch.tensor([0.1]))
    half = for_scoring(module, torch.bfloat16)
    assert (half.weight.dtype, half.frequencies.dtype, half.weight.requires_grad) == (
        torch.bfloat16,
        torch.float32,
        False,
    )


LEVERS = [
    {},
    {"max_grad_norm": 1.0},
    {"token_mask": 0.2, "rdrop": 2.0, "supcon": 1.0},
    {"sampling": "sqrt", "padding": "dynamic"},
]


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("levers", LEVERS, ids=str)
def test_recorded_training_ends_where_plain_training_does(
    levers: dict[str, Any], context: Any, tiny_bert: Path, tmp_path: Path
) -> None:
    from models.encoder import EncoderConfig, encoder

    keys = {"model": str(tiny_bert), "epochs": 6, "lr": 3e-3, "max_length": 32, "precision": "fp32", "latency": False}
    keys |= {"loss": "logit_adjusted", "class_weights": "sqrt", "batch_size": 8} | levers
    found = []
    for recorded in (False, True):
        ctx = context(EncoderConfig(**keys, cuda_graphs=recorded), work=tmp_path / str(recorded))
        found.append(encoder(ctx))
    plain, replayed = found
    assert plain.decided["steps_replayed"] == 0
    assert replayed.decided["steps_not_recorded"] is None
    assert replayed.decided["steps_replayed"] > len(replayed.training) / 2
    a, b = (run.training["loss"].to_numpy() for run in found)
    # The same dropout, the same arithmetic; kernels differ where a mask is given outright.
    assert b == pytest.approx(a, rel=0.02, abs=0.02)
    assert np.abs(plain.logits["test"] - replayed.logits["test"]).max() < 0.2


@pytest.mark.gpu
@needs_gpu
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, from its compiler
def test_recorded_scoring_is_the_models_own(tiny_bert: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=5).cuda().eval()
    graphs = CudaGraphs(model)
    graphs.record((1, 3), 16)
    rng = np.random.default_rng(0)
    for n, width in ((3, 16), (1, 8), (3, 8), (3, 16), (2, 24)):
        ids = torch.from_numpy(rng.integers(5, 40, (n, width)))
        mask = torch.ones_like(ids)
        mask[:, width - 3 :] = 0
        with torch.inference_mode():
            expected = model(input_ids=ids.cuda(), attention_mask=mask.cuda()).logits
            given = graphs(input_ids=ids, attention_mask=mask).logits
        assert torch.allclose(given, expected, atol=1e-4), (n, width)
    assert graphs.refused is None
    assert compile_blocks(model) == model.config.num_hidden_layers


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("side", ["left", "right"])
def test_batches_of_64_tokens_have_finite_gradients(side: str) -> None:
    """cuDNN's attention, which is off here, gives NaN for this width, a mask and rows that see nothing."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from models import device

    accelerator, _ = device.accelerator("bf16")
    sizes = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForSequenceClassification(LlamaConfig(vocab_size=64, num_labels=3, pad_token_id=0, **sizes)).cuda()
    ids = torch.randint(1, 64, (8, 64), device="cuda")
    mask = torch.ones_like(ids)
    padded = slice(0, 9) if side == "left" else slice(55, 64)
    mask[1:, padded] = 0
    with accelerator.autocast():
        logits = model(input_ids=ids * mask, attention_mask=mask).logits
    torch.nn.functional.cross_entropy(logits.float(), torch.zeros(8, dtype=torch.long, device="cuda")).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
