"""Extraction survives what happens to long runs: crashes, hangs, kills, and workers that go; the tables do not change."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import SimpleITK as sitk
import yaml

from helpers import cluster
from helpers import study as studies
from helpers.imaging import extract, store_keeping
from helpers.parameters import Execution
from helpers.study import Study

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).resolve().parents[1]
SMALL = """
cohort: {sequences: [T1]}
radiomics: {image_types: [original], classes: [firstorder, glcm]}
deep: {enabled: false}
imaging: {minimum_voxels: 8}
"""


def execution(**changed):
    defaults = yaml.safe_load((HOUSE / "params" / "_defaults.yaml").read_text())["execution"]
    return Execution.model_validate({**defaults, **changed})


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """`images` of so many small cases, made once."""
    folder = tmp_path_factory.mktemp("scans")
    made = []

    def images(count):
        made.extend(_write_case(folder, number) for number in range(len(made), count))
        return pd.DataFrame(made[:count])

    return images


def _write_case(folder, number):
    """A blurred noise head of 10 x 12 x 12 voxels with a lesion of 5 x 5 x 5."""
    rng = np.random.default_rng(number)
    values = (1000 + 300 * rng.standard_normal((10, 12, 12))).astype(np.float32)
    mask = np.zeros(values.shape, dtype=np.uint8)
    mask[3:8, 4:9, 4:9] = 1
    paths = {}
    for name, array in (("image", values), ("mask", mask)):
        paths[name] = str(folder / f"{number:04d}_{name}.nii")
        sitk.WriteImage(sitk.GetImageFromArray(array), paths[name])
    return {"case": f"P{number:04d}", "sequence": "T1", "reader": "reader1", **paths}


@pytest.fixture
def small_study(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return lambda name: Study("small", studies.load(path).parameters, tmp_path / name / "small")


def tables(study, images, *, mapper, watch=lambda: None):
    """Bytes of the tables that extraction hands over."""

    def watched(function, items):
        for outcome in mapper(function, items):
            watch()
            yield outcome

    made = extract.features(study, images, mapper=watched)
    names = ("features", "geometry", "exclusions")
    for name, frame in zip(names, made[:3], strict=True):
        study.tables.write(name, frame)
    return {name: study.tables.path(name).read_bytes() for name in names}


def mapper(**changed):
    return partial(cluster.map_cases, execution=execution(**changed))


def planted(rows, *, function):
    """Measures a case, unless it is one of those that no exception handler survives."""
    case = rows[0].case
    if case == "P0003":
        ctypes.string_at(0)
    if case == "P0005":
        ctypes.PyDLL(None).sleep(600)
    if case == "P0008":
        held = []
        while True:
            held.append(np.ones(10_000_000))
    return function(rows)


@pytest.mark.parametrize("workers", [1, 2])
def test_cases_that_crash_hang_or_eat_memory_are_excluded_by_name_and_the_run_goes_on(workers, small, small_study):
    images = small(12)
    limited = mapper(workers=workers, case_minutes=0.3, case_gigabytes=1.5)

    def poisoned(function, items):
        return limited(partial(planted, function=function), items)

    study = small_study("planted")
    tables(study, images, mapper=poisoned)
    excluded = study.tables.read("exclusions")
    assert dict(zip(excluded["case"], excluded["reason"], strict=True)) == {
        "P0003": "its process died, 2 times: segmentation fault (signal 11)",
        "P0005": "gave no result within 0.3 minutes (execution.case_minutes)",
        "P0008": "needed more than 1.5 GB of memory (execution.case_gigabytes)",
    }
    good = images[~images["case"].isin(excluded["case"])]
    assert tables(small_study("good"), good, mapper=limited)["features"] == study.tables.path("features").read_bytes()


@pytest.fixture
def cluster_of_two(tmp_path):
    """Address of a Dask scheduler with two workers on this machine, and the processes of the workers."""
    file, quiet = tmp_path / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    program = [sys.executable, "-m"]
    options = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    started = [
        subprocess.Popen([*program, "distributed.cli.dask_scheduler", "--port", "0", *options], cwd=HOUSE, **quiet)
    ]
    while not file.exists():
        time.sleep(0.1)
    worker = [*program, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *options]
    started += [subprocess.Popen(worker, cwd=HOUSE, **quiet) for _ in range(2)]
    yield json.loads(file.read_text())["address"], started[1:]
    for process in started[::-1]:
        process.kill()
        process.wait()


def test_two_thousand_cases_on_two_workers_of_which_one_is_killed(small, small_study, cluster_of_two):
    """Tables as from one process; nothing lost; the memory of the run stays flat."""
    images = small(2000)
    address, workers = cluster_of_two
    memory = []

    def watch():
        memory.append(psutil.Process().memory_info().rss)
        if len(memory) == 700:
            workers[0].kill()

    study = small_study("cluster")
    found = tables(study, images, mapper=mapper(scheduler=address), watch=watch)
    assert len(study.tables.read("features")) == 2000 and study.tables.read("exclusions").empty
    assert memory[-1] - memory[200] < 60e6
    assert found == tables(small_study("serial"), images, mapper=mapper(workers=1))
    assert store_keeping.verify(study.store).sound == 2000


PHANTOM = """
cohort:
  source: phantom
  endpoints: [{name: progression, positive: "yes", negative: "no"}]
  sequences: [T1c]
