"""The check: what honest memos say about themselves, and what a changed page, record or bundle gives away."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import Bundle
from reportgen.bundle.kept import forget
from reportgen.errors import ReportgenError
from reportgen.evidence import build
from reportgen.grading.truth import against, read_truth
from reportgen.memo import parse_prose, render
from reportgen.memo.check import Report, check_memo
from reportgen.memo.check.recompute import Recomputer
from reportgen.memo.record.make import record_digest
from reportgen.memo.record.page import digests, parse, read_page

CHROMIUM = Path("/usr/bin/chromium")
GOLDEN = Path(__file__).parent / "golden"
RECORD = re.compile(r'(<script type="application/json" id="reportgen-record">)(.*?)(</script>)', re.DOTALL)


@pytest.fixture(scope="module")
def html(evidence) -> str:
    return render(evidence)


@pytest.fixture
def check(tmp_path):
    def run(html: str, **options) -> Report:
        path = tmp_path / "memo.html"
        path.write_text(html, encoding="utf-8")
        return check_memo(path, **options)

    return run


def reds(report: Report) -> list[str]:
    return [finding.id for finding in report.findings if finding.severity == "red"]


def reseal(html: str, change=lambda record: None) -> str:
    """A forger's page: every digest fits its text again."""
    page, sections = digests(parse(html))
    record = json.loads(RECORD.search(html)[2])
    record["page"] = page
    record["sections"] = [{"id": name, "sha256": digest} for name, digest in sections]
    change(record)
    record["digest"] = record_digest(record)
    return RECORD.sub(lambda match: match[1] + json.dumps(record).replace("<", "\\u003c") + match[3], html)


def test_an_honest_memo_is_sound_and_says_how_it_was_verified(html, check, evidence) -> None:
    report = check(html)
    assert reds(report) == []
    document = report.to_json()
    assert set(document) == {"ok", "items", "findings"}
    assert document["ok"] is True
    answered = [item for section in evidence.sections for item in section.items if not item.missing]
    assert sum(document["items"].values()) == len(answered)
    assert {"w1.s2.e1", "w1.s2.e2", "w1.s2.e3", "w1.s3.e6", "w1.s3.e7"} <= set(report.recomputed)
    assert "w1.s5.e1" in report.declared
    assert "w1.s1.e4" in report.bound
    keys = {"id", "severity", "where", "said", "recomputed", "message"}
    assert all(set(finding) == keys for finding in document["findings"])


def test_text_groups_findings_by_section(html, check) -> None:
    text = check(html.replace("Baseline Results", "Baseline Triumphs")).to_text()
    lines = text.splitlines()
    assert lines[0].startswith("CONTRADICTED: 1 red")
    heading = lines.index("w1.s2  Baseline Triumphs and Interpretation")
    following = lines.index("w1.s3  Fine-Tuning Results")
    assert any("changed after the memo was built" in line for line in lines[heading:following])
    assert "w1.s2.e1 (r)" in lines[heading + 1]


def test_saving_from_a_browser_changes_nothing(html, check, tmp_path) -> None:
    saved = html.replace("<html", "<!-- saved from url=(0014)about:internet -->\n<html").replace("\n", "\r\n   ")
    assert reds(check(saved)) == []
    if CHROMIUM.exists():
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        done = subprocess.run(
            [
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--dump-dom",
                (tmp_path / "page.html").as_uri(),
            ],
            capture_output=True,
            timeout=60,
            check=False,
        )
        if done.returncode == 0 and done.stdout:
            assert reds(check(done.stdout.decode())) == []


def test_a_resealed_forgery_is_caught_by_its_own_predictions(html, check) -> None:
    """Text, attributes, values and digests all agree on a better score; the predictions do not."""
    record = json.loads(RECORD.search(html)[2])
    value = next(v for g in record["groups"] if g["id"] == "w1.s2.e2" for v in g["values"] if v["metric"] == "macro_f1")
    old, new = value["value"], value["value"] + 0.2
    forged = html.replace(repr(old), repr(new)).replace(f"{old:.3f}", f"{new:.3f}")
    report = check(reseal(forged))
    assert set(reds(report)) >= {"figure.contradicted"}
    assert "w1.s2.e2" not in report.recomputed
    finding = next(finding for finding in report.findings if finding.where == "w1.s2.e2")
    assert finding.said.startswith(f"{new:.3f}")
    assert finding.recomputed.startswith(f"{old:.3f}")


