"""The record: small, exact, bounded, and deaf to hostile input."""

from __future__ import annotations

import base64
import json
import random
import time
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.errors import ReportgenError
from reportgen.memo import render
from reportgen.memo.check import check_memo
from reportgen.memo.record import NotAMemo, RecordError, read_page
from reportgen.memo.record.guard import refuse_costly
from reportgen.memo.record.make import record_digest
from reportgen.memo.record.packing import Inflater, pack_confidence, pack_ids, pack_predictions
from reportgen.stats import ece

OPEN, CLOSE = '<script type="application/json" id="reportgen-record">', "</script>"


@pytest.fixture(scope="module")
def html(evidence) -> str:
    return render(evidence)


def record_text(html: str) -> str:
    return html.partition(OPEN)[2].partition(CLOSE)[0]


def with_record(html: str, text: str) -> str:
    return html.replace(record_text(html), text)


def resealed(html: str, change) -> str:
    """The page with a record that was changed and given a fitting digest."""
    record = json.loads(record_text(html))
    change(record)
    record["digest"] = record_digest(record)
    return with_record(html, json.dumps(record))


def findings(html: str | bytes, tmp_path):
    path = tmp_path / "memo.html"
    path.write_bytes(html.encode() if isinstance(html, str) else html)
    return check_memo(path).findings


@given(st.data())
def test_predictions_survive_packing(data) -> None:
    k = data.draw(st.sampled_from([1, 2, 113, 255, 256, 257, 2000]))
    n = data.draw(st.integers(1, 60))
    labels = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)), dtype=np.int16)
    predictions = np.array(data.draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n)), dtype=np.int16)
    inflater = Inflater()
    assert np.array_equal(inflater.ids(pack_ids(labels, k), n, k, "x"), labels)
    packed = pack_predictions(predictions, labels, k)
    assert np.array_equal(inflater.predictions(packed, labels.astype(np.int64), k, "x"), predictions)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20), st.floats(0.05, 20))
def test_eight_bits_cost_less_than_two_thousandths_of_ece(seed: int, a: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.beta(a, b, 300).astype(np.float32)
    correct = rng.random(300) < confidence
    again = Inflater().confidence(pack_confidence(confidence), 300, "x")
    assert np.abs(again - confidence).max() <= 1 / 510 + 1e-6
    assert abs(ece(again, correct) - ece(confidence, correct)) < 0.002


def test_every_memo_has_one_record_with_its_runs(html, evidence, tmp_path) -> None:
    (tmp_path / "memo.html").write_text(html, encoding="utf-8")
    record = read_page(tmp_path / "memo.html").record()
    assert html.count("<script") == 1
    assert [(run.run_id, run.root) for run in record.runs] == [(run.run_id, run.root) for run in evidence.runs]
    assert len(record.row_sets) == 1
    assert [section.id for section in record.sections] == [section.id for section in evidence.sections]
    items = [group.id for group in record.groups if group.kind == "item"]
    assert items == [item.id for section in evidence.sections for item in section.items]


def test_six_full_runs_stay_under_120_kb() -> None:
    rng = np.random.default_rng(0)
    share = np.exp(-np.arange(113) / 15)
    labels = rng.choice(113, 6430, p=share / share.sum()).astype(np.int16)
    size = len(pack_ids(labels, 113))
    for _ in range(6):
        predictions = np.where(rng.random(6430) < 0.6, labels, rng.choice(113, 6430, p=share / share.sum()))
        size += len(pack_predictions(predictions, labels, 113)) + len(pack_confidence(rng.beta(2, 1, 6430)))
    assert size < 90_000


def test_bombs_are_refused_within_the_budget() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(RecordError, match="another length"):
        Inflater().ids(bomb, 1000, 113, "x")
    with pytest.raises(RecordError, match="inflated"):
        Inflater().ids(bomb, 50_000_000, 113, "x")
    inflater = Inflater()
    honest = base64.urlsafe_b64encode(zlib.compress(bytes(200_000), 9)).decode()
    for _ in range(40):
        inflater.ids(honest, 200_000, 113, "x")
    with pytest.raises(RecordError, match="inflated"):
        inflater.ids(honest, 200_000, 113, "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"schema": "reportgen/record/2"}',
        '{"schema": "reportgen/record/1"}',
        '{"schema": "reportgen/record/1", "week": NaN}',
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        '{"schema": "reportgen/record/1", "schema": 1}',
        '"' + "x" * 3_000_000 + '"',
        '{"schema": 1e999}',
        "\x00",
    ],
)
def test_a_damaged_record_is_one_finding(html, tmp_path, text: str) -> None:
    found = findings(with_record(html, text), tmp_path)
    assert [(finding.id, finding.severity) for finding in found] == [("record.unreadable", "red")]


