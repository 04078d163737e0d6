"""The app on 2 cores, without torch: start, memory, the first tab in Chromium, and 30 visitors at once.

    python -m benchmarks bench_app            (python -m benchmarks.bench_app --visitors 30 --seconds 120)

The claims: `python app.py` answers within 8 s, in an environment with the core and the extra `app` alone, and never
takes 700 MB; the first tab is drawn within 2 s of navigation; nothing is asked of another host; 30 visitors for two
minutes see no error, and 95 of 100 answers come within 1.5 s.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .app_visitors import WHAT, Answers, draw, visit
from .environments import environment
from .report import save

ROOT = Path(__file__).parents[1]
START_S, PEAK_MB, TAB_S, P95_S = 8.0, 700, 2.0, 1.5
VIEWS = 3


@dataclass(frozen=True)
class Served:
    """A running app; `seconds` from the start of the process to its first answer."""

    url: str
    pid: int
    seconds: float

    def cpu_s(self) -> float:
        """Processor seconds so far."""
        used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """The most memory it has had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


@contextmanager
def serving(python: Path) -> Iterator[Served]:
    """`python app.py` on a free port, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, env = f"http://127.0.0.1:{port}/", {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    begun = time.perf_counter()
    process = subprocess.Popen([python, "app.py"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                httpx.get(url, timeout=60).raise_for_status()
                break
            except httpx.ConnectError:
                if process.poll() is not None:
                    sys.exit("the app did not start")
                time.sleep(0.05)
        yield Served(url, process.pid, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_app", description=__doc__.partition("\n")[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    said = parser.parse_args()
    python = environment("app", ["-c", "constraints.txt", "-e", ".[app]"], cwd=ROOT)
    torch = subprocess.run([python, "-c", "import torch"], check=False, capture_output=True).returncode == 0
    starts, start_cpu = [], []
    for last in (False, False, True):
        with serving(python) as app:
            starts.append(app.seconds)
            start_cpu.append(app.cpu_s())
            if last:
                tab, whole, outside = draw(app.url, VIEWS)
                before = app.cpu_s()
                answers = visit(app.url, said.visitors, said.seconds)
                used, peak = app.cpu_s() - before, app.peak_mb()
    every, cuts = answers.every, _cuts(answers.every)
    checks = [
        ("start to the first answer, s", max(starts), START_S),
        ("most memory, MB", peak, PEAK_MB),
        ("first tab drawn, s", max(tab), TAB_S),
        ("requests to other hosts", len(outside), 0),
        ("errors", len(answers.errors), 0),
        ("95 of 100 answers, s", cuts[18], P95_S),
    ]
    rows = [(what, _show(found), _show(most)) for what, found, most in checks]
    rows += [
        ("torch installed", "yes" if torch else "no", "no"),
        ("processor seconds to start", _show(statistics.median(start_cpu)), ""),
        ("first tab with memo and charts, s", _show(max(whole)), ""),
        ("half of the answers, s", _show(cuts[9]), ""),
        ("slowest answer, s", _show(max(every)), ""),
        ("processor seconds an answer, server", f"{used / len(every):.3f}", ""),
        *_by_kind(answers),
    ]
    options = f" --visitors {said.visitors} --seconds {said.seconds:.0f}"
    save(
        "bench_app",
        "The app on a free CPU",
        ("what", "found", "at most"),
        rows,
        [
            f"{said.visitors} visitors on the same machine for {said.seconds:.0f} s: {len(every):,} answers.",
            f"Starts: {_each(starts)} s. First tab: {_each(tab)} s; its memo and charts: {_each(whole)} s.",
        ],
        command=f"python -m benchmarks.bench_app{options}" if sys.argv[1:] else None,
    )
    print(*answers.errors[:5], *outside[:5], sep="\n")
    if missed := [what for what, found, most in checks if found > most] + ["torch"] * torch:
        sys.exit(f"over the limit: {', '.join(missed)}")


def _by_kind(answers: Answers) -> list[tuple[str, str, str]]:
    cuts = {kind: _cuts(values) for kind, values in answers.times.items()}
    return [(f"p50 / p95, {WHAT[kind]}, s", f"{cut[9]:.2f} / {cut[18]:.2f}", "") for kind, cut in cuts.items()]


def _each(seconds: list[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in seconds)


def _cuts(values: list[float]) -> list[float]:
    """The twentieths: the tenth is the median, the last but one of twenty the p95."""
    return statistics.quantiles(values, n=20) if len(values) > 1 else [*values] * 19


def _show(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    main()
