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

_DECISIVE = frozenset(
    {"avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16"}
)
"""Instruction sets that decide how fast, and int8 also how exact, a model is on a CPU."""


def versions() -> dict[str, str]:
    """Version of the interpreter, the platform and every installed package a number may depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if native := sorted(cpu_flags() & _DECISIVE):
        found["processor_has"] = " ".join(native)
    return found


def cpu_flags() -> frozenset[str]:
    """Instruction sets of this processor by Linux's names; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    said = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return frozenset(said.partition(":")[2].split())


def native_bf16() -> bool:
    """Whether this processor multiplies in bfloat16; it is emulated, slower than float32, where it does not."""
    return bool(cpu_flags() & {"amx_bf16", "avx512_bf16", "bf16"})


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
