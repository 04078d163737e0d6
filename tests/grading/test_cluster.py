"""A local Dask cluster of two workers gives what this process gives."""

from __future__ import annotations

import pytest

from reportgen.errors import ReportgenError
from reportgen.grading import Request, grade_class

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def archive(moodle, classroom, memos, tmp_path_factory):
    students = [moodle.Student(f"S{n}", n + 1, {"memo.html": html}) for n, html in enumerate(memos)]
    students += [moodle.Student("Hostile", 50, {"x.html": classroom.HOSTILE})]
    students += [moodle.Student("Cut", 51, {"x.html": memos[0][:50_000]}), moodle.Student("Notes", 52, {"n.txt": "hi"})]
    return moodle.download(tmp_path_factory.mktemp("class") / "class.zip", students)


@pytest.mark.filterwarnings("default")
def test_identical_results(archive, tmp_path) -> None:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        grade_class(Request(archive, 1, tmp_path / "cluster", dask=cluster.scheduler_address))
    grade_class(Request(archive, 1, tmp_path / "here", jobs=0))
    for name in ("overview.html", "grades.csv", "criteria.csv", "feedback.zip"):
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name


@pytest.mark.filterwarnings("default")
def test_nobody_there_is_one_line(archive, tmp_path, monkeypatch) -> None:
    with pytest.raises(ReportgenError, match="no cluster answers"):
        grade_class(Request(archive, 1, tmp_path / "out", dask="nonsense:://x"))
