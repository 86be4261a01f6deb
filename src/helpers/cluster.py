"""The one place that knows Dask: one case a task, in order, and a crash of one case never ends the run."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from helpers.errors import CaseError, RadiogramError
from helpers.parameters import Execution

os.environ.setdefault("DASK_DISTRIBUTED__WORKER__DAEMON", "False")


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its value, or the sentence that says why there is none."""

    item: Any
    value: Any = None
    error: str | None = None


def workers(execution: Execution) -> int:
    """Processes to use: those asked for, else every core this process may run on."""
    return execution.workers or len(
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )


def map_cases(
    function: Callable[[Any], Any], items: Iterable[Any], *, execution: Execution, label: str = "cases"
) -> Iterator[Outcome]:
    """Outcomes of function(item) in the order of the items.

    A CaseError, a dead worker process and a case that outlives `case_minutes` become outcomes with an error;
    any other RadiogramError ends the run, and so does an error of our own.
    """
    items = list(items)
    if not items:
        return
    if execution.scheduler is None and workers(execution) == 1:
        yield from _progress((_outcome(item, _guarded(function, item)) for item in items), len(items), label)
        return
    with _client(execution) as client:
        yield from _progress(_gather(client, function, items, execution), len(items), label)


def _guarded(function: Callable[[Any], Any], item: Any) -> tuple[Any, str | None]:
    """Runs in the worker: a case's own failure travels back as a sentence."""
    try:
        return function(item), None
    except CaseError as error:
        return None, str(error)


def _outcome(item: Any, result: tuple[Any, str | None]) -> Outcome:
    return Outcome(item, *result)


@contextmanager
def _client(execution: Execution) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if execution.scheduler:
        with _connect(execution.scheduler) as client:
            yield client
        return
    settings = {"n_workers": workers(execution), "threads_per_worker": 1, "dashboard_address": None}
    memory = f"{execution.case_gigabytes}GB"
    with (
        LocalCluster(**settings, memory_limit=memory, host="127.0.0.1", silence_logs=logging.CRITICAL) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise RadiogramError(f"No Dask scheduler answers at {address}: start one, or leave --scheduler out.") from error


def _gather(client: Any, function: Callable, items: list[Any], execution: Execution) -> Iterator[Outcome]:
    futures = [
        client.submit(_guarded, function, item, retries=execution.retries, pure=False, priority=-i)
        for i, item in enumerate(items)
    ]
    for item, future in zip(items, futures, strict=True):
        yield _await(item, future, client, execution)


def _await(item: Any, future: Any, client: Any, execution: Execution) -> Outcome:
    """Wait for one task; its clock starts when it is seen to run, so that waiting in line does not count."""
    from distributed.scheduler import KilledWorker

    limit = execution.case_minutes * 60
    started = None
    while True:
        try:
            return _outcome(item, future.result(timeout=min(5.0, limit)))
        except TimeoutError:
            worker = _running_on(future, client)
            started = (started or time.monotonic()) if worker else None
            if started and time.monotonic() - started > limit:
                future.cancel(force=True)
                client.restart_workers([worker])
                return Outcome(item, error=f"gave no result within {execution.case_minutes:g} minutes")
        except KilledWorker:
            return Outcome(item, error="its worker process died (out of memory, or a crash in compiled code)")


def _running_on(future: Any, client: Any) -> str | None:
    for worker, keys in client.processing().items():
        if keys and future.key == next(iter(keys)):
            return worker
    return None


def _progress(outcomes: Iterable[Outcome], total: int, label: str) -> Iterator[Outcome]:
    """A line on standard error every few seconds: how many are done, and how long the rest will take."""
    started = shown = time.monotonic()
    for done, outcome in enumerate(outcomes, start=1):
        now = time.monotonic()
        if now - shown > 5 or (done == total and now - started > 5):
            shown = now
            rest = (now - started) / done * (total - done)
            print(f"{label}: {done} of {total}, about {rest:.0f} s left", file=sys.stderr, flush=True)
        yield outcome
