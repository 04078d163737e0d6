"""Tables of published figures (`--as reported`): one bundle of kind reported a row."""

from __future__ import annotations

import difflib
from pathlib import Path

from reportgen.bundle import slug
from reportgen.data import Course
from reportgen.errors import InputError, one_line

from .draft import Draft
from .figures import FIELDS, figure, reported
from .naming import model_info
from .reading import column, read_table, shown

COLUMNS = ("model", *FIELDS)


def draft_published(path: Path, course: Course) -> tuple[list[Draft], list[str]]:
    """Drafts of the rows of a table of published figures, and notes; an empty cell or absent column is unknown.

    Raises:
        InputError: an unknown column, or a cell that is no such figure; the cell is named.
    """
    frame, notes, file = read_table(path, COLUMNS)
    names = [str(name).strip() for name in frame.columns]
    if stray := next((name for name in names if name not in COLUMNS), None):
        near = difflib.get_close_matches(stray.casefold(), COLUMNS, n=1)
        raise InputError(
            f"unknown column {one_line(stray, 60)!r}",
            where=shown(path),
            remedy=f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(COLUMNS)}",
        )
    if "model" not in names:
        raise InputError("there is no column 'model'", where=shown(path), remedy="name the model of each row")
    frame.columns = names
    cells = {name: column(frame, name) for name in names}
    drafts, seen, slugs = [], set(), set()
    for row, model in enumerate(cells["model"]):
        if not model or model in seen:
            what = "no model" if not model else f"a second row for model {one_line(model, 60)!r}"
            raise InputError(what, where=f"{shown(path)}, row {row + 1}", remedy="give every row a name of its own")
        seen.add(model)
        place = f"{shown(path)}, row {row + 1} ({one_line(model, 40)}), column "
        figures = {name: figure(name, cells[name][row], place + name) for name in FIELDS if name in cells}
        run_id = base = slug(model)
        while run_id in slugs:
            run_id = f"{base[:72]}-{row + 1}"
            base += "-"
        slugs.add(run_id)
        info, _ = model_info(model, precision=figures.get("precision"))
        draft = reported(run_id, info, figures, course=course.name, files=[file], form="published figures")
        drafts.append(draft)
    return drafts, notes
