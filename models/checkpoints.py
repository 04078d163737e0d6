"""Training state on disk: tensors as safetensors, the rest as JSON, complete or not there at all.

Trainer's own checkpoints are pickles and a kill while one is written leaves half of one; these are renamed into place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.errors import InputError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

_TENSORS, _STATE = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run: the newest only, and the weights of the best epoch.

    Args:
        folder: where they lie; nobody else writes there.
        fingerprint: digest of everything the run depends on; a checkpoint with another one is refused.
    """

    folder: Path
    fingerprint: str

    def write(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Store a checkpoint and drop the older ones."""
        from safetensors.torch import save_file

        scratch = self.folder / ".partial"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, scratch / _TENSORS)
        full = {"fingerprint": self.fingerprint, "step": step, **state}
        (scratch / _STATE).write_text(json.dumps(full), encoding="utf-8")
        target = self.folder / f"step-{step:08d}"
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
        for older in self._all():
            if older != target:
                shutil.rmtree(older, ignore_errors=True)
        best = (state.get("best") or {}).get("step")
        for file in self.folder.glob("best-*.safetensors"):
            if best is not None and file != self._best(best):
                file.unlink()

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest checkpoint: tensors and state; None where there is none.

        Raises:
            UsageError: it belongs to another run or config.
            InputError: it is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        newest = next(reversed(self._all()), None)
        if newest is None:
            return None
        try:
            state = json.loads((newest / _STATE).read_text(encoding="utf-8"))
            found = state["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError("damaged checkpoint", where=newest, remedy="delete the folder to start anew") from None
        if found != self.fingerprint:
            raise UsageError(
                "the checkpoint belongs to a run with another config, seed, model or data",
                where=newest,
                remedy="choose another --name, or delete the folder to start anew",
            )
        try:
            return load_file(newest / _TENSORS), state
        except (OSError, SafetensorError):
            raise InputError("damaged checkpoint", where=newest, remedy="delete the folder to start anew") from None

    def write_best(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Store the weights of the best epoch so far; the older ones go when the next checkpoint is complete."""
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / ".best"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, scratch)
        scratch.replace(self._best(step))

    def read_best(self, step: int) -> dict[str, Tensor]:
        """The weights stored for that step."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self._best(step))
        except (OSError, SafetensorError):
            raise InputError("the best epoch's weights are gone", where=self._best(step), remedy="train anew") from None

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}.safetensors"

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))
