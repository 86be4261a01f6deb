"""Cases run in processes of their own: what one of them does costs that case, and is called by its name."""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from helpers import cluster, isolated, isolation, processes
from helpers.errors import CaseError, RadiogramError
from helpers.parameters import Execution

HOUSE = Path(__file__).resolve().parents[1]


def execution(**changed):
    defaults = yaml.safe_load((HOUSE / "params" / "_defaults.yaml").read_text())["execution"]
    return Execution.model_validate({**defaults, **changed})


def run(function, items, *, initialize=None, **changed):
    return list(cluster.map_cases(function, items, execution=execution(**changed), initialize=initialize))


def square(x):
    if x == 3:
        raise CaseError("case 3 is flat")
    return x * x


def slow_square(x, seconds):
    time.sleep(seconds)
    return x * x


def die(x):
    if x == 1:
        os._exit(9)
    return x


def sleep(x):
    time.sleep(60 if x == 0 else 0)
    return x


def disagree(x):
    raise RadiogramError("no weights")


def poison(kind):
    """One case, healthy or of a kind that no exception handler survives."""
    if kind == "segfault":
        ctypes.string_at(0)
    elif kind == "hang":
        ctypes.PyDLL(None).sleep(600)  # with the interpreter locked: this process answers nothing
    elif kind == "memory":
        held = []
        while True:
            held.append(np.ones(2_000_000))
    elif kind == "too much at once":
        np.ones(10**15)
    elif kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "abort":
        os.abort()
    return kind


def fail_once(x, folder):
    """Dies at the first attempt of each case."""
    seen = Path(folder) / str(x)
    if not seen.exists():
        seen.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return x


def attempts(x, folder):
    """Segfaults in case 1; counts how often each case began."""
    with open(Path(folder) / str(x), "a") as file:
        file.write("begun\n")
    if x == 1:
        ctypes.string_at(0)
    return x


def process(x):
    return os.getpid()


def limits_of_threads(x):
    return [os.environ[name] for name in processes.ONE_THREAD]


def leave_a_mark():
    os.environ["RADIOGRAM_MARK"] = str(int(os.environ.get("RADIOGRAM_MARK", 0)) + 1)


def mark(x):
    return os.environ.get("RADIOGRAM_MARK")


def where(x):
    return os.getpid(), os.environ.get("RADIOGRAM_MARK")


def cannot_begin():
    raise RadiogramError("the kernels cannot be loaded")


def begin_with_a_crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def leak(x, held=[]):  # noqa: B006 (to leak is the point)
    held.append(np.ones(5_000_000))  # 40 MB that the process never gives back
    return len(held)


def lock(x):
    import threading

    return threading.Lock()  # cannot be pickled


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_order_and_one_bad_case_does_not_stop_them(workers):
    outcomes = run(square, range(6), workers=workers)
    assert [o.value for o in outcomes] == [0, 1, 4, None, 16, 25]
    assert [o.error for o in outcomes] == [None, None, None, "case 3 is flat", None, None]


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"workers": 1}, {"workers": 2}, {"isolated": False}], ids=str)
def test_what_stops_every_case_stops_the_run(changed):
    with pytest.raises(RadiogramError, match="no weights"):
        run(disagree, range(3), **changed)


def test_a_result_that_cannot_travel_is_an_error_of_ours():
    with pytest.raises(TypeError, match="pickle"):
        run(lock, [0], workers=1)


def test_in_this_process_when_asked_so(monkeypatch):
    monkeypatch.setenv("RADIOGRAM_MARK", "6")
    assert [o.value for o in run(mark, range(3), isolated=False, initialize=leave_a_mark)] == ["7"] * 3
    assert [o.value for o in run(process, [0], isolated=False)] == [os.getpid()]