def _first_run(record, **changes) -> None:
    record["runs"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(week="1"),
        lambda record: record.update(week=1.5),
        lambda record: record.update(extra=1),
        lambda record: record["row_sets"][0].update(n=10**9),
        lambda record: record["row_sets"][0].update(n=7),
        lambda record: record["row_sets"][0].update(label_list=99),
        lambda record: record["row_sets"][0].update(labels="!!"),
        lambda record: record["row_sets"][0].update(labels="AAAA"),
        lambda record: record["label_lists"][0].update(names=["x"] * 2001),
        lambda record: record["label_lists"][0].update(names=["x"]),
        lambda record: record.update(runs=record["runs"] * 20),
        lambda record: record.update(runs=[record["runs"][0]] * 2),
        lambda record: _first_run(record, rows=50),
        lambda record: _first_run(record, predictions="A" * 400),
        lambda record: _first_run(
            record, predictions=base64.urlsafe_b64encode(zlib.compress(bytes(9_000_000))).decode()
        ),
    ],
)
def test_wrong_types_caps_and_bombs_are_one_finding(html, tmp_path, change) -> None:
    start = time.perf_counter()
    found = findings(resealed(html, change), tmp_path)
    assert [(finding.id, finding.severity) for finding in found] == [("record.unreadable", "red")]
    assert len(found[0].message) <= 300
    assert time.perf_counter() - start < 5


def test_no_record_and_two_records(html, tmp_path) -> None:
    none = html.replace(OPEN + record_text(html) + CLOSE, "")
    assert [finding.message for finding in findings(none, tmp_path)] == ["no record in the memo"]
    two = html.replace(OPEN, OPEN + CLOSE + OPEN)
    assert [finding.message for finding in findings(two, tmp_path)] == ["2 records in one memo"]


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_a_page_cut_short_is_called_so(html, tmp_path, share: float) -> None:
    found = findings(html[: int(len(html) * share)], tmp_path)
    assert [finding.message for finding in found] == ["the file is cut short: its page has no end"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"<p>hello", b"x" * 9_000_000, b"PK\x03\x04"])
def test_what_is_no_memo_is_refused(tmp_path, content: bytes) -> None:
    with pytest.raises(NotAMemo):
        findings(content, tmp_path)
    with pytest.raises(NotAMemo):
        check_memo(tmp_path / "none.html")
    with pytest.raises(NotAMemo):
        check_memo(tmp_path)


NESTS = {
    "div": "<div>" * 200_000,
    "hidden in comments": "<div><!--</div>-->" * 50_000,
    "hidden in attributes": '<div title="</div>">' * 50_000,
    "hidden in raw text": "<div><textarea></div></textarea>" * 50_000,
    "formatting": "".join(f"<b id=b{i}>" for i in range(390)) + "<p>x</p>" * 100_000,
    "stray closing tags": "<div></p></x>" * 50_000,
}


@pytest.mark.parametrize("name", NESTS)
def test_deep_nests_are_refused_before_parsing(html, tmp_path, name: str) -> None:
    start = time.perf_counter()
    found = findings(html.replace("<main", NESTS[name] + "<main"), tmp_path)
    assert [(finding.id, finding.severity) for finding in found] == [("page.unreadable", "red")]
    assert time.perf_counter() - start < 5


def test_honest_pages_pass_the_guard(html) -> None:
    refuse_costly(html, "memo")
    refuse_costly(html.replace("/>", "></rect>"), "memo")


def test_megabyte_attributes_are_one_short_finding_each(html, tmp_path) -> None:
    long = "9" * 2_000_000
    found = findings(html.replace('<data value="', f'<data value="{long}', 1), tmp_path)
    assert found
    assert all(len(finding.said or "") <= 300 for finding in found)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_report_or_a_polite_error(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.html"
    path.write_bytes(b"<section data-section=a>" + content)
    with suppress(ReportgenError):
        assert not check_memo(path).ok


JUNK = (None, "", "x", "\u202e", -1, 0, 1.5, 10**15, True, [], {}, [[]], "A" * 1500, "tfidf", "val", "encoder", "item")


def _nodes(part, path=()):
    yield path
    for key, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from _nodes(child, (*path, key))


def test_any_resealed_record_ends_in_a_report(html, tmp_path) -> None:
    """Fields replaced, deleted and doubled at random, digest fitting: findings, never an exception."""
    honest = json.loads(record_text(html))
    paths = [path for path in _nodes(honest) if path]
    red = 0
    for seed in range(25):
        rng = random.Random(seed)
        record = json.loads(record_text(html))
        *parents, last = rng.choice(paths)
        holder = record
        for key in parents:
            holder = holder[key]
        if rng.random() < 0.7:
            holder[last] = rng.choice(JUNK)
        elif isinstance(holder, list):
            holder.insert(last, holder[last]) if rng.random() < 0.5 else holder.pop(last)
        else:
            del holder[last]
        record["digest"] = record_digest(record)
        found = findings(with_record(html, json.dumps(record)), tmp_path)
        assert all(len(finding.message) <= 300 and len(finding.said or "") <= 300 for finding in found)
        red += any(finding.severity == "red" for finding in found)
    # The rest changed what nothing depends on, such as a run's seed or the field a figure came from.
    assert red >= 20
