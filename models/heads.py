"""A linear head on a pooled encoder, for encoders whose stock pooler was never trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "cls", "last"]


def pool(hidden: torch.Tensor, mask: torch.Tensor, how: Pooling) -> torch.Tensor:
    """One vector a text, (n, H), from hidden states (n, L, H) and an attention mask (n, L), padded on either side."""
    import torch

    if how == "mean":
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
    positions = torch.arange(mask.shape[1], device=mask.device)
    # argmax takes the first of equals: the first unmasked position, or with positions as values the last one.
    index = (mask * positions).argmax(1) if how == "last" else mask.argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), index]


def head_of(model: Any, name: str) -> Any:
    """The module of class scores called `name`, also inside adapters, which put their own names before it."""
    return next(module for path, module in model.named_modules() if path == name or path.endswith(f".{name}"))


@contextmanager
def reading(head: Any) -> Iterator[Callable[[torch.Tensor], torch.Tensor]]:
    """While open, gives what `head` read in the last forward pass: (mask (n, L)) to one vector a row (n, H)."""
    seen: dict[str, torch.Tensor] = {}
    hook = head.register_forward_pre_hook(lambda _module, inputs: seen.update(x=inputs[0]))

    def read(mask: torch.Tensor) -> torch.Tensor:
        # A decoder's head reads every position, and the last one counts.
        return pool(seen["x"], mask, "last") if seen["x"].ndim == 3 else seen["x"]

    try:
        yield read
    finally:
        hook.remove()


def pooled_classifier(backbone: Any, n_labels: int, how: Pooling, dropout: float = 0.1) -> Any:
    """A module with the interface of a sequence classifier: pool, dropout, linear `classifier`.

    Args:
        backbone: an AutoModel without pooler.
    """
    import torch
    from transformers.modeling_outputs import SequenceClassifierOutput

    class PooledClassifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone
            self.dropout = torch.nn.Dropout(dropout)
            self.classifier = torch.nn.Linear(backbone.config.hidden_size, n_labels)
            torch.nn.init.normal_(self.classifier.weight, std=0.02)
            torch.nn.init.zeros_(self.classifier.bias)
            self.config = backbone.config

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
            hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return SequenceClassifierOutput(logits=self.classifier(self.dropout(pool(hidden, attention_mask, how))))

    return PooledClassifier()
