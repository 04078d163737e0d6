"""Where a model runs and in which precision."""

from __future__ import annotations

from typing import Any, Literal

from reportgen.bundle.schema import Hardware
from reportgen.errors import UsageError

from . import environment

Precision = Literal["fp32", "bf16", "fp16"]


def choose_precision(wanted: Precision | Literal["auto"], device: str, capability: tuple[int, int] | None) -> Precision:
    """The precision of the arithmetic; weights that are trained stay float32 in all of them.

    auto: fp32 on a CPU, bf16 on GPUs of compute capability 8 and more, fp16 on older ones, which only emulate bf16
    at a quarter of the speed.

    Raises:
        UsageError: what was asked for would be emulated or is not there.
    """
    native_bf16 = capability is not None and capability >= (8, 0)
    if wanted == "auto":
        if device != "cuda":
            return "fp32"
        return "bf16" if native_bf16 else "fp16"
    if wanted == "bf16" and device == "cuda" and not native_bf16:
        raise UsageError(
            f"precision=bf16 would be emulated on compute capability {capability}", remedy="set precision=auto or fp16"
        )
    if wanted == "fp16" and device != "cuda":
        raise UsageError(f"precision=fp16 needs a CUDA device, this is {device}", remedy="set precision=auto")
    return wanted


def accelerator(wanted: Precision | Literal["auto"] = "auto") -> tuple[Any, Precision]:
    """An Accelerate accelerator (one device, or one of several under `accelerate launch`) and its precision."""
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    # Said outright where there is no other device: only then does Accelerate join several CPU processes.
    cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    device = PartialState(cpu=cpu).device
    if device.type == "cuda":
        # Peak memory is a run's own, not the largest of those before it in this process.
        torch.cuda.reset_peak_memory_stats(device)
        # Its backward pass turns batches that are padded to 64 tokens into NaN on an H100 (pytorch/pytorch#196678).
        torch.backends.cuda.enable_cudnn_sdp(False)
    precision = choose_precision(wanted, device.type, _capability(device))
    if device.type == "cuda" and _capability(device) >= (8, 0):
        # What autocast leaves in float32 may use TF32; asked for fp32, float32 it is.
        torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    # The state is one a process; without this a second run could not choose another precision.
    AcceleratorState._reset_state()
    return Accelerator(cpu=cpu, mixed_precision={"fp32": "no"}.get(precision, precision)), precision


def hardware(accelerator: Any) -> Hardware:
    """The device the accelerator really uses."""
    import torch

    device = accelerator.device
    if device.type != "cuda":
        return environment.cpu().model_copy(update={"device": device.type, "count": accelerator.num_processes})
    properties = torch.cuda.get_device_properties(device)
    return Hardware(
        device="cuda",
        name=properties.name,
        count=accelerator.num_processes,
        capability=f"{properties.major}.{properties.minor}",
        threads=torch.get_num_threads(),
        memory_bytes=properties.total_memory,
    )


def synchronise(device: Any) -> None:
    """Wait for the device, so that a clock reads the truth."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _capability(device: Any) -> tuple[int, int] | None:
    import torch

    return torch.cuda.get_device_capability(device) if device.type == "cuda" else None
