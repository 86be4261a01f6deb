"""Cases in processes of their own, one at a time: what came back, or the true reason why nothing did."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

import psutil

from helpers import processes
from helpers.errors import RadiogramError
from helpers.processes import Died, Limits, Process, Stopped, Unstarted

STARTS = 3  # processes that may end before they take a case


@dataclass(frozen=True)
class Reply:
    """A case's pickled value, the sentence that says why it has none, or the pickled exception that ends the run."""

    kind: Literal["value", "error", "fatal"]
    content: bytes | str
    seconds: float = 0.0


class Closed(Exception):
    """The pool was closed while a case ran or waited."""


class Pool:
    """Case processes that wait for work, started at once and replaced when one is lost; safe for `size` threads."""

    def __init__(self, work: bytes, limits: Limits, *, size: int) -> None:
        self._work, self._limits = work, limits
        self._share = psutil.virtual_memory().total / size
        self._idle: deque[Process] = deque()
        self._all: set[Process] = set()
        self._closed, self._lock = False, threading.Lock()
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
        """End the processes; where none has a case, the work was done, and they are kept for other work."""
        with self._lock:
            self._closed = True
            idle, everyone = list(self._idle), list(self._all)
            self._idle.clear()
            self._all.clear()
        if len(idle) == len(everyone):
            processes.keep(idle)
        else:
            for process in everyone:
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

    def _started(self) -> Process:
        """A process that is ready; one that ended while nobody looked is nobody's fault."""
        for _ in range(STARTS):
            with self._lock:
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

    def _new(self) -> Process:
        process = processes.obtain(self._work, self._limits)
        self._all.add(process)
        return process

    def _add(self) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(self._new())

    def _discard(self, process: Process) -> None:
        process.kill()
        self._all.discard(process)
