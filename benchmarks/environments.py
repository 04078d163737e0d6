"""Environments of their own for what must not share ours: made once, in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_INSTALL_S = 900


def environment(name: str, install: list[str], cwd: Path | None = None) -> Path:
    """The interpreter of an environment in which `pip install …` succeeded; another request makes another one.

    Raises:
        RuntimeError: it cannot be made; the last line pip said.
    """
    request = hashlib.sha256("\0".join([sys.version, *install]).encode()).hexdigest()[:8]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reportgen" / f"{name}-{request}"
    python = cache / "bin" / "python"
    done = cache / ".installed"
    if not done.is_file():
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", *install]
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", cache], check=True, capture_output=True)
            subprocess.run(pip, check=True, capture_output=True, timeout=_INSTALL_S, cwd=cwd)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or b""
            lines = said.decode(errors="replace").strip().splitlines() or [str(error)]
            raise RuntimeError(lines[-1]) from None
        done.touch()
    return python