def test_swapped_predictions_are_caught(html, check) -> None:
    def swap(record) -> None:
        first, second = (next(run for run in record["runs"] if run["run_id"] == name) for name in ("tfidf", "encoder"))
        first["predictions"], second["predictions"] = second["predictions"], first["predictions"]

    assert "figure.contradicted" in reds(check(reseal(html, swap)))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (r'(<span class="ci"><span title[^>]*>\[)\d', r"\g<1>9", "figure.line"),
        (r", n = \d+</span>", "</span>", "figure.line"),
        (r'(data-evidence="w1.s3.e6".*?data-verdict="\w+">)\w+', r"\1certain", "item.verdict"),
        (r'data-run="tfidf"', 'data-run="encoder"', "figure.attributes"),
        (r'(data value="[\d.]*)\d"', r'\g<1>77"', "figure.attributes"),
        (r'data-status="answered"', 'data-status="missing"', "item.status"),
        (r'data-evidence="w1.s2.e1"', 'data-evidence="w1.s2.e9"', "element"),
        (r">(\d+)/(\d+)</td>", r">77\1/\2</td>", "cell.contradicted"),
        (r'data-section="w1.s4"', 'data-section="w1.s9"', "sections"),
    ],
)
def test_each_kind_of_change_is_named_even_when_resealed(html, check, old: str, new: str, finding: str) -> None:
    changed = re.sub(old, new, html, count=1, flags=re.DOTALL)
    assert changed != html
    forged = changed if finding == "sections" else reseal(changed)
    assert finding in reds(check(forged))


def test_a_deleted_rescue_row_is_missed(html, check) -> None:
    table = html.index('id="w1-rescue-table"')
    changed = html[:table] + re.sub(r"<tr>\s*<th scope=\"row\".*?</tr>", "", html[table:], count=1, flags=re.DOTALL)
    assert {"rescue.classes", "figure.missing"} & set(reds(check(reseal(changed))))


def test_bundles_confirm_every_item_or_name_the_first_difference(html, check, runs) -> None:
    folder = runs[0].path.parent
    report = check(html, bundles=folder)
    assert reds(report) == []
    assert set(report.rebuilt) == set(report.recomputed) | set(report.bound)
    lie = html.replace("Half of the training rows", "Most of the training rows")
    assert lie != html
    found = check(reseal(lie), bundles=[folder])
    assert set(reds(found)) == {"bundle.text"}
    assert "Most" in next(finding.said for finding in found.findings if finding.severity == "red")


def test_a_memo_of_an_earlier_order_of_rows_is_no_forgery(check, simulated, course, tmp_path, monkeypatch) -> None:
    """Memos once carried rows in the order of their ids as text: val:10 before val:2."""
    world = simulated.World()
    world.row_ids = np.array([f"val:{i}" for i in range(len(world.row_ids))], dtype=object)
    names = (("tfidf", "linear"), ("encoder", "encoder"), ("decoder", "decoder"))
    runs = [simulated.write_run(tmp_path, world, name, family, draw=d) for d, (name, family) in enumerate(names)]
    with monkeypatch.context() as old:
        old.setattr(Bundle, "predictions", Bundle.stored)
        forget()
        html = render(build(2, runs, course))
    forget()
    report = check(html, bundles=tmp_path)
    assert reds(report) == []
    assert "bundle.order" in {finding.id for finding in report.findings}
    assert reds(check(render(build(2, runs, course)), bundles=tmp_path)) == []
    path = tmp_path / "old.html"
    path.write_text(html, encoding="utf-8")
    assert against(read_truth(runs[0].path), Recomputer(read_page(path).record()).rows) == []


def test_other_bundles_are_told_apart(html, check, simulated, tmp_path, runs) -> None:
    other = simulated.write_run(tmp_path / "runs", simulated.World(seed=9), "tfidf", "linear", skill=0.5, floor=30)
    report = check(html, bundles=other.path)
    assert reds(report) == ["bundle.root"]
    assert Counter(finding.id for finding in report.findings)["bundle.absent"] == len(runs) - 1
    with pytest.raises(ReportgenError):
        check(html, bundles=tmp_path / "nowhere")
    with pytest.raises(ReportgenError):
        check(html, bundles=runs[0].path.parent, course="nonesuch")


def test_a_week_without_runs_has_a_record_too(check, course) -> None:
    report = check(render(build(1, [], course)))
    assert reds(report) == []
    assert report.to_json()["items"] == {"recomputed": 0, "bound": 0, "declared": 0}
    assert all(section.missing for section in report.sections)


def test_hostile_names_check_out(simulated, course, tmp_path, check) -> None:
    world = simulated.World(names=simulated.HOSTILE)
    runs = [
        simulated.write_run(tmp_path, world, f"m-{family}", family, model=simulated.HOSTILE[2], draw=draw, **extra)
        for draw, (family, extra) in enumerate([("linear", {"floor": 60}), ("encoder", {"floor": 2})])
    ]
    html = render(build(1, runs, course))
    assert reds(check(html)) == []
    assert reds(check(html, bundles=tmp_path)) == []


def test_the_golden_memo_keeps_verifying() -> None:
    """A memo built by the first version: it is never rewritten."""
    path = GOLDEN / "record-1.html"
    assert (
        hashlib.sha256(path.read_bytes()).hexdigest()
        == "dfb3cec6e2021a75bfa4a9e842d88b4fb72c76799203cc8009594b44072494ff"
    )
    report = check_memo(path)
    assert reds(report) == []
    assert report.to_json()["items"] == {"recomputed": 8, "bound": 11, "declared": 1}


def test_pages_are_the_same_with_prose(evidence, check) -> None:
    prose = parse_prose("## 2\nAccuracy is [@tfidf.accuracy].\n\n- a list\n\n    code\n", evidence)
    assert reds(check(render(evidence, prose))) == []
