"""Quantised runs: what is converted, what is refused, and what ends up in the bundle."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.footprint import forget_peak, process_peak, saved_bytes
from models.lowbit import to_bitsandbytes
from models.quantize import backend_of
from models.registry import get_runner
from models.run import Runs, execute
from reportgen.bundle import Bundle, read_bundle
from reportgen.data import Dataset
from reportgen.errors import ReportgenError, Unavailable

pytestmark = pytest.mark.train


def ran(data: Dataset, out: Path, runner: str, name: str, **settings: Any) -> Bundle:
    return read_bundle(execute(get_runner(runner), data, out, name, settings, settings, 42, Runs(out)))


@pytest.fixture(scope="module")
def trained(topics: Dataset, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs `full` (all weights), `lora` (an adapter) and `dropped` (weights not kept)."""
    out = tmp_path_factory.mktemp("trained")
    common = {"model": str(tiny_bert), "epochs": 8, "lr": 5e-3, "latency": False, "max_length": 32}
    ran(topics, out, "encoder", "full", **common, save="full")
    ran(topics, out, "encoder", "lora", **common, lora={"r": 4})
    ran(topics, out, "encoder", "dropped", **common | {"epochs": 1})
    return out


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "runs")
    return tmp_path / "runs"


def gap(one: Bundle, other: Bundle) -> float:
    a, b = (bundle.predictions("test").logits.astype(float) for bundle in (one, other))
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-3), ("fp16", 0.01), ("bf16", 0.05)])
def test_casts(precision: str, most: float, topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", f"full-{precision}", run="full", precision=precision, latency=False)
    source = read_bundle(runs / "full")
    assert found.splits == source.splits
    assert gap(found, source) < most
    assert found.manifest.model.precision == precision
    assert found.manifest.model.merged is None
    assert found.config.decided["backend_used"] == "torch"
    changed = found.config.decided["predictions_changed"]
    for split in found.splits:
        ours, theirs = found.predictions(split).predictions, source.predictions(split).predictions
        assert changed[split] == int((ours != theirs).sum())
    disk = {record.kind: record.bytes for record in found.latency.memory}["weights_on_disk"]
    weights = found.manifest.model.parameters * {"fp32": 4}.get(precision, 2)
    assert weights < disk < 1.2 * weights + 20_000


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("run", ["full", "lora"])
def test_low_bits(run: str, precision: str, topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", "q", run=run, precision=precision)
    source = read_bundle(runs / run)
    assert 0 < gap(found, source) < 0.5
    decided = found.config.decided
    assert (decided["layers_quantised"], decided["layers_skipped"]) == (13, 1)  # six a layer, and the pooler
    assert decided["backend_used"] == "bitsandbytes"
    assert found.manifest.model.merged is (True if run == "lora" else None)
    assert [(p.role, p.run_id, p.root) for p in found.manifest.parents] == [("source", run, source.root)]
    assert {record.dtype for record in found.latency.records} == {precision}
    assert {record.device for record in found.latency.records} == {found.manifest.hardware.device}
    assert {"weights_on_disk", "process_peak"} <= {record.kind for record in found.latency.memory}


def test_an_adapter_that_stays_is_not_quantised(topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", "q", run="lora", precision="int8", merge=False, latency=False)
    assert found.manifest.model.merged is False
    assert found.config.decided["layers_quantised"] == 13
    assert gap(found, read_bundle(runs / "lora")) < 0.2


def test_merging_changes_no_prediction(topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", "merged", run="lora", precision="fp32", latency=False)
    assert set(found.config.decided["predictions_changed"].values()) == {0}
    with pytest.raises(ReportgenError, match="no adapter"):
        ran(topics, runs, "quantize", "no", run="full", precision="fp32", merge=True)


def test_weights_come_from_the_bundles_adapter_where_only_that_is_left(topics: Dataset, runs: Path) -> None:
    shutil.rmtree(runs / ".work")
    found = ran(topics, runs, "quantize", "q", run="lora", precision="fp32", latency=False)
    assert set(found.config.decided["predictions_changed"].values()) == {0}


def test_refusals_take_one_line(topics: Dataset, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(match: str, **settings: Any) -> None:
        with pytest.raises(ReportgenError, match=match) as error:
            ran(topics, runs, "quantize", "no", latency=False, **settings)
        assert "\n" not in str(error.value)
        assert not (runs / "no").exists() or (runs / "no" / "manifest.json").is_file()

    refused("the weights of dropped were not kept", run="dropped")
    refused("no run called 'nobody'", run="nobody")
    refused("backend=torch has no int8", run="full", precision="int8", backend="torch")
    refused("backend=onnx has no int4", run="full", precision="int4", backend="onnx")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    refused("bitsandbytes is not installed", run="full", precision="int8")


def test_a_missing_kernel_takes_one_line(topics: Dataset, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bitsandbytes

    def no(*_: object) -> None:
        raise RuntimeError("named symbol not found\n at line 5")

    monkeypatch.setattr(bitsandbytes.nn.Linear8bitLt, "forward", no)
    with pytest.raises(Unavailable, match="no working int8 kernel for") as error:
        ran(topics, runs, "quantize", "no", run="full", precision="int8", latency=False)
    assert "\n" not in str(error.value)


def test_a_model_without_layers_to_quantise_is_refused() -> None:
    import torch

    model = torch.nn.Sequential()
    model.add_module("embedding", torch.nn.Embedding(4, 8))
    model.add_module("classifier", torch.nn.Linear(8, 2))
    with pytest.raises(ReportgenError, match="no linear layer to quantise outside its head"):
        to_bitsandbytes(model, "int8", keep=("classifier",), device=torch.device("cpu"), compute=torch.float32)


def test_backends() -> None:
    assert [backend_of(p, "auto") for p in ("fp32", "fp16", "bf16", "int8", "int4")] == [
        *["torch"] * 3,
        *["bitsandbytes"] * 2,
    ]
    assert backend_of("int8", "onnx") == "onnx"


def test_footprint(tmp_path: Path) -> None:
    import torch

    model = torch.nn.Linear(1000, 1000, bias=False)
    assert 4_000_000 < saved_bytes(model, tmp_path) < 4_001_000
    assert not list(tmp_path.iterdir())
    if not forget_peak():
        pytest.skip("this system cannot reset the peak")
    before = process_peak()
    block = np.ones(400_000_000, np.uint8)
    assert process_peak() - before > 300_000_000
    del block
    assert forget_peak()
    assert process_peak() - before < 300_000_000


@pytest.mark.parametrize("run", ["full", "lora"])
def test_half_precision_is_timed_apart(run: str, topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", "q", run=run, precision="bf16", fresh=True)
    if found.manifest.hardware.device != "cpu":
        pytest.skip("only a CPU's form can be loaded by another process")
    assert found.config.decided["timed_in"] == "a process of its own"
    assert [record.includes_tokenisation for record in found.latency.records] == [True, True, False, False]
    assert {(record.dtype, record.merged) for record in found.latency.records} == {
        ("bf16", True if run == "lora" else None)
    }
    assert found.latency.cold_start_s > 0
    assert {record.kind for record in found.latency.memory} == {"weights_on_disk", "process_peak"}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_onnx(precision: str, topics: Dataset, runs: Path) -> None:
    found = ran(topics, runs, "quantize", "q", run="lora", precision=precision, backend="onnx")
    assert gap(found, read_bundle(runs / "lora")) < (1e-2 if precision == "fp32" else 0.5)
    assert found.manifest.hardware.device == "cpu"
    assert found.config.decided["backend_used"] == "onnx"
    if precision == "int8":
        # Queries, keys and values of two layers; outputs, feed-forward, pooler and head stay.
        assert (found.config.decided["layers_quantised"], found.config.decided["layers_skipped"]) == (6, 8)
