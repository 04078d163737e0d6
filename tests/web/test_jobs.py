"""The line of jobs: in order, one at a time, cancelled for good."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from reportgen.errors import ReportgenError
from reportgen.web.jobs import Jobs


def _run(work):
    """In a thread of its own: a browser test of the same worker may have left its event loop running here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _all(jobs: Jobs, owner: str, spec: dict) -> list[dict]:
    return [said async for said in jobs.run(owner, spec)]


def _spec(tmp_path, **changed) -> dict:
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f"word{n} and more,{'ab'[n % 2]}\n" for n in range(60)))
    given = {"task": "runs", "data": str(table), "text": "text", "label": "label", "course": "generic", "limit": 50}
    return {**given, "steps": ["majority"], "out": str(tmp_path / "out"), **changed}


def test_a_job_is_done_and_a_failing_one_says_why(tmp_path) -> None:
    jobs = Jobs(2, 300)
    (tmp_path / "out").mkdir()
    said = _run(_all(jobs, "a", _spec(tmp_path)))
    assert said[-1] == {"ended": "done"}
    assert said[-2]["bundles"] == ["majority"]
    failed = _run(_all(jobs, "a", _spec(tmp_path, text="nothing")))[-1]
    assert failed["ended"] == "failed"
    assert "nothing" in failed["error"]
    assert "\n" not in failed["error"]


def test_the_second_waits_and_a_cancelled_one_leaves(tmp_path) -> None:
    async def both() -> tuple[list[dict], list[dict]]:
        jobs = Jobs(1, 300)
        first = asyncio.create_task(_all(jobs, "a", _spec(tmp_path)))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(_all(jobs, "b", _spec(tmp_path)))
        await asyncio.sleep(0.2)
        with pytest.raises(ReportgenError, match="under way"):
            await _all(jobs, "a", {})
        with pytest.raises(ReportgenError, match="waiting"):
            await _all(jobs, "c", {})
        assert jobs.cancel("b")
        assert jobs.cancel("a")
        assert not jobs.cancel("x")
        return await first, await second

    first, second = _run(both())
    assert second[0] == {"waiting": 1}
    assert first[-1] == second[-1] == {"ended": "cancelled"}


def test_time_runs_out(tmp_path) -> None:
    said = _run(_all(Jobs(1, 0.0), "a", _spec(tmp_path)))
    assert said[-1]["ended"] == "failed"
    assert "minutes" in said[-1]["error"]
