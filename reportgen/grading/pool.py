"""The same function over many submissions: in processes of this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import Any

from reportgen.errors import Unavailable, UsageError, one_line

from .model import Submission
from .one import Options, OutOfTime, grade_one
from .results import Graded

RECYCLED = 200
"""Submissions a pool grades before its processes are replaced: what a hostile page made them hold goes with them."""
MEMORY = 4 << 30
"""Bytes of address space a process may ask for: an honest memo needs a tenth."""
Result = tuple[Submission, Graded]

_GRACE = 10.0
"""Seconds between the alarm, which Python code hears, and the end of the process, which nothing outlives."""


def in_this_process(submissions: Sequence[Submission], options: Options) -> Iterator[Result]:
    """Grade one after the other, here: for callers that have processes of their own, or none to spare."""
    for one in submissions:
        yield one, guarded(one, options, end=False)


def in_processes(submissions: Sequence[Submission], options: Options, jobs: int) -> Iterator[Result]:
    """Grade with so many processes; pairs in the order they finish. A submission that kills its process fails alone."""
    for start in range(0, len(submissions), RECYCLED):
        yield from _one_pool(submissions[start : start + RECYCLED], options, jobs)


def _one_pool(submissions: Sequence[Submission], options: Options, jobs: int) -> Iterator[Result]:
    waiting = list(reversed(submissions))
    suspects: list[Submission] = []
    running: dict[Future[Graded], Submission] = {}
    pool = _pool(min(jobs, len(submissions)))
    try:
        while waiting or running:
            while waiting and len(running) < 2 * jobs and not suspects:
                one = waiting.pop()
                running[pool.submit(guarded, one, options)] = one
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                one = running.pop(future)
                try:
                    yield one, future.result()
                except BrokenProcessPool:
                    suspects.append(one)
            if suspects and not running:
                yield from _alone(suspects, options)
                suspects = []
                pool.shutdown(wait=False, cancel_futures=True)
                pool = _pool(jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone(suspects: Sequence[Submission], options: Options) -> Iterator[Result]:
    """One process each, so that the one which killed the pool shows itself."""
    for one in suspects:
        with _pool(1) as pool:
            try:
                yield one, pool.submit(guarded, one, options).result()
            except BrokenProcessPool:
                reason = "crashed the process that read it, or took too long"
                yield one, Graded(key=one.key, status="failed", reason=reason)


def _pool(jobs: int) -> ProcessPoolExecutor:
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    context = get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["reportgen.grading.memos", "reportgen.grading.others"])
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_limit)


def _limit() -> None:
    """Limits of a worker. Ctrl-C is for the parent: it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def guarded(submission: Submission, options: Options, *, end: bool = True) -> Graded:
    """`grade_one` under a clock: an alarm for Python code, then an `end` of the process for code that does not listen.

    Only a main thread can be alarmed; in a thread of a cluster's worker there is no clock.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        return grade_one(submission, options)
    with Path(os.devnull).open("w") as nowhere:
        earlier = signal.signal(signal.SIGALRM, _ring)
        if end:
            faulthandler.dump_traceback_later(options.seconds + _GRACE, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, options.seconds)
        try:
            return grade_one(submission, options)
        except OutOfTime:
            return Graded(key=submission.key, status="timeout", reason=f"gave up after {options.seconds:g} seconds")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if end:
                faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, earlier)


def _ring(number: int, frame: Any) -> None:
    raise OutOfTime


@dataclass(frozen=True)
class Sent:
    """A submission with its files' bytes: the workers of a cluster need not share a disk with us."""

    submission: Submission
    contents: tuple[bytes | None, ...]


def send(submission: Submission) -> Sent:
    """Only pages travel: nothing else is graded."""
    contents = tuple(file.path.read_bytes() if file.kind != "other" else None for file in submission.files)
    return Sent(submission, contents)


def grade_sent(sent: Sent, options: Options) -> Graded:
    """What a cluster's worker runs: the files in a folder of its own, then the same function."""
    with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
        files = []
        for number, (file, content) in enumerate(zip(sent.submission.files, sent.contents, strict=True)):
            path = Path(folder) / f"{number}.html"
            if content is not None:
                path.write_bytes(content)
            files.append(replace(file, path=path))
        return guarded(replace(sent.submission, files=tuple(files)), options)


def on_cluster(submissions: Sequence[Submission], options: Options, address: str) -> Iterator[Result]:
    """Grade on a running Dask cluster; pairs in the order they finish.

    Raises:
        Unavailable: dask is not installed.
        UsageError: nobody answers at that address.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise Unavailable("dask is not installed", remedy="pip install reportgen[cluster]") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"no cluster answers: {error}", where=address, remedy="start `dask scheduler` and `dask worker` first"
        ) from None
    with client:
        (kept,) = client.scatter([options], broadcast=True)
        left = iter(submissions)
        pending: dict[Any, Submission] = {}

        def more() -> Any:
            one = next(left, None)
            if one is None:
                return None
            future = client.submit(grade_sent, send(one), kept, pure=False, retries=0)
            pending[future] = one
            return future

        # Never more in flight than the cluster can chew: the files of a university do not fit one memory.
        width = max(4, 4 * sum(client.nthreads().values()))
        futures = as_completed([future for _ in range(width) if (future := more()) is not None])
        for future in futures:
            one = pending.pop(future)
            try:
                yield one, future.result()
            except Exception as error:  # a worker died, or lacks what it needs
                reason = one_line(f"the cluster gave up: {type(error).__name__}: {error}")
                yield one, Graded(key=one.key, status="failed", reason=reason)
            if (following := more()) is not None:
                futures.add(following)


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
