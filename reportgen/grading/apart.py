"""Grade in child processes: one that hangs, crashes or eats memory costs its own submission and nothing else.

Own code instead of a process pool: a broken `ProcessPoolExecutor` does not say which task broke it, has no clock,
and may not be started from the daemonic workers of a cluster.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from reportgen.errors import Unavailable, one_line

from .child import read_frame, write_frame
from .results import Graded

if TYPE_CHECKING:
    from .model import Submission
    from .one import Options

COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "reportgen.grading.child")
"""-P: no module is taken from the folder the command was typed in, which may be full of students' files."""
RECYCLED = 250
"""Submissions a process grades before it is replaced: what a hostile page made it hold goes with it."""
_START = 180.0
"""Seconds a process may take to start on a busy machine."""


class Children:
    """Processes for whoever asks, from any number of threads; one that is free is used again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[_Child] = set()
        self._idle: list[_Child] = []
        self._closed = False

    def grade(self, submission: Submission, options: Options) -> Graded:
        """`grade_one` in another process, under a clock and a memory limit.

        Raises:
            Unavailable: no process can be started here.
        """
        child = self._take()
        try:
            graded = child.grade(submission, options)
        except Unavailable:
            # It did not even start: a machine short of memory for a moment gets a second chance.
            self._drop(child)
            child = self._take()
            graded = child.grade(submission, options)
        with self._lock:
            if child.ended or child.served >= RECYCLED or self._closed:
                self._all.discard(child)
                child.end()
            else:
                self._idle.append(child)
        return graded

    def _drop(self, child: _Child) -> None:
        with self._lock:
            self._all.discard(child)
        child.end()

    def rest(self) -> None:
        """End the processes that have nothing to do."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for child in idle:
            child.end()

    def close(self) -> None:
        """End all of them, at work or not."""
        with self._lock:
            self._closed, self._idle = True, []
            children = list(self._all)
            self._all.clear()
        for child in children:
            child.end()

    def _take(self) -> _Child:
        with self._lock:
            if self._closed:
                raise Unavailable("grading was stopped")
            if self._idle:
                return self._idle.pop()
            child = _Child()
            self._all.add(child)
        return child


class _Child:
    """One process; `ended` once it is of no use any more."""

    def __init__(self) -> None:
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        # A session of its own: Ctrl-C is for the parent, which ends its children.
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            start_new_session=True,
        )
        self.ended = False
        self.served = 0

    def grade(self, submission: Submission, options: Options) -> Graded:
        if self.served == 0:
            with self._clock(_START):
                ready = read_frame(self._answers)
            if ready is None:
                self.ended = True
                raise Unavailable(f"no process can be started: {self._last_words()}", remedy="try --jobs 0")
        self.served += 1
        with self._clock(options.seconds) as rang:
            answer = None
            with contextlib.suppress(OSError):
                write_frame(self._requests, pickle.dumps((submission, options)))
                answer = read_frame(self._answers)
        if answer is not None and not rang.is_set():
            return Graded.from_json(answer)
        self.ended = True
        status, reason = "timeout", f"gave up after {options.seconds:g} seconds"
        if not rang.is_set():
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            status, reason = "failed", f"it ended the process that read it ({how})"
        return Graded.model_validate({"key": submission.key, "status": status, "reason": reason})

    def end(self) -> None:
        """Kill it: it holds nothing worth keeping."""
        self.ended = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
        self._noise.close()

    def _last_words(self) -> str:
        self._process.kill()
        self._process.wait()
        self._noise.seek(0)
        lines = self._noise.read().decode("utf-8", "replace").strip().splitlines()
        return one_line(lines[-1]) if lines else f"exit code {self._process.returncode}"

    @property
    def _requests(self) -> BinaryIO:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdin  # type: ignore[return-value]

    @property
    def _answers(self) -> BinaryIO:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdout  # type: ignore[return-value]

    @contextmanager
    def _clock(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the process after so many seconds, which ends the wait for its answer; the event says that it rang."""
        rang = threading.Event()

        def ring() -> None:
            rang.set()
            self._process.kill()

        timer = threading.Timer(seconds, ring)
        timer.daemon = True
        timer.start()
        try:
            yield rang
        finally:
            timer.cancel()
