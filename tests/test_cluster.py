from __future__ import annotations

import os
import time

import pytest

from helpers import cluster, study
from helpers.errors import CaseError, RadiogramError


def execution(**changed):
    return study.load("demo", overrides=[f"execution.{k}={v}" for k, v in changed.items()]).parameters.execution


def square(x):
    if x == 3:
        raise CaseError("case 3 is flat")
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


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_order_and_one_bad_case_does_not_stop_them(workers):
    outcomes = list(cluster.map_cases(square, range(6), execution=execution(workers=workers)))
    assert [o.value for o in outcomes] == [0, 1, 4, None, 16, 25]
    assert [o.error for o in outcomes] == [None, None, None, "case 3 is flat", None, None]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_stops_every_case_stops_the_run(workers):
    with pytest.raises(RadiogramError, match="no weights"):
        list(cluster.map_cases(disagree, range(3), execution=execution(workers=workers)))


@pytest.mark.slow
def test_a_crash_of_one_case_does_not_end_the_run():
    outcomes = list(cluster.map_cases(die, range(4), execution=execution(workers=2, retries=0)))
    assert [o.value for o in outcomes] == [0, None, 2, 3]
    assert "process died" in outcomes[1].error


@pytest.mark.slow
def test_a_case_that_hangs_is_given_up():
    outcomes = list(cluster.map_cases(sleep, range(4), execution=execution(workers=2, case_minutes=0.05)))
    assert [o.value for o in outcomes] == [None, 1, 2, 3]
    assert "no result within 0.05 minutes" in outcomes[0].error


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(RadiogramError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        list(cluster.map_cases(square, range(3), execution=execution(scheduler="tcp://127.0.0.1:1")))


@pytest.mark.slow
def test_cases_can_be_handed_to_a_running_scheduler():
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as running:
        settings = execution(scheduler=running.scheduler_address)
        assert [o.value for o in cluster.map_cases(square, range(3), execution=settings)] == [0, 1, 4]
