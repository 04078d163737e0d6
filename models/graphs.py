"""Less waiting between kernels: half-precision copies, compiled layers and recorded CUDA graphs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_WARM_UP = 2
_SHAPES_A_BLOCK = 64


def inference_copy(model: Any, dtype: torch.dtype) -> Any:
    """A copy for scoring: adapters merged, parameters in `dtype`, no gradients, eval mode.

    Half-precision weights instead of autocast: nothing is cast on the way. Buffers stay as they are, because rotary
    frequencies in bfloat16 would move the positions.
    """
    model = copy.deepcopy(model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.data = parameter.data.to(dtype)
    return model.eval()


def compile_blocks(model: Any) -> int:
    """Compile the repeated layers in place and return their number: one compilation serves all, whatever the shapes.

    Names of parameters do not change, so that checkpoints and adapters fit as before.
    """
    import torch

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _SHAPES_A_BLOCK)
    blocks = max((part for part in model.modules() if isinstance(part, torch.nn.ModuleList)), key=len, default=[])
    for block in blocks:
        block.compile(dynamic=True)
    return len(blocks)


@dataclass(frozen=True)
class _Recorded:
    graph: Any
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    logits: torch.Tensor

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        n = len(input_ids)
        self.input_ids[:n].copy_(input_ids, non_blocking=True)
        self.attention_mask[:n].copy_(attention_mask, non_blocking=True)
        self.graph.replay()
        return self.logits[:n].clone()


class CudaGraphs:
    """A classifier whose forward pass is recorded once a batch shape and replayed: one launch instead of hundreds.

    The interface is that of the model, so that `Scorer` takes it as it is. Where a shape cannot be recorded the model
    runs as before, and `refused` says why.

    Args:
        model: a sequence classifier on a CUDA device, in eval mode.
        tokens_per_batch: batches of more than one row are filled up to this many padded tokens, so that each width
            needs one graph; None: a graph for every number of rows that comes.
    """

    training = False

    def __init__(self, model: Any, tokens_per_batch: int | None = None) -> None:
        import torch

        self.model = model.eval()
        self.tokens_per_batch = tokens_per_batch
        self.refused: str | None = None
        self._device = next(model.parameters()).device
        self._pool = torch.cuda.graph_pool_handle()
        self._recorded: dict[tuple[int, int], _Recorded] = {}

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """Scores of a batch of shape (n, L): `.logits`, a tensor of shape (n, K)."""
        n, width = input_ids.shape
        rows = n if n == 1 or self.tokens_per_batch is None else max(n, self.tokens_per_batch // width)
        if self.refused is None and (rows, width) not in self._recorded:
            try:
                self._recorded[rows, width] = self._record(rows, width)
            except RuntimeError as error:
                self.refused = str(error).partition("\n")[0]
        if (recorded := self._recorded.get((rows, width))) is not None:
            return SimpleNamespace(logits=recorded(input_ids, attention_mask))
        batch = {"input_ids": input_ids.to(self._device), "attention_mask": attention_mask.to(self._device)}
        return SimpleNamespace(logits=self.model(**batch).logits)

    def eval(self) -> CudaGraphs:
        """Itself: what is recorded is the eval mode."""
        return self

    def train(self, mode: bool = True) -> CudaGraphs:
        """Itself: what is recorded stays in eval mode."""
        return self

    def _record(self, rows: int, width: int) -> _Recorded:
        import torch

        ids = torch.ones(rows, width, dtype=torch.long, device=self._device)
        mask = torch.ones_like(ids)
        # Not all ones: while recording, transformers cannot look and always builds the mask; warm up on that path.
        mask[:, width // 2 :] = 0
        mask[:, 0] = 1
        aside = torch.cuda.Stream(self._device)
        aside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.inference_mode(), torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self.model(input_ids=ids, attention_mask=mask)
        torch.cuda.current_stream(self._device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph, pool=self._pool):
            logits = self.model(input_ids=ids, attention_mask=mask).logits
        return _Recorded(graph, ids, mask, logits)
