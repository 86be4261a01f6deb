"""A case process seen from outside: started, told its function, watched, and kept a while for the next function."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

import psutil

from helpers import isolated

START = "import sys; _, fd, *sys.path[:] = sys.argv; from helpers.isolated import serve; serve(int(fd))"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
     "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1",
)  # fmt: skip
LOOK = 0.05  # seconds between looks at a running case's memory
STARTING = 300.0  # seconds at least that a process has to load its function
GRACE = 30  # seconds beyond the time limit after which the system's own alarm ends a process that nobody watches
SHORT = 0.04  # share of the machine's memory; with less than that left, whoever holds more than its part is stopped
AMPLE = 0.25  # share of the machine's memory; with less than that left, no process is kept for later
LEAK = 0.25  # share of the memory limit that a process may have gained over its cases before a fresh one follows
MARGIN = 10.0  # seconds before the end of its rest from which a kept process is not used any more


@dataclass(frozen=True)
class Limits:
    """What one case may take: seconds, bytes of memory, and how often it is tried again after its process died."""

    seconds: float
    memory: float
    retries: int


class Stopped(Exception):
    """A case was stopped at a limit; the sentence says which."""


class Died(Exception):
    """A process ended while its case ran; the sentence says of what."""


class Unstarted(Exception):
    """A process ended before it took a case; the sentence says of what."""


def obtain(work: bytes, limits: Limits) -> Process:
    """A process for the packed function: one that was kept, where one fits, else a new one."""
    surroundings = _surroundings()
    with _lock:
        while _kept:
            process = _kept.pop()
            if process.fits(surroundings, limits):
                process.work = work
                return process
            process.kill()
    return Process(work, surroundings)


def keep(processes: Sequence[Process]) -> None:
    """Let processes that have done their work wait for other work: to start one costs as much as many a case."""
    for process in processes:
        if _left() > AMPLE and process.rest():
            with _lock:
                _kept.append(process)
        else:
            process.kill()


class Process:
    """One child process, watched even when it answers nothing; `work` is what it has yet to be told."""

    def __init__(self, work: bytes, surroundings: tuple[Any, ...]) -> None:
        self._connection, theirs = Pipe()
        self._child = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno()), *sys.path], pass_fds=[theirs.fileno()],
            env={**os.environ, **ONE_THREAD}, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._seen = psutil.Process(self._child.pid)
        self.work: bytes | None = work
        self._surroundings = surroundings
        self._least = self._weighed = self._rests = 0.0

    def start(self, limits: Limits) -> None:
        """Wait until it is ready. Raises Unstarted, and what the loading of its function raised."""
        if self._child.poll() is not None:
            raise Unstarted(self._cause())
        if self.work is None:
            return
        try:
            self._send("work", self.work, sys.path)
            if not self._connection.poll(max(limits.seconds, STARTING)):
                raise Unstarted(f"it was not ready within {max(limits.seconds, STARTING):.0f} seconds")
            refused = self._connection.recv_bytes()
        except (EOFError, ConnectionError) as error:
            raise Unstarted(self._cause()) from error
        if refused:
            raise pickle.loads(refused)
        self.work, self._least = None, self._memory()

    def run(self, item: bytes, limits: Limits, share: float) -> tuple[str, bytes | str]:
        """(kind, content) of one case. Raises Stopped or Died."""
        started = time.monotonic()
        try:
            self._send("case", item, limits.seconds + GRACE)
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
        if held > share and _left() < SHORT:
            raise Died(f"it was stopped at {held / 1e9:.1f} GB, as the machine had no memory left")

    def swollen(self, limits: Limits) -> bool:
        """Whether earlier cases left so much behind that the next one would be blamed for it; looked at now and then."""
        now = time.monotonic()
        if now - self._weighed < LOOK:
            return False
        self._weighed = now
        return self._memory() > self._least + LEAK * limits.memory

    def rest(self) -> bool:
        """Have it forget its function; whether it did, and now waits for another one."""
        if self._child.poll() is not None:
            return False
        with suppress(ConnectionError):
            self._send("rest")
            self._rests = time.monotonic()
            return True
        return False

    def fits(self, surroundings: tuple[Any, ...], limits: Limits) -> bool:
        """Whether one that was kept is as good as a new one would be."""
        waits = self._child.poll() is None and time.monotonic() - self._rests < isolated.REST - MARGIN
        return waits and self._surroundings == surroundings and self._memory() < LEAK * limits.memory

    def _send(self, kind: str, content: bytes = b"", setting: Any = None) -> None:
        self._connection.send_bytes(pickle.dumps((kind, content, setting)))

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


_kept: list[Process] = []
_lock = threading.Lock()


@atexit.register
def _end() -> None:
    while _kept:
        _kept.pop().kill()


def _surroundings() -> tuple[Any, ...]:
    """What a process takes over when it starts; where any of it has changed since, a new one is started."""
    return dict(os.environ), os.getcwd(), _edited()


def _edited() -> float:
    """When the newest of the modules loaded here, packages aside, was changed: in a notebook that happens under way."""
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    own = [file for file in files if file and not file.startswith((sys.prefix, sys.base_prefix))]
    return max((os.stat(file).st_mtime for file in own if os.path.exists(file)), default=0.0)


def _left() -> float:
    """Share of the machine's memory that is free."""
    machine = psutil.virtual_memory()
    return machine.available / machine.total