def test_each_process_is_made_ready_once_and_keeps_to_one_thread():
    assert [o.value for o in run(mark, range(4), workers=1, initialize=leave_a_mark)] == ["1"] * 4
    (threads,) = [o.value for o in run(limits_of_threads, [0], workers=1)]
    assert threads == ["1"] * 6
    assert len({o.value for o in run(process, range(4), workers=1)} - {os.getpid()}) == 1


@pytest.mark.slow
def test_a_process_that_did_its_work_is_kept_for_the_next_and_brings_along_nothing_of_the_last(monkeypatch):
    def serving(**changed):
        ((value, mark),) = {o.value for o in run(where, range(4), workers=1, **changed)}
        return value, mark

    first, mark = serving(initialize=leave_a_mark)
    assert mark == "1" and serving() == (first, None)
    assert first in {o.value for o in run(process, range(4), workers=2)}
    monkeypatch.setenv("RADIOGRAM_MARK", "8")
    other, mark = serving()
    assert mark == "8" and other != first


def test_a_pool_that_is_closed_twice_lays_no_hand_on_what_others_use_by_then():
    limits = processes.Limits(60.0, 8e9, 0)
    first = isolation.Pool(isolated.pack(square, None), limits, size=1)
    first.run(pickle.dumps(2))
    first.close()
    second = isolation.Pool(isolated.pack(process, None), limits, size=1)
    first.close()
    assert not set(processes._kept) & second._all and second.run(pickle.dumps(0)).kind == "value"
    second.close()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["killed", "rested", "edited"])
def test_a_kept_process_that_is_not_as_good_as_a_new_one_is_replaced(lost, monkeypatch):
    (first,) = [o.value for o in run(process, [0], workers=1)]
    if lost == "killed":
        os.kill(first, signal.SIGKILL)
    elif lost == "rested":
        monkeypatch.setattr(isolated, "REST", 0.0)
    else:
        monkeypatch.setattr(processes, "_edited", lambda: time.time())
    (second,) = [o.value for o in run(process, [0], workers=1)]
    assert second != first and not psutil.pid_exists(first)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_cannot_begin_end_the_run_with_the_reason(workers):
    with pytest.raises(RadiogramError, match="the kernels cannot be loaded"):
        run(square, range(2), workers=workers, initialize=cannot_begin)
    with pytest.raises(RadiogramError, match="No process for cases can be started: segmentation fault"):
        run(square, range(2), workers=workers, initialize=begin_with_a_crash)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_with_other_packages_is_refused_by_name(workers, monkeypatch):
    other = {**isolated.versions(), "numpy": "1.0"}
    monkeypatch.setattr(isolated, "versions", lambda: other)
    with pytest.raises(RadiogramError, match=r"there is numpy \S+ on \S+ and 1.0 where the run was started"):
        run(square, range(2), workers=workers)


REASONS = {
    "segfault": "its process died, 2 times: segmentation fault (signal 11)",
    "hang": "gave no result within 0.1 minutes (execution.case_minutes)",
    "memory": "needed more than 0.4 GB of memory (execution.case_gigabytes)",
    "too much at once": "needed more memory than this machine has (Unable to allocate",
    "killed": "its process died, 2 times: killed (signal 9, from outside; where memory is short the system does so)",
    "abort": "its process died, 2 times: aborted (signal 6)",
}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_poisoned_cases_are_each_named_and_the_good_ones_lose_nothing(workers):
    items = [f"good{i}" for i in range(4)]
    for position, kind in enumerate(REASONS):
        items.insert(1 + 2 * position, kind)
    outcomes = {o.item: o for o in run(poison, items, workers=workers, case_minutes=0.1, case_gigabytes=0.4)}
    assert list(outcomes) == items
    for kind, reason in REASONS.items():
        assert outcomes[kind].value is None and outcomes[kind].error.startswith(reason)
    assert all(outcomes[kind].value == kind for kind in items if kind not in REASONS)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_case_whose_process_died_by_accident_is_tried_again(workers, tmp_path):
    assert [o.value for o in run(partial(fail_once, folder=tmp_path), range(4), workers=workers)] == [0, 1, 2, 3]
    assert [o.error for o in run(partial(fail_once, folder=tmp_path), [9], workers=workers, retries=0)] == [
        "its process died: segmentation fault (signal 11)"
    ]


