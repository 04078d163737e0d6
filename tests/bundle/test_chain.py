from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportgen.bundle import (
    BadJson,
    BrokenChain,
    BundleError,
    NotABundle,
    append_edit,
    append_line,
    parse_edits,
    read_bundle,
    sha256,
)


def test_edits_are_appended_and_chained(copy: Path) -> None:
    before = (copy / "edits.jsonl").read_bytes()
    edit = append_edit(copy, "Instructor", "wrong week", {"week": 2, "note": "é\nx"})
    data = (copy / "edits.jsonl").read_bytes()
    assert data.startswith(before)
    assert edit.previous == sha256(before.splitlines()[-1])
    assert read_bundle(copy).edits[-1] == edit
    assert edit.what == {"week": 2, "note": "é\nx"}


def test_the_first_line_has_no_previous(tmp_path: Path) -> None:
    assert append_line(tmp_path / "log.jsonl", "a", "b", {}).previous is None
    assert json.loads((tmp_path / "log.jsonl").read_text())["who"] == "a"


def test_tampering_anywhere_but_in_the_last_line_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for i in range(4):
        append_line(log, "a", "b", {"i": i})
    lines = log.read_bytes().splitlines(keepends=True)
    for i in range(3):
        changed = [*lines[:i], lines[i].replace(b'"b"', b'"c"'), *lines[i + 1 :]]
        dropped = lines[:i] + lines[i + 1 :]
        for broken in (changed, dropped, lines[::-1]):
            with pytest.raises(BrokenChain):
                parse_edits(b"".join(broken))
    with pytest.raises(BrokenChain, match="cut short"):
        parse_edits(b"".join(lines)[:-1])
    log.write_bytes(b"".join(lines[1:]))
    with pytest.raises(BrokenChain):
        append_line(log, "a", "b", {})
    assert log.read_bytes() == b"".join(lines[1:])


@pytest.mark.parametrize("what", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}, {"x": {1, 2}}])
def test_edits_are_plain_json(copy: Path, what: dict[str, object]) -> None:
    before = (copy / "edits.jsonl").read_bytes()
    with pytest.raises(BadJson):
        append_edit(copy, "a", "b", what)
    assert (copy / "edits.jsonl").read_bytes() == before


def test_no_bundle_to_edit(tmp_path: Path) -> None:
    with pytest.raises(NotABundle):
        append_edit(tmp_path, "a", "b", {})


def test_a_log_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(BundleError):
        append_line(tmp_path / "log.jsonl", "a", "b", {})
