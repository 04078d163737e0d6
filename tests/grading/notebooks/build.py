"""Six notebooks executed in one kernel and exported in nbconvert's two templates; the truth is what they computed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def build(folder: Path) -> dict[int, dict[str, object]]:
    """Write `week1-lab.html`, `week1-classic.html`, … and return week → item id → the values the notebook computed."""
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    setup = _load("common").SETUP
    cells, spans = [], {}
    for week in range(1, 7):
        module = _load(f"week{week}")
        start = len(cells)
        cells.append(new_code_cell("%matplotlib inline\n" + setup))
        for kind, text in module.CELLS:
            cells.append(new_markdown_cell(text) if kind == "md" else new_code_cell(text.strip()))
        spans[week] = (start, len(cells))
        # Not part of the exported notebook: how the test learns the truth.
        path = str(folder / f"truth{week}.json")
        cells.append(
            new_code_cell(
                "import json\n_t = " + module.TRUTH.strip() + "\n_f = lambda v: v if isinstance(v, str) else float(v)\n"
                f"json.dump({{k: v and [_f(x) for x in v] for k, v in _t.items()}}, open({path!r}, 'w'))"
            )
        )
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, startup_timeout=180, kernel_name="python3").execute()
    for template in ("lab", "classic"):
        exporter = HTMLExporter(template_name=template)
        for week, (start, end) in spans.items():
            html, _ = exporter.from_notebook_node(new_notebook(cells=cells[start:end], metadata=notebook.metadata))
            (folder / f"week{week}-{template}.html").write_text(html, encoding="utf-8")
    return {week: json.loads((folder / f"truth{week}.json").read_text(encoding="utf-8")) for week in range(1, 7)}


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
