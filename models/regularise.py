"""Regularisers for few rows a label: hidden tokens, agreement of two dropout views, and contrast between labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportgen.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TokenMask:
    """Hides a share of a batch's tokens, drawn anew each step, so that no single word decides."""

    share: float
    mask_id: int
    special: Tensor
    """Ids that are never hidden, on the device of the batches."""

    @classmethod
    def of(cls, tokenizer: Any, share: float, device: Any = "cpu") -> TokenMask:
        """The mask of a tokenizer.

        Raises:
            UsageError: it has no mask token (decoders).
        """
        import torch

        if tokenizer.mask_token_id is None:
            raise UsageError("token_mask needs a tokenizer with a mask token", remedy="leave token_mask at 0")
        return cls(share, tokenizer.mask_token_id, torch.tensor(tokenizer.all_special_ids, device=device))

    def __call__(self, ids: Tensor) -> Tensor:
        """Ids with about `share` of the ordinary tokens replaced, same shape (n, L)."""
        import torch

        hidden = (torch.rand(ids.shape, device=ids.device) < self.share) & ~torch.isin(ids, self.special)
        return ids.masked_fill(hidden, self.mask_id)


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric Kullback–Leibler divergence of two views' logits (n, K), a value a row (R-Drop, Liang et al. 2021)."""
    import torch.nn.functional as F

    a, b = F.log_softmax(first.float(), -1), F.log_softmax(second.float(), -1)
    there = F.kl_div(a, b, log_target=True, reduction="none").sum(-1)
    back = F.kl_div(b, a, log_target=True, reduction="none").sum(-1)
    return (there + back) / 2


def contrast(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss, a value a row: rows of one label attract, all others repel (Khosla et al. 2020).

    Args:
        features: shape (n, H), normalised here. A row without another of its label gets zero.
        labels: shape (n,).
    """
    import torch
    import torch.nn.functional as F

    unit = F.normalize(features.float(), dim=-1)
    self_pair = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_share = F.log_softmax((unit @ unit.T / temperature).masked_fill(self_pair, -1e9), dim=-1)
    alike = (labels[:, None] == labels[None]) & ~self_pair
    return -(log_share * alike).sum(1) / alike.sum(1).clamp(min=1)
