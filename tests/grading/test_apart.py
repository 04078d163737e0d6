"""Processes that die, hang or eat memory: their own row says so, and the batch goes on, here and on a cluster."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from reportgen.errors import ReportgenError
from reportgen.grading import Request, apart, grade_class
from reportgen.grading.model import Submission, SubmittedFile
from reportgen.grading.one import Options
from reportgen.grading.pool import in_processes

HOOK = """
import os, signal, sys
from reportgen.grading import child, one
real = one.grade_one
def spoilt(submission, options):
    if "Killer" in submission.key:
        os.kill(os.getpid(), signal.SIGKILL)
    if "Hog" in submission.key:
        def hog(*_):
            return bytearray(child.MEMORY)
        one._grade = hog
    else:
        one._grade = grade
    while "Sleeper" in submission.key:
        pass
    print("noise on the output")
    return real(submission, options)
grade = one._grade
one.grade_one = spoilt
child.main()
"""
COMMAND = (sys.executable, "-P", "-c", HOOK)
STATUS = {"Killer": "failed", "Hog": "failed", "Sleeper": "timeout"}


@pytest.fixture
def page(tmp_path) -> SubmittedFile:
    path = tmp_path / "page.html"
    path.write_text("<h1>Data Audit</h1><p>Number of classes: 113</p>")
    return SubmittedFile("page.html", path, 9, "html")


def alive() -> set[int]:
    import psutil

    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_each_death_costs_one_row(page, monkeypatch) -> None:
    monkeypatch.setattr(apart, "COMMAND", COMMAND)
    before = alive()
    keys = ["Killer 1", "a", "Hog", "b", "Sleeper", "c", "Killer 2", "d"]
    handed_in = [Submission(key, None, key, (page,)) for key in keys]
    results = {one.key: graded for one, graded in in_processes(handed_in, Options(1, "ecbs5200", seconds=3.0), 2)}
    assert {key: graded.status for key, graded in results.items()} == {
        key: STATUS.get(key.split()[0], "graded") for key in keys
    }
    assert results["Killer 1"].reason == f"it ended the process that read it (signal {signal.SIGKILL:d})"
    assert results["Hog"].reason == "needs more memory than a memo may"
    assert results["Sleeper"].reason == "gave up after 3 seconds"
    assert all(graded.key == key for key, graded in results.items())
    assert alive() == before


def test_a_class_with_a_killer_is_graded_all_the_same(moodle, memos, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(apart, "COMMAND", COMMAND)
    people = [moodle.Student("Killer", 1, {"memo.html": memos[0]}), moodle.Student("Anna", 2, {"memo.html": memos[1]})]
    archive = moodle.download(tmp_path / "class.zip", people)
    report = grade_class(Request(archive, 1, tmp_path / "out", jobs=1))
    assert {one.shown: one.status for one in report.students} == {"Killer": "failed", "Anna": "graded"}
    (row,) = (one for one in report.students if one.shown == "Killer")
    assert row.grade is None
    assert row.needs_attention
    assert "ended the process" in (tmp_path / "out" / "overview.html").read_text(encoding="utf-8")
    # What failed is tried again, what was graded is kept.
    monkeypatch.undo()
    again = grade_class(Request(archive, 1, tmp_path / "out", jobs=1))
    assert {one.status for one in again.students} == {"graded"}


def test_processes_are_replaced_and_stopped(page, monkeypatch) -> None:
    monkeypatch.setattr(apart, "RECYCLED", 2)
    before = alive()
    children = apart.Children()
    options = Options(1, "ecbs5200")
    seen = set()
    for number in range(3):
        assert children.grade(Submission(f"k{number}", None, "k", (page,)), options).status == "graded"
        seen |= alive() - before
    assert len(seen) == 2
    children.rest()
    assert alive() == before
    children.close()
    with pytest.raises(ReportgenError, match="stopped"):
        children.grade(Submission("k", None, "k", (page,)), options)


def test_a_batch_given_up_leaves_no_process(page) -> None:
    before = alive()
    handed_in = [Submission(f"k{number}", None, "k", (page,)) for number in range(6)]
    results = in_processes(handed_in, Options(1, "ecbs5200"), 2)
    next(results)
    results.close()
    until = time.monotonic() + 20
    while alive() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert alive() == before


def test_no_module_comes_from_the_students_folder(page, tmp_path, monkeypatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('run')")
    (tmp_path / "random.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    ((_, graded),) = in_processes([Submission("k", None, "k", (page,))], Options(1, "ecbs5200"), 1)
    assert graded.status == "graded"
    assert not (tmp_path / "ran").exists()


def test_a_process_that_cannot_start_is_one_line(page, monkeypatch) -> None:
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(ReportgenError, match="no process can be started"):
        list(in_processes([Submission("k", None, "k", (page,))], Options(1, "ecbs5200"), 1))


def test_names_that_no_utf8_can_write_come_back(page, tmp_path) -> None:
    name = os.fsdecode(b"Zo\xeb.html")
    file = SubmittedFile(name, page.path, page.size, "html")
    ((_, graded),) = in_processes([Submission("Zo\udceb_1", None, name, (file,))], Options(1, "ecbs5200"), 1)
    assert (graded.key, graded.status) == ("Zo\udceb_1", "graded")
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / name).write_bytes(page.path.read_bytes())
    assert [one.status for one in grade_class(Request(folder, 1, tmp_path / "out", jobs=0)).students] == ["graded"]


@pytest.mark.filterwarnings("default")
def test_a_cluster_outlives_memos_and_workers(moodle, memos, tmp_path) -> None:
    distributed = pytest.importorskip("distributed")
    names = ["Killer", "Hog", *(f"S{n}" for n in range(8))]
    people = [moodle.Student(name, n + 1, {"memo.html": memos[n % 4]}) for n, name in enumerate(names)]
    archive = moodle.download(tmp_path / "class.zip", people)

    def spoil(command: tuple[str, ...]) -> int:
        from reportgen.grading import apart

        apart.COMMAND = command
        return os.getpid()

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            victim = next(iter(client.run(spoil, COMMAND).values()))
        done = []

        def progress(number: int, total: int, name: str) -> None:
            done.append(name)
            if number == 3:
                threading.Thread(target=os.kill, args=(victim, signal.SIGKILL)).start()

        request = Request(archive, 1, tmp_path / "out", dask=cluster.scheduler_address)
        report = grade_class(request, progress)
    assert len(done) == len(names)
    status = {one.shown: one.status for one in report.students}
    # The worker that replaces the killed one knows nothing of the hook: by then both were handed out.
    assert status == {name: STATUS.get(name, "graded") for name in names}
    assert not list(Path(tmp_path / "out").glob(".work"))
