"""Grading a thousand memos on two processors: seconds, memory, and the same results from a cluster.

    python -m benchmarks.bench_grading [--n 1000] [--jobs 2] [--intervals] [--dask]

Memos of the course's size (6,430 rows, 113 labels, five runs), built once and then spoiled: 70 % honest with prose of
their own, 10 % edited, 8 % truncated, 6 % hostile, 6 % notebook exports.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def pages(n: int, folder: Path) -> list[tuple[str, str]]:
    """File name and content of n hand-ins."""
    from reportgen.data import load_course
    from reportgen.evidence import build
    from reportgen.memo import parse_prose, render

    simulated = load("simulated", ROOT / "tests" / "simulated.py")
    classroom = load("classroom", ROOT / "tests" / "grading" / "classroom.py")
    runs = simulated.week1(folder / "runs", simulated.World(k=113, train=57_846, n=6_430))
    evidence = build(1, runs, load_course("ecbs5200"))
    html = render(evidence, parse_prose(classroom.prose("Somebody", 0), evidence))
    blocks = re.findall(r'<div class="prose">.*?</div>', html, re.DOTALL)
    found = []
    for number in range(n):
        kind, draw = number % 50, random.Random(number)  # noqa: S311 - text, not secrets
        if kind < 35:
            own = html
            for block in blocks:
                words = " ".join(draw.choice(classroom.WORDS) for _ in range(80))
                own = own.replace(block, f'<div class="prose"><p>{words}.</p></div>', 1)
            found.append(("memo.html", classroom.reseal(own)))
        elif kind < 40:
            found.append(("memo.html", html.replace("Baseline", f"Baseline {number}", 1 + number % 3)))
        elif kind < 44:
            found.append(("memo.html", html[: draw.randrange(1_000, len(html))]))
        elif kind < 47:
            found.append(("page.html", classroom.HOSTILE + "<div>" * draw.randrange(2_000)))
        else:
            found.append(("week1.html", notebook(draw)))
    return found


def notebook(draw: random.Random) -> str:
    """A page as nbconvert writes it."""
    import nbformat
    from nbconvert import HTMLExporter

    accuracy, macro = round(draw.uniform(0.5, 0.6), 4), round(draw.uniform(0.1, 0.25), 4)
    cells = [
        nbformat.v4.new_markdown_cell("# Data Audit\nThere are 113 classes; the largest has 23.1 % of the rows."),
        nbformat.v4.new_markdown_cell(f"# Baseline Results\nTF-IDF accuracy {accuracy}, macro F1 {macro}, 70 at zero."),
        nbformat.v4.new_code_cell("print(accuracy)"),
        nbformat.v4.new_markdown_cell("# Fine-Tuning Results\nIt is better."),
    ]
    return HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells))[0]


class Memory(threading.Thread):
    """The most memory this process and its children held together, in bytes, and the CPU seconds they used."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.running = 0, True
        self._cpu: dict[int, float] = {}

    @property
    def cpu(self) -> float:
        """CPU seconds so far, which whatever else runs on the machine does not change."""
        return sum(self._cpu.values())

    def run(self) -> None:
        """Sample until told to stop."""
        import psutil

        own = psutil.Process()
        while self.running:
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                    self._cpu[process.pid] = sum(process.cpu_times()[:2])
                except psutil.Error:
                    continue
            self.most = max(self.most, total)
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--dask", action="store_true", help="also on a local cluster of two workers")
    options = parser.parse_args()
    from reportgen.grading import Request, grade_class

    moodle = load("moodle", ROOT / "tests" / "grading" / "moodle.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = pages(options.n, folder)
        students = [moodle.Student(f"Student {i:04d}", 1000 + i, {file: text}) for i, (file, text) in enumerate(given)]
        archive = moodle.download(folder / "class.zip", students)
        sheet = folder / "Sheet.csv"
        sheet.write_bytes(moodle.worksheet(students))
        print(f"made {options.n:,} hand-ins, {archive.stat().st_size / 1e6:.0f} MB")
        del given, students
        request = Request(archive, 1, folder / "out", worksheet=sheet, jobs=options.jobs, intervals=options.intervals)
        memory = Memory()
        memory.start()
        time.sleep(0.5)
        began, before = time.perf_counter(), memory.cpu
        report = grade_class(request)
        took = time.perf_counter() - began
        memory.running = False
        what = "with all intervals" if options.intervals else "point values"
        print(f"graded {options.n:,} {what}, {options.jobs} processes: {took:.1f} s")
        print(f"{memory.cpu - before:.1f} CPU seconds in all, {memory.most / 1e9:.2f} GB at most")
        print(report.to_text().splitlines()[0])
        if options.dask:
            from distributed import LocalCluster

            with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
                began = time.perf_counter()
                again = grade_class(
                    Request(
                        archive,
                        1,
                        folder / "out2",
                        worksheet=sheet,
                        dask=cluster.scheduler_address,
                        intervals=options.intervals,
                    )
                )
            same = [one.graded for one in again.students] == [one.graded for one in report.students]
            print(f"on a local cluster of two workers: {time.perf_counter() - began:.1f} s, identical: {same}")
            assert same


if __name__ == "__main__":
    main()
