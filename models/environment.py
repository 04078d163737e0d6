"""Where a run happened: interpreter and package versions, the machine, the commit."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

from reportgen.bundle.schema import Git, Hardware

from .timing import threads

_PACKAGES = (
    "reportgen",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "onnxruntime",
)


def versions() -> dict[str, str]:
    """Version of the interpreter, the platform and every installed package a number may depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu() -> Hardware:
    """The processor of this machine."""
    return Hardware(device="cpu", name=_cpu_name(), threads=threads())


def git(folder: Path | None = None) -> Git | None:
    """Commit of the working tree around `folder` (the current one by default); None outside of git."""
    folder = folder or Path.cwd()
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return Git(commit=commit, dirty=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