phantom: {patients: 20, shape: [20, 28, 26], spacing: [6.0, 6.0, 6.0]}
radiomics: {image_types: [original], classes: [shape, firstorder]}
deep: {enabled: false}
imaging: {minimum_voxels: 8}
"""
RUN = """
import sys
from helpers import study as studies
from helpers.cohort import enroll
from helpers.imaging import extract
from helpers.run import mapper

if __name__ == "__main__":
    study = studies.load(sys.argv[1], overrides=["execution.workers=2"])
    if not study.tables.exists("truth"):
        enroll.write(study, enroll.enroll(study, mapper=mapper(study, label="scans")))
    made = extract.features(study, enroll.images(study), mapper=mapper(study, label="cases"))
    for name, frame in zip(("features", "geometry", "exclusions"), made, strict=False):
        study.tables.write(name, frame)
"""


def test_a_run_killed_at_twenty_moments_ends_with_the_same_tables_and_a_clean_store(tmp_path):
    """Killed at random, sometimes with all its processes, sometimes alone; started again each time where it was."""
    (tmp_path / "phantom.yaml").write_text(PHANTOM)
    (tmp_path / "run.py").write_text(RUN)

    def start(runs):
        environment = {**os.environ, "RADIOGRAM_RUNS": str(tmp_path / runs)}
        command = [sys.executable, tmp_path / "run.py", tmp_path / "phantom.yaml"]
        return subprocess.Popen(command, cwd=HOUSE, env=environment)

    def written(runs):
        return {path.name: path.read_bytes() for path in (tmp_path / runs / "phantom" / "tables").glob("*.parquet")}

    began = time.monotonic()
    assert start("whole").wait() == 0
    duration, expected = time.monotonic() - began, written("whole")
    made = ("features.parquet", "geometry.parquet")
    chance, kills = random.Random(1), 0
    while kills < 20:
        process, began = start("killed"), time.monotonic()
        try:
            assert process.wait(timeout=chance.uniform(0.2, 1.0) * duration) == 0
            assert written("killed") == expected
            # The first run may have been slowed by others: moments to kill at come earlier, else runs finish and none is killed.
            duration = max(time.monotonic() - began, 0.8 * duration)
            shutil.rmtree(tmp_path / "killed" / "store")
            for name in made:
                (tmp_path / "killed" / "phantom" / "tables" / name).unlink()
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for child in children if chance.random() < 0.5 else []:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            process.wait()
            kills += 1
            assert written("killed").items() <= expected.items()
            assert not store_keeping.verify(tmp_path / "killed" / "store").damaged
    assert start("killed").wait() == 0
    assert written("killed") == expected
    found = store_keeping.verify(tmp_path / "killed" / "store")
    assert not found.damaged and found.sound == store_keeping.verify(tmp_path / "whole" / "store").sound > 0
