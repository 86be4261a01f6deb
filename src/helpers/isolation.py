"""Cases in processes of their own, one at a time: what came back, or the true reason why nothing did."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Literal

import psutil

from helpers.errors import RadiogramError

START = "import sys; _, fd, alarm, *sys.path[:] = sys.argv; from helpers.isolated import serve; serve(int(fd), float(alarm))"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
     "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1",
)  # fmt: skip
LOOK = 0.05  # seconds between looks at a running case's memory
STARTS = 3  # processes that may end before they take a case
STARTING = 300.0  # seconds at least that a process has to load its function
GRACE = 30  # seconds beyond the time limit after which the system's own alarm ends a process that nobody watches
SHORT = 0.04  # share of the machine's memory; with less than that left, whoever holds more than its part is stopped
LEAK = 0.25  # share of the memory limit that a process may have gained over its cases before a fresh one follows


@dataclass(frozen=True)
class Limits:
    """What one case may take: seconds, bytes of memory, and how often it is tried again after its process died."""

    seconds: float
    memory: float
    retries: int


@dataclass(frozen=True)
class Reply:
    """A case's pickled value, the sentence that says why it has none, or the pickled exception that ends the run."""

    kind: Literal["value", "error", "fatal"]
    content: bytes | str
    seconds: float = 0.0


class Closed(Exception):
    """The pool was closed while a case ran or waited."""


class Stopped(Exception):
    """A case was stopped at a limit; the sentence says which."""


class Died(Exception):
    """A process ended while its case ran; the sentence says of what."""


class Unstarted(Exception):
    """A process ended before it took a case; the sentence says of what."""


class Pool:
    """Case processes that wait for work, started at once and replaced when one is lost; safe for `size` threads."""

    def __init__(self, work: bytes, limits: Limits, *, size: int) -> None:
        self._work, self._limits = work, limits
        self._share = psutil.virtual_memory().total / size
        self._idle: deque[_Process] = deque()
        self._all: set[_Process] = set()
        self._closed = False
        for _ in range(size):
            self._add()

    def run(self, item: bytes) -> Reply:
        """One pickled case, tried again as often as the limits allow when its process dies; at a limit it is given up.

        Raises RadiogramError when no process starts, and Closed when the pool was closed meanwhile.
        """
        started = time.monotonic()
        deaths: list[str] = []
        while len(deaths) <= self._limits.retries:
            try:
                kind, content = self._once(item)
            except Stopped as stopped:
                return Reply("error", str(stopped), time.monotonic() - started)
            except Died as death:
                deaths.append(str(death))
            else:
                return Reply(kind, content, time.monotonic() - started)
        often = f", {len(deaths)} times" if len(deaths) > 1 else ""
        return Reply("error", f"its process died{often}: {deaths[-1]}", time.monotonic() - started)

    def close(self) -> None:
        self._closed = True
        for process in list(self._all):
            process.kill()

    def _once(self, item: bytes) -> tuple[str, bytes | str]:
        process = self._started()
        try:
            answer = process.run(item, self._limits, self._share)
        except (Stopped, Died):
            self._discard(process)
            self._add()
            raise
        if process.swollen(self._limits):
            self._discard(process)
            self._add()
        else:
            self._idle.append(process)
        return answer

    def _started(self) -> _Process:
        """A process that is ready; one that ended while nobody looked is nobody's fault."""
        for _ in range(STARTS):
            if self._closed:
                raise Closed
            process = self._idle.popleft() if self._idle else self._new()
            try:
                process.start(self._limits)
            except Unstarted as failure:
                self._discard(process)
                last = failure
            else:
                return process
        raise RadiogramError(f"No process for cases can be started: {last}.")

    def _new(self) -> _Process:
        process = _Process(self._work, alarm=self._limits.seconds + GRACE)
        self._all.add(process)
        return process

    def _add(self) -> None:
        if not self._closed:
            self._idle.append(self._new())

    def _discard(self, process: _Process) -> None:
        process.kill()
        self._all.discard(process)


class _Process:
    """One child process, seen from outside: watched even when it answers nothing."""

    def __init__(self, work: bytes, *, alarm: float) -> None:
        self._connection, theirs = Pipe()
        self._child = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno()), str(alarm), *sys.path], pass_fds=[theirs.fileno()],
            env={**os.environ, **ONE_THREAD}, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._seen = psutil.Process(self._child.pid)
        self._work: bytes | None = work
        self._rest = self._weighed = 0.0

    def start(self, limits: Limits) -> None:
        """Wait until it is ready. Raises Unstarted, and what the loading of its function raised."""
        if self._child.poll() is not None:
            raise Unstarted(self._cause())
        if self._work is None:
            return
        try:
            self._connection.send_bytes(self._work)
            if not self._connection.poll(max(limits.seconds, STARTING)):
                raise Unstarted(f"it was not ready within {max(limits.seconds, STARTING):.0f} seconds")
            refused = self._connection.recv_bytes()
        except (EOFError, ConnectionError) as error:
            raise Unstarted(self._cause()) from error
        if refused:
            raise pickle.loads(refused)
        self._work, self._rest = None, self._memory()

    def run(self, item: bytes, limits: Limits, share: float) -> tuple[str, bytes | str]:
        """(kind, content) of one case. Raises Stopped or Died."""
        started = time.monotonic()
        try:
            self._connection.send_bytes(item)
            while not self._connection.poll(LOOK):
                self._check(limits, share, time.monotonic() - started)
            return pickle.loads(self._connection.recv_bytes())
        except (EOFError, ConnectionError) as error:
            raise Died(self._cause()) from error

    def _check(self, limits: Limits, share: float, seconds: float) -> None:
        held = self._memory()
        if seconds > limits.seconds:
            raise Stopped(f"gave no result within {limits.seconds / 60:g} minutes (execution.case_minutes)")
        if held > limits.memory:
            raise Stopped(f"needed more than {limits.memory / 1e9:g} GB of memory (execution.case_gigabytes)")
        if held > share and _short():
            raise Died(f"it was stopped at {held / 1e9:.1f} GB, as the machine had no memory left")

    def swollen(self, limits: Limits) -> bool:
        """Whether earlier cases left so much behind that the next one would be blamed for it; looked at now and then."""
        now = time.monotonic()
        if now - self._weighed < LOOK:
            return False
        self._weighed = now
        return self._memory() > self._rest + LEAK * limits.memory

    def _memory(self) -> float:
        try:
            return self._seen.memory_info().rss
        except psutil.NoSuchProcess:
            return 0.0

    def _cause(self) -> str:
        self.kill()
        status = self._child.returncode
        if status >= 0:
            return f"it ended itself with status {status}"
        meaning = (signal.strsignal(-status) or "unknown").lower()
        hint = ", from outside; where memory is short the system does so" if -status == signal.SIGKILL else ""
        return f"{meaning} (signal {-status}{hint})"

    def kill(self) -> None:
        """End the process and whatever it started; how one that has ended did so is kept."""
        if self._child.returncode is None:
            with suppress(ProcessLookupError):  # it had no time to become the head of its group
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.kill()
            self._child.wait()


def _short() -> bool:
    machine = psutil.virtual_memory()
    return machine.available < SHORT * machine.total
