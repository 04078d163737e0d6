"""What a model weighs: bytes of its saved weights, and the peak of this process's memory while it works."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from .classifiers import unshared

_PEAK, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def saved_bytes(model: Any, work: Path) -> int:
    """Bytes of the weights as they are now (quantised ones stay so), measured on a file that is written and removed."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in unshared(model).items()}
    with tempfile.TemporaryDirectory(dir=work) as folder:
        file = Path(folder) / "model.safetensors"
        save_file(tensors, file)
        return file.stat().st_size


def forget_peak() -> bool:
    """Start the peak of this process's memory anew; False where the system cannot do that."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def process_peak() -> int | None:
    """Largest resident size of this process in bytes since `forget_peak`; None where the system does not say."""
    try:
        lines = _PEAK.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
