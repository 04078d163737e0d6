"""Less waiting between kernels: half-precision weights, compiled layers and recorded CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .batching import MULTIPLE, rounded

if TYPE_CHECKING:
    import torch

_WARM_UP = 2
_SHAPES_A_BLOCK = 64


def for_scoring(model: Any, dtype: torch.dtype) -> Any:
    """The model itself, its parameters in `dtype` and without gradients, in eval mode.

    Half-precision weights instead of autocast: nothing is cast on the way. Buffers stay as they are, because rotary
    frequencies in bfloat16 would move the positions.
    """
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


@contextmanager
def own_stream(device: Any) -> Iterator[None]:
    """Work on a stream of its own while open: the default one cannot be recorded."""
    import torch

    usual, own = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    own.wait_stream(usual)
    with torch.cuda.stream(own):
        yield
    usual.wait_stream(own)


class StepGraphs:
    """A training step that is recorded once a batch shape and replayed: one launch instead of thousands.

    A shape that comes first is run as it is, which is its warm-up; the second time it is recorded, and replayed from
    then on. Recording does no arithmetic, so that no step is done twice. Dropout follows the seed set before a call,
    replayed or not. Where a step cannot be recorded it runs as before, and `refused` says why.

    Args:
        step: from tensors on a CUDA device to a loss; it must not wait for the device. Call it inside `own_stream`.
    """

    def __init__(self, step: Callable[[dict[str, torch.Tensor]], torch.Tensor]) -> None:
        self.step = step
        self.refused: str | None = None
        self.replayed = 0
        self._seen: set[_Shape] = set()
        self._recorded: dict[_Shape, _Recorded] = {}
        self._pool: Any = None

    def __call__(self, part: dict[str, torch.Tensor]) -> torch.Tensor:
        """Do the step; returns its loss."""
        shape = _shape(part)
        if shape in self._seen and shape not in self._recorded and self.refused is None:
            try:
                self._recorded[shape] = self._record(part)
            except RuntimeError as error:
                self.refused = str(error).partition("\n")[0]
        self._seen.add(shape)
        if (recorded := self._recorded.get(shape)) is None:
            return self.step(part)
        self.replayed += 1
        return recorded(part)

    def _record(self, part: dict[str, torch.Tensor]) -> _Recorded:
        import torch

        self._pool = self._pool or torch.cuda.graph_pool_handle()
        return _capture(self.step, part, self._pool, torch.cuda.current_stream())


class CudaGraphs:
    """A classifier whose forward pass is recorded once a batch shape and replayed: one launch instead of hundreds.

    The interface is that of the model, so that `Scorer` takes it as it is. Where a shape cannot be recorded the model
    runs as before, and `refused` says why.

    Args:
        model: a sequence classifier on a CUDA device, in eval mode.
    """

    training = False

    def __init__(self, model: Any) -> None:
        import torch

        self.model = model.eval()
        self.refused: str | None = None
        self._device = next(model.parameters()).device
        self._pool = torch.cuda.graph_pool_handle()
        self._recorded: dict[_Shape, _Recorded] = {}

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """Scores of a batch of shape (n, L): `.logits`, a tensor of shape (n, K)."""
        import torch

        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        shape = _shape(batch)
        if self.refused is None and shape not in self._recorded:
            try:
                self._recorded[shape] = self._record(*input_ids.shape)
            except RuntimeError as error:
                self.refused = str(error).partition("\n")[0]
        if (recorded := self._recorded.get(shape)) is not None:
            with torch.inference_mode():  # as it was recorded
                return SimpleNamespace(logits=recorded(batch))
        return SimpleNamespace(logits=self._logits({name: part.to(self._device) for name, part in batch.items()}))

    def eval(self) -> CudaGraphs:
        """Itself: what is recorded is the eval mode."""
        return self

    def train(self, mode: bool = True) -> CudaGraphs:
        """Itself: what is recorded stays in eval mode."""
        return self

    def record(self, rows: Sequence[int], longest: int) -> None:
        """Record batches of so many rows in every width up to `longest` tokens, as a server does when it starts."""
        import torch

        for n in rows:
            for width in range(MULTIPLE, rounded(longest) + 1, MULTIPLE):
                ids = torch.ones(n, width, dtype=torch.long)
                self(ids, ids)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The model's."""
        return self.model.parameters()

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.model(**batch).logits

    def _record(self, n: int, width: int) -> _Recorded:
        import torch

        ids = torch.ones(n, width, dtype=torch.long, device=self._device)
        mask = torch.ones_like(ids)
        # Not all ones: while recording, transformers cannot look and always builds the mask; warm up on that path.
        mask[:, width // 2 :] = 0
        mask[:, 0] = 1
        batch = {"input_ids": ids, "attention_mask": mask}
        with torch.inference_mode(), own_stream(self._device):
            for _ in range(_WARM_UP):
                self._logits(batch)
            return _capture(self._logits, batch, self._pool, torch.cuda.current_stream(self._device))


_Shape = tuple[tuple[Any, ...], ...]


def _shape(batch: dict[str, torch.Tensor]) -> _Shape:
    return tuple((name, *tensor.shape) for name, tensor in batch.items())


@dataclass(frozen=True)
class _Recorded:
    """Kernels that read `inputs` and leave their result in `output`."""

    graph: Any
    inputs: dict[str, torch.Tensor]
    output: torch.Tensor

    def __call__(self, given: dict[str, torch.Tensor]) -> torch.Tensor:
        for name, tensor in given.items():
            self.inputs[name].copy_(tensor, non_blocking=True)
        self.graph.replay()
        return self.output.clone()


def _capture(
    work: Callable[[dict[str, torch.Tensor]], torch.Tensor], like: dict[str, torch.Tensor], pool: Any, stream: Any
) -> _Recorded:
    import torch

    inputs = {name: tensor.clone() for name, tensor in like.items()}
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=stream):
        output = work(inputs)
    return _Recorded(graph, inputs, output)