@pytest.mark.slow
def test_a_poisoned_case_is_quarantined_and_those_in_line_behind_it_begin_once(tmp_path):
    outcomes = run(partial(attempts, folder=tmp_path), range(12), workers=2, retries=2)
    assert [o.item for o in outcomes if o.error] == [1]
    begun = {int(path.name): path.read_text().count("begun") for path in tmp_path.iterdir()}
    assert begun == {**dict.fromkeys(range(12), 1), 1: 3}


@pytest.mark.slow
def test_what_earlier_cases_left_behind_is_not_laid_on_a_later_one():
    outcomes = run(leak, range(20), workers=1, case_gigabytes=0.6)
    assert not [o.error for o in outcomes if o.error]
    assert 1 < max(o.value for o in outcomes) < 10  # fresh processes in between


@pytest.mark.slow
def test_a_crash_of_one_case_does_not_end_the_run():
    outcomes = run(die, range(4), workers=2, retries=0)
    assert [o.value for o in outcomes] == [0, None, 2, 3]
    assert outcomes[1].error == "its process died: it ended itself with status 9"


@pytest.mark.slow
def test_a_case_that_hangs_is_given_up():
    outcomes = run(sleep, range(4), workers=2, case_minutes=0.05)
    assert [o.value for o in outcomes] == [None, 1, 2, 3]
    assert "no result within 0.05 minutes" in outcomes[0].error


@pytest.mark.slow
def test_who_stops_listening_stops_the_processes():
    outcomes = cluster.map_cases(partial(slow_square, seconds=0.2), range(100), execution=execution(workers=2))
    assert next(outcomes).value == 0
    children = psutil.Process().children()
    assert len(children) >= 2
    outcomes.close()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


KILLED = """
import ctypes, json, sys, time
from helpers import cluster
from helpers.parameters import Execution

def hang(seconds):
    time.sleep(seconds)

if __name__ == "__main__":
    execution = Execution.model_validate(json.loads(sys.argv[1]))
    print(list(cluster.map_cases(hang, [600, 600], execution=execution)))
"""


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_behind(tmp_path, house):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    parent = subprocess.Popen([sys.executable, script, execution(workers=2).model_dump_json()], cwd=house)
    while len(children := psutil.Process(parent.pid).children(recursive=True)) < 2:
        time.sleep(0.1)
    time.sleep(1)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


@pytest.mark.slow
def test_a_hanging_process_that_nobody_watches_any_more_is_ended_by_its_alarm(monkeypatch):
    monkeypatch.setattr(processes, "GRACE", 0.5)
    pool = isolation.Pool(isolated.pack(poison, None), processes.Limits(1.0, 8e9, 0), size=1)
    (process,) = pool._all
    process.start(processes.Limits(60, 8e9, 0))
    process._send("case", pickle.dumps("hang"), 1.0 + processes.GRACE)
    assert process._child.wait(timeout=10) == -signal.SIGALRM


@pytest.fixture
def scheduler(house):
    """A Dask scheduler with as many worker processes as asked, started as on a cluster."""
    started = []

    def start(count, *options):
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        options_of_scheduler = ["--no-dashboard", "--scheduler-file", str(file)]
        started.append(subprocess.Popen([*command, *options_of_scheduler], cwd=house, **quiet))
        while not file.exists():
            time.sleep(0.1)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file)]
        command += ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", *options]
        started.extend(subprocess.Popen(command, cwd=house, **quiet) for _ in range(count))
        return json.loads(file.read_text())["address"], started[1:]

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        start.process = lambda: started[0]
        yield start
        for process in reversed(started):
            for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
                child.kill()
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_run_loses_nothing(scheduler):
    address, workers = scheduler(2, "--no-nanny")
    task = partial(slow_square, seconds=0.05)
    outcomes = []
    for outcome in cluster.map_cases(task, range(60), execution=execution(scheduler=address)):
        outcomes.append(outcome)
        if len(outcomes) == 10:
            workers[0].kill()
    assert outcomes == run(task, range(60), workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["scheduler", "workers"])
