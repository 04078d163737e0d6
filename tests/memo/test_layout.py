"""Marks in strangers' text, and figures laid out side by side: readable, escaped, and still found by the check."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence.model import Interval, Value
from reportgen.memo import panels, svg
from reportgen.memo.marking import breaking, said
from reportgen.memo.record.page import parse, text_of
from reportgen.memo.values import value_grid, value_lines

A, B = "encoder", "encoder-weighted"


def value(metric: str, run: str | None, baseline: str | None = None, n: int = 10) -> Value:
    return Value(metric, 0.5, "score", run=run, baseline=baseline, split="val", n=n, interval=Interval(0.4, 0.6, "x"))


def test_code_is_code_and_everything_else_is_escaped() -> None:
    text = said("Write `direction: <up>` & <b>go</b> `")
    assert text == "Write <code>direction: &lt;up&gt;</code> &amp; &lt;b&gt;go&lt;/b&gt; `"
    assert not LexborHTMLParser(said("`<img src=x onerror=alert(1)>` <script>`</script>`")).css("img, script")
    assert "\u202e" not in said("a\u202eb")
    assert "\u202e" not in breaking("a_\u202eb")


def test_names_break_where_they_are_joined_and_intervals_do_not() -> None:
    assert breaking("card_not_working") == "card_<wbr>not_<wbr>working"
    assert breaking("1,154 of 2/3") == "1,154 of 2/3"
    assert breaking("3.6 [1, 7]") == "3.6 [1,\N{NO-BREAK SPACE}7]"
    assert said("at [−0.3, +1.2 pp], no") == "at [−0.3,\N{NO-BREAK SPACE}+1.2\N{NO-BREAK SPACE}pp], no"


@pytest.mark.parametrize("name", ["card_not_working", "__init__", "Loan,debt/fraud", "a_<b>_c"])
def test_a_name_that_may_break_is_read_as_written(name) -> None:
    assert text_of(parse(f"<p>{breaking(name)}</p>").body) == name


def test_runs_that_share_metrics_stand_in_a_grid_and_their_difference_below() -> None:
    values = [value("accuracy", A), value("macro_f1", A), value("macro_f1", B, A), value("accuracy", B, A)]
    grid = value_grid([*values[:2], value("accuracy", B), value("macro_f1", B), *values[2:]])
    assert [name for name, _ in grid.columns] == ["accuracy", "macro F1"]
    assert [(row.run, row.baseline) for row in grid.rows] == [(A, None), (B, None), (B, A)]
    assert grid.origin == "val, n = 10"
    assert [one.metric for one in grid.values] == ["accuracy", "macro_f1"] * 3


def test_n_is_said_by_column_or_by_cell_where_it_is_not_one() -> None:
    columns = value_grid([value("x", A, n=1), value("y", A, n=2), value("x", B, n=1), value("y", B, n=2)])
    assert (columns.origin, columns.columns[1][1]) == ("", "val, n = 2")
    cells = value_grid([value("x", A, n=1), value("x", B, n=2)])
    assert [row.cells[0].origin for row in cells.rows] == ["val, n = 1", "val, n = 2"]


def test_what_is_no_table_stays_a_list_and_an_only_figure_has_its_name() -> None:
    assert value_grid([]) is None
    assert value_grid([value("x", A), value("y", A)]) is None
    assert value_grid([value("x", A), value("y", B)]) is None
    assert value_grid([value("x", A), value("x", A)]) is None
    assert value_grid([value("x", None), value("x", A)]) is None
    only = [Value("confounded_runs", 2, "count")]
    assert value_lines(only)[0].what == "confounded runs"


def pair(state: str, before: float, after: float, n: int = 9) -> dict[str, object]:
    return {"name": state, "train": 5, "n": n, "baseline": before, "f1": after, "state": state}


def test_classes_off_the_scale_stand_in_named_strips() -> None:
    rows = [pair("above", 0.2, 0.4), pair("zero", 0, 0), pair("absent", 0, 0, 0), pair("lost", 0.3, 0)]
    plot = svg.class_pairs({"classes": rows})
    by_look = {mark.look: mark for mark in plot.marks}
    assert {strip.name: strip.y for strip in plot.strips} == {
        "both 0": by_look["zero"].y,
        "no rows": by_look["absent"].y,
    }
    assert svg.HEIGHT < by_look["zero"].y < by_look["absent"].y < plot.height
    assert by_look["lost"].y == svg.HEIGHT
    assert sum(int(key.label.rpartition(": ")[2]) for key in plot.keys) == len(rows)


def test_marks_on_the_origin_are_counted_and_classes_without_rows_are_not_ties() -> None:
    points = [{"name": str(n), "x": 0.0, "y": 0.0, "n": n, "train": 1, "tier": "rare"} for n in (0, 5, 6)]
    plot = panels.f1_scatter({"points": points, "x": "a", "y": "b", "few": 4})
    assert len(plot.dots) == 2
    assert [text.said for text in plot.texts if "at zero" in text.said] == ["2 at zero under both"]
    assert ("rare", "rare: 2") in plot.keys
    assert any(label.startswith("no rows") and label.endswith(": 1") for _, label in plot.keys)
