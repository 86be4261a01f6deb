"""The one place that knows Dask: one case a task, in order, and a crash of one case never ends the run.

Whoever works for Dask here only minds a case process (`isolation`): what a case does to its process, and a death of
it, reaches neither the worker nor the cases that wait there.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import cloudpickle

from helpers.errors import RadiogramError
from helpers.handing import Handing
from helpers.isolated import attempt, pack
from helpers.isolation import Closed, Limits, Pool, Reply
from helpers.parameters import Execution
from helpers.progress import Progress, say, spell

PATIENCE = 60.0  # seconds to wait for the first worker of a running scheduler
LOOK = 0.005  # seconds between looks for a task that is done
DESERTED = 600.0  # seconds without any worker after which the run ends
UNWATCHED = {  # Dask's looks at itself, many a second, where nothing but case processes works
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    "distributed.admin.system-monitor.interval": "10s",
}
AGAIN = "Run again: cases that were done are kept."
FRESH = 5.0  # seconds for which a count of the workers' threads holds


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
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    execution: Execution,
    label: str = "cases",
    initialize: Callable[[], Any] | None = None,
) -> Iterator[Outcome]:
    """Outcomes of function(item) in the order of the items; each case has a process to itself while it runs.

    A CaseError, a process that died (tried again `retries` times, then given up), a case that outlives
    `case_minutes` or outgrows `case_gigabytes` become outcomes with an error; any other RadiogramError ends the run,
    and so does an error of our own. `initialize` is called once in each process before its first case.
    With `isolated: false` everything happens in this process, one case after the other, without limits.
    """
    items = list(items)
    if not items:
        return
    with Progress(label, len(items)) as progress:
        if not execution.isolated:
            yield from _here(function, items, initialize, progress)
            return
        ready: dict[int, Outcome] = {}
        due = 0
        for index, reply in _replies(pack(function, initialize), items, execution):
            progress.add(reply.seconds, lost=reply.kind == "error")
            ready[index] = _outcome(items[index], reply)
            while due in ready:
                yield ready.pop(due)
                due += 1


def _outcome(item: Any, reply: Reply) -> Outcome:
    if reply.kind == "error":
        return Outcome(item, error=reply.content)
    content = pickle.loads(reply.content)
    if reply.kind == "fatal":
        raise content
    return Outcome(item, content)


def _here(
    function: Callable[[Any], Any], items: list[Any], initialize: Callable[[], Any] | None, progress: Progress
) -> Iterator[Outcome]:
    if initialize is not None:
        initialize()
    for item in items:
        started = time.monotonic()
        kind, found = attempt(function, item)
        progress.add(time.monotonic() - started, lost=kind == "error")
        yield Outcome(item, found) if kind == "value" else Outcome(item, error=found)


def _replies(work: bytes, items: list[Any], execution: Execution) -> Iterator[tuple[int, Reply]]:
    """(index, reply) of every item, as they are done."""
    limits = Limits(execution.case_minutes * 60, execution.case_gigabytes * 1e9, execution.retries)
    count = min(workers(execution), len(items))
    if execution.scheduler is None and count == 1:
        with closing(Pool(work, limits, size=1)) as pool:
            yield from ((index, pool.run(cloudpickle.dumps(item))) for index, item in enumerate(items))
        return
    with _client(execution, count) as client:
        name = f"radiogram-{uuid.uuid4().hex}"
        _announce(client, name, work, limits)
        try:
            yield from _gather(client, name, items)
        finally:
            with suppress(OSError, TimeoutError):  # a scheduler that is gone holds nothing of ours
                client.unregister_worker_plugin(name)


@contextmanager
def _client(execution: Execution, count: int) -> Iterator[Any]:
    """A client of the scheduler asked for, else of one in this process: what is dangerous runs in case processes."""
    import dask
    from distributed import Client, LocalCluster

    for log in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]:
        logging.getLogger(log).setLevel(logging.CRITICAL)  # what matters is raised, or printed as progress
    if execution.scheduler:
        with _connect(execution.scheduler) as client:
            _link(client, execution)
            yield client
        return
    shown = bool(execution.dashboard and importlib.util.find_spec("bokeh"))
    settings = {"n_workers": 1, "threads_per_worker": count, "processes": False, "memory_limit": 0}
    listening = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": shown}}
    with (
        dask.config.set(UNWATCHED),
        LocalCluster(**settings, **listening, silence_logs=logging.CRITICAL) as local,
        Client(local, set_as_default=False) as client,
    ):
        _link(client, execution)
        yield client


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise RadiogramError(f"No Dask scheduler answers at {address}: start one, or leave --scheduler out.") from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        client.close()
        remedy = f"start some with `dask worker {address}`"
        raise RadiogramError(f"The Dask scheduler at {address} has no workers: {remedy}.") from error
    return client


def _link(client: Any, execution: Execution) -> None:
    if execution.dashboard:
        found = importlib.util.find_spec("bokeh") and client.dashboard_link
        say(f"dashboard: {found}" if found else "dashboard: none, as the package bokeh is not installed")


def _announce(client: Any, name: str, work: bytes, limits: Limits) -> None:
    """Give every worker, also those that join later, its case processes. Raises RadiogramError where it cannot."""
    from distributed import WorkerPlugin

    class Cases(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            self.pool = Pool(work, limits, size=worker.state.nthreads)

        def teardown(self, worker: Any) -> None:
            self.pool.close()

    try:
        client.register_plugin(Cases(), name=name)
    except ImportError as error:
        raise RadiogramError(f"A worker cannot load Radiogram ({error}): install the same version there.") from error


def _cases(name: str, batch: list[bytes]) -> list[Reply]:
    """Runs in a thread of a worker, one thread a case process; short cases come in batches."""
    from distributed import Reschedule, get_worker

    pool = get_worker().plugins[name].pool
    try:
        return [pool.run(item) for item in batch]
    except Closed as error:  # the worker is leaving
        raise Reschedule() from error


def _gather(client: Any, name: str, items: list[Any]) -> Iterator[tuple[int, Reply]]:
    """(index, reply) of every item, as tasks are done; raises RadiogramError when the cluster goes away."""
    from distributed import as_completed
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    handing, crew, running = Handing(len(items)), _Crew(client), as_completed(loop=client.loop)

    def hand_out() -> None:
        for key, indices in handing.tasks(crew.threads()):
            batch = [cloudpickle.dumps(items[index]) for index in indices]
            running.add(client.submit(_cases, name, batch, key=f"{name}/{key}", priority=-indices[0], pure=False))

    try:
        hand_out()
        while handing.out:
            future = crew.wait(running)
            key = future.key.removeprefix(f"{name}/")
            try:
                replies = handing.done(key, crew.fetch(future))
            except KilledWorker:
                replies = handing.lost(key)
            future.release()
            hand_out()
            yield from replies
    except (CommClosedError, CancelledError, TimeoutError) as error:
        raise RadiogramError(f"The Dask scheduler went away. {AGAIN}") from error


class _Crew:
    """The workers, who come and go."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads, self._counted, self._manned = 1, -FRESH, time.monotonic()

    def threads(self) -> int:
        """Cases that run at once. Raises RadiogramError when no worker has been there for long."""
        now = time.monotonic()
        if now - self._counted > FRESH:
            threads = sum(self._client.nthreads().values())
            self._threads, self._counted, self._manned = max(1, threads), now, now if threads else self._manned
            if now - self._manned > DESERTED:
                raise RadiogramError(f"The Dask scheduler has had no worker for {spell(now - self._manned)}. {AGAIN}")
        return self._threads

    def wait(self, running: Any) -> Any:
        """The next task that is done."""
        while not running.has_ready():
            time.sleep(LOOK)
            self.threads()
        return next(running)

    def fetch(self, task: Any) -> Any:
        """What a task gave. A worker that dies before it is fetched takes it along, and it waits for another one to do it again."""
        while True:
            try:
                return task.result(timeout=10 * FRESH)
            except TimeoutError:
                self.threads()