def test_a_cluster_that_goes_away_ends_the_run_with_a_sentence(which, scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "DESERTED", 1.0)
    monkeypatch.setattr(cluster, "FRESH", 0.5)
    address, workers = scheduler(2, "--no-nanny")
    outcomes = cluster.map_cases(partial(slow_square, seconds=0.2), range(100), execution=execution(scheduler=address))
    assert next(outcomes).value == 0
    for process in workers if which == "workers" else [scheduler.process()]:
        process.kill()
    with pytest.raises(RadiogramError, match="Run again: cases that were done are kept"):
        list(outcomes)


class Task:
    """A task that was done, and whose worker died before its result was fetched, `lost` times."""

    def __init__(self, lost):
        self.lost = lost

    def result(self, timeout):
        if self.lost:
            self.lost -= 1
            time.sleep(timeout)
            raise TimeoutError
        return "reply"


class Client:
    def __init__(self, threads):
        self.nthreads = lambda: threads


@pytest.mark.slow
def test_a_result_whose_worker_died_is_waited_for_while_others_may_do_it_again(monkeypatch):
    monkeypatch.setattr(cluster, "FRESH", 0.01)
    monkeypatch.setattr(cluster, "DESERTED", 0.3)
    assert cluster._Crew(Client({"tcp://other": 1})).fetch(Task(lost=5)) == "reply"
    with pytest.raises(RadiogramError, match="has had no worker for"):
        cluster._Crew(Client({})).fetch(Task(lost=100))


def kill_the_worker(x):
    if x == 2:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    time.sleep(0.2)
    return x


@pytest.mark.slow
def test_a_case_that_takes_its_worker_along_is_blamed_and_those_that_waited_there_are_not(scheduler):
    address, _ = scheduler(2)
    outcomes = run(kill_the_worker, range(12), scheduler=address)
    assert [o.value for o in outcomes] == [0, 1, None, *range(3, 12)]
    assert "its worker died" in outcomes[2].error


@pytest.mark.slow
def test_poisoned_cases_leave_the_workers_of_a_cluster_alone(scheduler):
    address, workers = scheduler(2, "--no-nanny")
    items = ["good0", "segfault", "good1", "hang", "good2"]
    outcomes = run(poison, items, scheduler=address, case_minutes=0.1)
    assert [o.value for o in outcomes] == ["good0", None, "good1", None, "good2"]
    assert [o.error for o in outcomes if o.error] == [REASONS["segfault"], REASONS["hang"]]
    assert all(worker.poll() is None for worker in workers)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(RadiogramError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        run(square, range(3), scheduler="tcp://127.0.0.1:1")


@pytest.mark.slow
def test_a_scheduler_without_workers_is_named(scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    address, _ = scheduler(0)
    with pytest.raises(RadiogramError, match="has no workers: start some with `dask worker tcp://"):
        run(square, range(3), scheduler=address)


@pytest.mark.slow
def test_the_memory_of_the_parent_stays_flat_over_two_thousand_cases():
    seen, process = [], psutil.Process()
    for outcome in cluster.map_cases(square, range(10, 2010), execution=execution(workers=2)):
        if outcome.item in (209, 2009):
            seen.append(process.memory_info().rss)
    assert seen[1] - seen[0] < 30e6


def test_a_pool_that_is_closed_says_so_to_whoever_waits():
    pool = isolation.Pool(isolated.pack(square, None), processes.Limits(60, 8e9, 1), size=1)
    pool.close()
    with pytest.raises(isolation.Closed):
        pool.run(b"")
