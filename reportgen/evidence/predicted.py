"""The course's template of an experiment: what was changed, what was predicted, what came, what was concluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Column, Table
from .numbers import DASH
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .experiments import Experiment
    from .runs import Runs

UNWRITTEN = "not written"


def predicted_table(runs: Runs, found: list[Experiment], fields: Sequence[str], table_id: str) -> Table:
    """A row an experiment: the first field before its result, the others behind it; the author's text fills them."""
    written = [Column(field_key(name), name, wide=True, author=UNWRITTEN) for name in fields]
    return Table(
        id=table_id,
        caption=f"What the author predicted of each run, what came on {runs.split}, and what the author concluded. "
        f"Brackets: 95 % paired interval. {DATA_NOISE}",
        columns=(
            Column("run", "Run"),
            Column("changed", "Changed", wide=True),
            *written[:1],
            Column("macro_f1", "ΔMacro F1", "score"),
            *written[1:],
        ),
        rows=tuple(
            {
                "run": one.run.run_id,
                "changed": "; ".join(map(str, one.changes)) or DASH,
                "macro_f1": runs.difference(one.run, one.reference, "macro_f1")[0],
                **dict.fromkeys(column.key for column in written),
            }
            for one in found
        ),
        row_header="run",
    )


def field_key(name: str) -> str:
    """A field as a table's column is called."""
    return name.rstrip("?").casefold()
