"""Long work in processes of their own: one at a time, in order of arrival, stopped when nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reportgen.errors import InputError

_STEP_S = 0.25
_LOG_BYTES = 20_000
_PACKAGES = str(Path(__file__).resolve().parents[2])
"""The server works in an empty folder, where a Space's packages would not be found."""


@dataclass
class _Job:
    owner: str
    process: subprocess.Popen[bytes] | None = None
    cancelled: bool = False


class Jobs:
    """A line of jobs, of which the first one runs.

    Args:
        waiting: how many may stand in it.
        seconds: how long one may take.
    """

    def __init__(self, waiting: int, seconds: float) -> None:
        self._line: list[_Job] = []
        self._waiting = waiting
        self._seconds = seconds

    def cancel(self, owner: str) -> bool:
        """Stop what an owner has in the line; whether there was anything."""
        mine = [job for job in self._line if job.owner == owner]
        for job in mine:
            job.cancelled = True
            _kill(job.process)
        return bool(mine)

    async def run(self, owner: str, spec: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Do a task of `reportgen.web.work` and hand on what it says.

        Yields:
            `{"waiting": n}` while n others come first, what the task says, at the end `{"ended": how}`: done, failed
            (with `error`) or cancelled.

        Raises:
            InputError: the line is full, or the owner stands in it already.
        """
        if any(job.owner == owner for job in self._line):
            raise InputError("a run of yours is under way", remedy="wait for it or cancel it")
        if len(self._line) > self._waiting:
            raise InputError(f"{len(self._line)} runs are waiting", remedy="try again in some minutes")
        job = _Job(owner)
        self._line.append(job)
        try:
            while self._line[0] is not job and not job.cancelled:
                yield {"waiting": self._line.index(job)}
                await asyncio.sleep(_STEP_S * 2)
            if not job.cancelled:
                async for said in self._work(job, spec):
                    yield said
            if job.cancelled:
                yield {"ended": "cancelled"}
        finally:
            _kill(job.process)
            self._line.remove(job)

    async def _work(self, job: _Job, spec: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as log:
            job.process = _start(spec, said, log)
            started, at, last = time.monotonic(), 0, {}
            while not job.cancelled:
                running = job.process.poll() is None
                lines, at = _lines(said, at)
                for last in lines:
                    yield last
                if not running:
                    break
                if time.monotonic() - started > self._seconds:
                    _kill(job.process)
                    yield {"ended": "failed", "error": f"it took more than {self._seconds / 60:.0f} minutes"}
                    return
                await asyncio.sleep(_STEP_S)
            if not job.cancelled and "ended" not in last:
                log.seek(0)
                sys.stderr.write(log.read()[-_LOG_BYTES:].decode("utf-8", "replace"))
                yield {"ended": "failed", "error": "it stopped unexpectedly; the machine may lack memory for it"}


def _start(spec: Mapping[str, Any], said: IO[bytes], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """The worker: a session of its own, so that all it starts ends with it; nothing of the network."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "REPORTGEN_PARENT": str(os.getpid()),
        "PYTHONPATH": os.pathsep.join([_PACKAGES, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "reportgen.web.work"],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=log,
        start_new_session=True,
        env=environment,
    )
    if process.stdin is not None:
        process.stdin.write(json.dumps(spec).encode())
        process.stdin.close()
    return process


def _lines(said: IO[bytes], at: int) -> tuple[list[dict[str, Any]], int]:
    """The whole lines written since, and where the next one begins."""
    # pread: the worker writes through the same file position.
    fresh = os.pread(said.fileno(), 1_000_000, at)
    whole = fresh[: fresh.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], at + len(whole)


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
