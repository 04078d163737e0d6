"""A class's hand-ins as Moodle's zip, written one after the other: nobody holds a class in memory.

    python -m benchmarks.class_of_memos N FOLDER

Memos of the course's size (6,430 rows, 113 labels, five runs), built once and then spoiled: 70 % honest with prose of
their own, 10 % edited, 8 % truncated, 6 % hostile, 6 % notebook exports.
"""

from __future__ import annotations

import importlib.util
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
ARCHIVE, SHEET = "class.zip", "Grades.csv"


def load(name: str, path: Path) -> ModuleType:
    """A helper of the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def hand_ins(n: int, folder: Path) -> Iterator[tuple[str, str]]:
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
    for number in range(n):
        kind, draw = number % 50, random.Random(number)  # noqa: S311 - text, not secrets
        if kind < 35:
            own = html
            for block in blocks:
                words = " ".join(draw.choice(classroom.WORDS) for _ in range(80))
                own = own.replace(block, f'<div class="prose"><p>{words}.</p></div>', 1)
            yield "memo.html", classroom.reseal(own)
        elif kind < 40:
            yield "memo.html", html.replace("Baseline", f"Baseline {number}", 1 + number % 3)
        elif kind < 44:
            yield "memo.html", html[: draw.randrange(1_000, len(html))]
        elif kind < 47:
            yield "page.html", hostile(draw, kind - 44, classroom.HOSTILE)
        else:
            yield "week1.html", notebook(draw)


def hostile(draw: random.Random, kind: int, page: str) -> str:
    """Scripts and addresses in a nest of elements, in an attribute of a megabyte, or among null bytes."""
    match kind:
        case 0:
            return page + "<div>" * draw.randrange(2_000)
        case 1:
            return page + f'<p title="{draw.randbytes(500_000).hex()}">accuracy 0.99</p>'
        case _:
            return page + "\0\ufffe" * draw.randrange(2_000)


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


def main() -> None:
    n, folder = int(sys.argv[1]), Path(sys.argv[2])
    moodle = load("moodle", ROOT / "tests" / "grading" / "moodle.py")
    rows = []

    def students() -> Iterator[object]:
        for number, (file, text) in enumerate(hand_ins(n, folder)):
            student = moodle.Student(f"Student {number:04d}", 1000 + number, {file: text})
            rows.append(replace(student, files={file: ""}))
            yield student

    moodle.download(folder / ARCHIVE, students())
    (folder / SHEET).write_bytes(moodle.worksheet(rows))


if __name__ == "__main__":
    main()
