"""The inside of a case process: it takes a function, then one case after the other, then perhaps another function."""

from __future__ import annotations

import gc
import os
import pickle
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from helpers.errors import CaseError, RadiogramError

IDLE = 900.0  # seconds after which a process without a case ends itself: its run was killed
REST = 60.0  # seconds that a process without a function waits for another one


def pack(function: Callable[[Any], Any], initialize: Callable[[], Any] | None) -> bytes:
    """What a case process is told once: the function, and what to load before the first case."""
    return pickle.dumps((versions(), cloudpickle.dumps((function, initialize))))


def versions() -> dict[str, str]:
    """Of what must be the same wherever cases are computed, as numbers would differ or not travel."""
    return {name: metadata.version(name) for name in ("radiogram", "numpy", "numba", "simpleitk", "cloudpickle")}


def attempt(function: Callable[[Any], Any], item: Any) -> tuple[str, Any]:
    """("value", value), or ("error", sentence) when the case itself is at fault; any other exception is raised."""
    try:
        return "value", function(item)
    except CaseError as error:
        return "error", str(error)
    except MemoryError as error:
        return "error", f"needed more memory than this machine has ({error or 'out of memory'})"


def serve(descriptor: int) -> None:
    """The child's side: answers what `processes` sends, until the connection closes or nothing more is sent."""
    connection = Connection(descriptor)
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    found, function, patience = dict(os.environ), None, IDLE
    with suppress(EOFError):
        while connection.poll(patience):
            kind, content, setting = pickle.loads(connection.recv_bytes())
            if kind == "rest":
                function, patience = _forget(found), REST
                continue
            if kind == "case":
                connection.send_bytes(_timed(function, content, setting))
                continue
            sys.path[:] = setting
            function, refused = _loaded(content)
            patience = IDLE
            connection.send_bytes(refused)
            if refused:
                return


def _forget(environment: dict[str, str]) -> None:
    """What the last function held and set is not there for the next."""
    os.environ.clear()
    os.environ.update(environment)
    gc.collect()


def _loaded(content: bytes) -> tuple[Callable[[Any], Any] | None, bytes]:
    """(function, b"") once it is ready, or (None, the pickled exception that says why it is not)."""
    try:
        expected, work = pickle.loads(content)
        _require(expected)
        function, initialize = pickle.loads(work)
        if initialize is not None:
            initialize()
    except Exception as error:
        return None, _pickled(error)
    return function, b""


def _timed(function: Callable[[Any], Any], item: bytes, alarm: float) -> bytes:
    signal.setitimer(signal.ITIMER_REAL, alarm)  # its default action ends even a process stuck in C
    reply = _reply(function, item)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return pickle.dumps(reply)


def _require(expected: dict[str, str]) -> None:
    for name, version in versions().items():
        if version != expected[name]:
            where = f"{name} {version} on {platform.node()} and {expected[name]} where the run was started"
            raise RadiogramError(f"Workers must have the same packages, but there is {where}: install the same there.")


def _reply(function: Callable[[Any], Any], item: bytes) -> tuple[str, bytes | str]:
    try:
        kind, found = attempt(function, pickle.loads(item))
        return kind, cloudpickle.dumps(found) if kind == "value" else found
    except Exception as error:
        return "fatal", _pickled(error)


def _pickled(error: Exception) -> bytes:
    """The exception with its traceback as a note, as tracebacks do not travel."""
    told = "".join(traceback.format_exception(error))
    try:
        error.add_note(told)
        pickle.loads(content := cloudpickle.dumps(error))
    except Exception:  # some exceptions cannot be pickled, or not be read again
        return pickle.dumps(RuntimeError(told))
    return content


def _end_with(parent: int) -> None:
    """End this process when its parent has: a killed run leaves nobody working."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
