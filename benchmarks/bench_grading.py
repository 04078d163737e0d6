"""Grading a class on two processors: seconds, memory, and the same results from a cluster of two workers.

    python -m benchmarks.bench_grading --n 1000 --intervals --dask

The class is made and every phase is run by processes of their own, the phases by the command an instructor types.
Without --intervals only point values are computed, without --dask no cluster is started.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.class_of_memos import ARCHIVE, SHEET
from benchmarks.report import child, save

LIMITS_S = {"point values": 60.0, "all intervals": 180.0}
LIMIT_GB = 1.5


class Memory(threading.Thread):
    """The most bytes this process and everything below it held together; pages that two share count twice."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._running = 0, True

    def run(self) -> None:
        """Look five times a second."""
        import psutil

        own = psutil.Process()
        while self._running:
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it ended meanwhile
                    continue
            self.most = max(self.most, total)
            time.sleep(0.2)

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self.join()


@dataclass(frozen=True)
class Phase:
    """What one run of the command took."""

    what: str
    how: str
    seconds: float
    cpu_s: float
    most_bytes: int
    load: tuple[float, float]
    said: str
    out: Path

    def row(self, n: int) -> list[str]:
        """Its line of the table."""
        limit = LIMITS_S[self.what] if n == 1_000 and "processes" in self.how else None
        wall = f"{self.seconds:.1f} s" + (f" (at most {limit:g})" if limit else "")
        return [
            self.what,
            self.how,
            wall,
            f"{self.cpu_s:.1f} s",
            f"{1_000 * self.cpu_s / n:.0f} ms",
            f"{self.most_bytes / 1e9:.2f} GB",
            " → ".join(f"{one:.1f}" for one in self.load),
        ]


def phase(folder: Path, what: str, how: str, *options: str, cluster: bool = False) -> Phase:
    """Grade the class once, by the command line."""
    out = folder / f"{what} {how}".replace(" ", "-")
    before = os.getloadavg()[0]
    with Memory() as memory, workers() if cluster else nullcontext() as address:
        command = [sys.executable, "-m", "reportgen", "grade", folder / ARCHIVE, "--worksheet", folder / SHEET]
        command += ["--week", "1", "--out", out, *options, *(["--dask", address] if address else [])]
        spent = _cpu()
        took = child(command)
    # The cluster has ended by now, so that what its workers used is counted with the command's own.
    cpu = _cpu() - spent if cluster else took.cpu_s
    said = next(line for line in took.out.splitlines() if " need attention" in line)
    print(f"{what}, {how}: {took.seconds:.1f} s, {cpu:.1f} CPU s; {said}", flush=True)
    return Phase(what, how, took.seconds, cpu, memory.most, (before, os.getloadavg()[0]), said, out)


@contextmanager
def workers() -> Iterator[str]:
    """Address of a cluster of two workers on this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def _cpu() -> float:
    """Processor seconds of this process and of its descendants that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def differing(one: Path, other: Path) -> list[str]:
    """Files that are not the same byte for byte, or stand on one side only; the log of edits has dates."""
    sides = [
        {str(path.relative_to(side)): path.read_bytes() for path in side.rglob("*") if path.is_file()}
        for side in (one, other)
    ]
    return sorted(
        name
        for name in sides[0].keys() | sides[1].keys()
        if name != "edits.jsonl" and sides[0].get(name) != sides[1].get(name)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1_000, help="hand-ins")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--intervals", action="store_true", help="also with all intervals")
    parser.add_argument("--dask", action="store_true", help="also on a local cluster of two workers, and compare")
    asked = parser.parse_args()
    kinds = {"point values": [], **({"all intervals": ["--intervals"]} if asked.intervals else {})}
    phases, notes = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child([sys.executable, "-m", "benchmarks.class_of_memos", str(asked.n), folder])
        print(f"made {asked.n:,} hand-ins, {(folder / ARCHIVE).stat().st_size / 1e6:.0f} MB zipped", flush=True)
        for what, options in kinds.items():
            here = phase(folder, what, f"{asked.jobs} processes", *options, "--jobs", str(asked.jobs))
            phases.append(here)
            if asked.dask:
                there = phase(folder, what, "cluster of 2 workers", *options, cluster=True)
                phases.append(there)
                if other := differing(here.out, there.out):
                    sys.exit(f"{what} on the cluster: {len(other)} files differ: {', '.join(other[:5])}")
                files = sum(path.is_file() for path in here.out.rglob("*")) - 1
                same = f"all {files:,} files but the log of edits are the same byte for byte"
                notes.append(f"{what.capitalize()} on the cluster: {same}.")
        notes.insert(0, f"{what_is_in(asked.n, folder)} {phases[0].said[0].upper()}{phases[0].said[1:]}.")
    head = ("What", "How", "Wall", "CPU", "CPU a memo", "Memory at most", "Load before → after")
    command = " ".join(["python -m benchmarks.bench_grading", *sys.argv[1:]])
    save("bench_grading", f"Grading {asked.n:,} memos", head, [one.row(asked.n) for one in phases], notes, command)


def what_is_in(n: int, folder: Path) -> str:
    """The class in words."""
    return (
        f"{n:,} hand-ins, {(folder / ARCHIVE).stat().st_size / 1e6:.0f} MB zipped: 70 % honest memos (6,430 rows, 113 "
        "labels, five runs), 10 % edited, 8 % truncated, 6 % hostile, 6 % notebook exports. Memory is that of all "
        "processes together, this one and the cluster included; CPU that of the command and all it started."
    )


if __name__ == "__main__":
    main()
