"""Children on a clock and a table of what they took, with the date and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Took:
    """Wall-clock and processor seconds, peak resident bytes and standard output of one child process."""

    seconds: float
    cpu_s: float
    """Its children's too, if it waited for them: less disturbed by others on the machine than the clock."""
    peak_bytes: int
    out: str


def child(command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Took:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    begun = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    ) as process:
        out = process.stdout.read()  # type: ignore[union-attr]
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {out[-2000:]}")
    # Linux counts kilobytes, macOS bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Took(seconds, usage.ru_utime + usage.ru_stime, peak, out)


def interleaved(repeats: int, **sides: Any) -> dict[str, list[Any]]:
    """Call each side in turn, `repeats` times round, so that a busy machine is busy for all."""
    found: dict[str, list[Any]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, call in sides.items():
            found[name].append(call())
    return found


def save(
    name: str,
    title: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str] = (),
    command: str | None = None,
    where: str | None = None,
) -> Path:
    """Print a table and keep it as benchmarks/results/<name>.md.

    Args:
        command: what was typed, if it had options.
        where: date and machine, if it ran elsewhere.
    """
    rows = [list(row) for row in rows]
    widths = [max(len(line[at]) for line in [list(head), *rows]) for at in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in rows]
    table = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(head, widths, strict=True)) + " |",
        "|" + "|".join("-" * (w + 2) for w in widths) + "|",
        *lines,
    ]
    text = [f"# {title}", "", f"`{command or f'python -m benchmarks {name}'}`, {where or machine()}", "", *table, ""]
    for note in notes:
        text += [note, ""]
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name.removeprefix('bench_')}.md"
    path.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print("\n".join(text))
    return path


def machine() -> str:
    """Date, processor, cores, load and Python: what a figure of time belongs to."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = found[0] if found else model
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, {model}, {os.cpu_count()} cores{load}, Python {platform.python_version()}."
