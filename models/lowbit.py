"""Linear layers in 8 and 4 bits, by bitsandbytes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

from reportgen.errors import InputError, Unavailable, one_line

_BITS = {"int8": 8, "int4": 4}


@dataclass(frozen=True)
class Converted:
    """How many linear layers were converted, and how many kept as they were."""

    quantised: int
    skipped: int


def to_bitsandbytes(
    model: Any, precision: Literal["int8", "int4"], *, keep: tuple[str, ...], device: Any, compute: Any
) -> Converted:
    """Convert the linear layers in place and move the model to `device`, which is where the quantising happens.

    int8 is LLM.int8 with outlier features in 16 bits (threshold 6; Dettmers et al. 2022); int4 is NF4 with its
    constants quantised again (Dettmers et al. 2023). Own loop because transformers converts only while it loads, and
    only its own architectures: ours merge adapters first and may have a head of their own.

    Args:
        model: on the CPU.
        precision: int8 or int4.
        keep: modules that stay as they are, the new head among them: it is small, it decides, and 4-bit kernels crash
            on some of its shapes. So do adapters that are not merged.
        device: a torch device.
        compute: torch dtype of the arithmetic.

    Raises:
        Unavailable: bitsandbytes is missing or has no kernel for the device.
        InputError: there is no layer to quantise.
    """
    import torch

    library = _library()
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)]
    chosen = [(name, layer) for name, layer in layers if not _kept(name, keep)]
    if not chosen:
        raise InputError(
            f"{type(model).__name__} has no linear layer to quantise outside its head",
            remedy="set precision=fp16 or bf16",
        )
    try:
        for name, layer in chosen:
            owner, _, child = name.rpartition(".")
            setattr(model.get_submodule(owner), child, _converted(library, layer, precision, compute))
        model.to(device)
    except (RuntimeError, NotImplementedError, AttributeError, NameError) as error:
        raise no_kernel(precision, device, error) from None
    return Converted(len(chosen), len(layers) - len(chosen))


def no_kernel(precision: str, device: Any, error: Exception) -> Exception:
    """What to say of an error in its kernels; running out of memory stays what it is."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return error
    version = getattr(_library(), "__version__", "")
    return Unavailable(
        f"bitsandbytes {version} has no working {precision} kernel for {device.type}: {one_line(error, 120)}",
        remedy="use another device or build, or backend=onnx for int8 on a CPU",
    )


def _converted(library: Any, layer: Any, precision: Literal["int8", "int4"], compute: Any) -> Any:
    import torch

    weight = layer.weight.data
    if precision == "int8":
        new = library.nn.Linear8bitLt(
            layer.in_features, layer.out_features, layer.bias is not None, has_fp16_weights=False, threshold=6.0
        )
        new.weight = library.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        new = library.nn.Linear4bit(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            compute_dtype=compute,
            compress_statistics=True,
            quant_type="nf4",
        )
        new.weight = library.nn.Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4")
        if layer.out_features % 32 or layer.in_features % 64:
            # A CPU with AVX512-BF16 packs the weights of every layer, and packing fails on these shapes.
            new.support_avx512bf16_for_cpu = False
    if layer.bias is not None:
        new.bias = torch.nn.Parameter(layer.bias.data, requires_grad=False)
    return new


def _kept(name: str, keep: tuple[str, ...]) -> bool:
    parts = name.split(".")
    return bool({*parts} & {*keep, "lora_A", "lora_B"}) or any(f"{name}.".startswith(f"{new}.") for new in keep)


def _library() -> Any:
    try:
        import bitsandbytes
    except ImportError:
        raise Unavailable("bitsandbytes is not installed", remedy="pip install bitsandbytes") from None
    except (RuntimeError, OSError, AttributeError) as error:
        raise Unavailable(f"bitsandbytes cannot be loaded: {one_line(error, 120)}", remedy="install a build") from None
    # "inputs will be cast to float16": what LLM.int8 is.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    return bitsandbytes
