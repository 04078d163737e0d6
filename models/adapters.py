"""LoRA: targets checked against the model's real modules, the head saved with the adapter, nothing silent."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reportgen.errors import InputError, UsageError

_USUAL_TARGETS = (
    ("Wqkv", "Wo", "Wi"),
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin", "out_lin"),
)
"""What the course adapts in ModernBERT and in Qwen and Llama, and the attention of BERT and DistilBERT."""


class LoraSettings(BaseModel):
    """Low-rank adapters (Hu et al. 2021)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(16, ge=1)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: tuple[str, ...] | None = Field(None, description="Last parts of module names; null: the usual ones.")


@dataclass(frozen=True)
class Adapted:
    """A model with adapters, and what was adapted."""

    model: Any
    matched: dict[str, int]
    """Target to the number of linear layers it matched."""
    trainable: int


@contextmanager
def peft_quiet() -> Iterator[None]:
    """Without the deprecation notice that peft 0.21 sets off in transformers 5.23; gone when peft follows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".is_gradient_checkpointing. is deprecated", category=FutureWarning)
        yield


def match_targets(model: Any, targets: tuple[str, ...] | None, fresh: tuple[str, ...]) -> dict[str, int]:
    """How many linear layers outside the fresh modules each target matches.

    Raises:
        UsageError: a target matches nothing; PEFT itself is silent about that as long as another one matches.
    """
    linear = [name.split(".") for name, _ in _linear_layers(model, fresh)]
    last = [parts[-1] for parts in linear]
    if targets is None:
        targets = next((usual for usual in _USUAL_TARGETS if all(t in last for t in usual)), None)
        if targets is None:
            names = ", ".join(sorted(set(last)))
            raise UsageError("no usual LoRA targets in this model", remedy=f"set lora.targets; linear layers: {names}")
    matched = {target: sum(_ends_with(parts, target) for parts in linear) for target in targets}
    for target, count in matched.items():
        if count == 0:
            names = ", ".join(sorted(set(last)))
            raise UsageError(f"LoRA target {target!r} matches no linear layer", remedy=f"linear layers: {names}")
    return matched


def add_lora(model: Any, settings: LoraSettings, fresh: tuple[str, ...]) -> Adapted:
    """Freeze the model, add adapters and leave the fresh modules trainable.

    Args:
        fresh: names of the modules the pretrained weights did not hold, the head among them; trained whole and saved
            with the adapter, or a reload would start from random ones.

    Raises:
        UsageError: a target matches nothing.
    """
    from peft import LoraConfig, get_peft_model

    matched = match_targets(model, settings.targets, fresh)
    expected = expected_trainable(model, tuple(matched), settings.r, fresh)
    lora = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(matched),
        modules_to_save=list(fresh),
    )
    with peft_quiet():
        adapted = get_peft_model(model, lora)
    trainable = count_parameters(adapted, trainable=True)
    if trainable != expected:
        raise UsageError(
            f"LoRA made {trainable:,} parameters trainable where {expected:,} were expected",
            remedy="name the targets in lora.targets so that each means one kind of layer",
        )
    return Adapted(adapted, matched, trainable)


def expected_trainable(model: Any, targets: tuple[str, ...], r: int, fresh: tuple[str, ...]) -> int:
    """The rank times (inputs + outputs) of each matched linear layer, plus the fresh modules."""
    adapters = sum(
        r * (layer.in_features + layer.out_features)
        for name, layer in _linear_layers(model, fresh)
        if any(_ends_with(name.split("."), target) for target in targets)
    )
    return adapters + sum(p.numel() for name in fresh for p in model.get_submodule(name).parameters())


def _linear_layers(model: Any, fresh: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    import torch

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and not any(f"{name}.".startswith(f"{new}.") for new in fresh):
            yield name, module


def count_parameters(model: Any, *, trainable: bool = False) -> int:
    """Number of (trainable) parameters; the frozen twin PEFT keeps of a saved module is not counted."""
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if (p.requires_grad or not trainable) and ".original_module." not in name
    )


def check_adapter(folder: Path, fresh: tuple[str, ...]) -> None:
    """Refuse an adapter that cannot score: other files than safetensors, or without its head.

    Raises:
        InputError: saying which.
    """
    from safetensors import SafetensorError, safe_open

    weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    if not weights.is_file() or not config.is_file():
        raise InputError("no adapter_model.safetensors and adapter_config.json", where=folder)
    try:
        with safe_open(weights, framework="numpy") as tensors:
            names = list(tensors.keys())
        saved = json.loads(config.read_text(encoding="utf-8")).get("modules_to_save") or []
    except (SafetensorError, ValueError, AttributeError):
        raise InputError("the adapter's files are damaged", where=folder) from None
    for new in fresh:
        if new not in saved or not any(f".{new}." in f".{name}" for name in names):
            raise InputError(
                f"the adapter does not hold its head {new!r}: its class scores would be random",
                where=folder,
                remedy=f"save it again with modules_to_save={list(fresh)}",
            )


def _ends_with(parts: list[str], target: str) -> bool:
    wanted = target.split(".")
    return parts[-len(wanted) :] == wanted
