"""Run the real app in a process of its own, as `python app.py` does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A running app."""

    url: str
    pid: int
    seconds: float
    """From the start of the process to its first answer."""
    log: Path


@contextmanager
def running(log: Path, *, prelude: str = "", port: int | None = None, patience: float = 240) -> Iterator[Served]:
    """The app as a subprocess on a free port; `prelude` is Python that runs in it first."""
    port = port or free_port()
    code = f"{prelude}\nimport runpy, sys\nsys.argv = ['app.py']\nrunpy.run_path('app.py', run_name='__main__')"
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    with log.open("wb") as said:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            while True:
                try:
                    urllib.request.urlopen(url, timeout=5).read()
                    break
                except (urllib.error.URLError, ConnectionError, TimeoutError):
                    if process.poll() is not None or time.monotonic() - started > patience:
                        raise RuntimeError(f"the app did not start:\n{log.read_text()}") from None
                    time.sleep(0.05)
            yield Served(url, process.pid, time.monotonic() - started, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
