"""The inside of a case process: it takes a function once, then one case after the other."""

from __future__ import annotations

import os
import pickle
import platform
import signal
import threading
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from helpers.errors import CaseError, RadiogramError

IDLE = 900.0  # seconds after which a process without work ends itself: its run was killed


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


def serve(descriptor: int, alarm: float) -> None:
    """The child's side: take the function, then one case after the other, until the connection closes."""
    connection = Connection(descriptor)
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    try:
        expected, work = pickle.loads(connection.recv_bytes())
        _require(expected)
        function, initialize = pickle.loads(work)
        if initialize is not None:
            initialize()
    except EOFError:
        return
    except Exception as error:
        connection.send_bytes(_pickled(error))
        return
    connection.send_bytes(b"")
    while connection.poll(IDLE):
        try:
            item = connection.recv_bytes()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, alarm)  # its default action ends even a process stuck in C
        reply = _reply(function, item)
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send_bytes(pickle.dumps(reply))


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
