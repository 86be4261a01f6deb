"""What two workers do against one that does half, and what the parent holds: python benchmarks/cluster.py."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import SimpleITK as sitk

from helpers import cluster
from helpers import study as studies
from helpers.imaging import extract, store, store_keeping
from helpers.imaging.radiomics import measure
from helpers.study import Study

STUDY = """
cohort: {sequences: [T1]}
radiomics: {image_types: [original], classes: [firstorder, glcm]}
deep: {enabled: false}
imaging: {minimum_voxels: 8}
"""
ENTRIES, FEATURES = 1000, 1500
# Dask's looks at itself take as much as a worker's share of cases of 10 ms; whoever starts a scheduler may turn them off.
UNWATCHED = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}


def case(folder: Path, number: int) -> dict[str, str]:
    """A noise head of 10 x 12 x 12 voxels with a lesion of 5 x 5 x 5."""
    values = (1000 + 300 * np.random.default_rng(number).standard_normal((10, 12, 12))).astype(np.float32)
    mask = np.zeros(values.shape, dtype=np.uint8)
    mask[3:8, 4:9, 4:9] = 1
    paths = {name: str(folder / f"{number:05d}_{name}.nii") for name in ("image", "mask")}
    sitk.WriteImage(sitk.GetImageFromArray(values), paths["image"])
    sitk.WriteImage(sitk.GetImageFromArray(mask), paths["mask"])
    return {"case": f"P{number:05d}", "sequence": "T1", "reader": "reader1", **paths}


@contextmanager
def scheduler(workers: int) -> Iterator[str]:
    """Address of a Dask scheduler with so many workers, each a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file, quiet = Path(folder) / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        quiet["env"] = {**os.environ, **UNWATCHED}
        options = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        program = [sys.executable, "-m", "distributed.cli.dask_"]
        started = [subprocess.Popen([*program[:2], f"{program[2]}scheduler", "--port", "0", *options], **quiet)]
        while not file.exists():
            time.sleep(0.1)
        command = [*program[:2], f"{program[2]}worker", "--nthreads", "1", "--no-nanny", *options]
        started += [subprocess.Popen(command, **quiet) for _ in range(workers)]
        try:
            yield json.loads(file.read_text())["address"]
        finally:
            for process in started[::-1]:
                process.kill()
                process.wait()


def run(place: Path, images: pd.DataFrame, **execution: object) -> tuple[float, float, float]:
    """Seconds from the first outcome to the last but those at once with it, seconds in all, and MB gained meanwhile."""
    parameters = studies.load(place / "small.yaml").parameters
    settings = parameters.execution.model_copy(update=execution)
    seen: list[tuple[float, float]] = []

    def mapper(function, items):
        mapped = cluster.map_cases(function, items, execution=settings, initialize=measure.warm)
        for outcome in mapped:
            seen.append((time.perf_counter(), psutil.Process().memory_info().rss))
            yield outcome

    with tempfile.TemporaryDirectory(dir=place) as runs:
        started = time.perf_counter()
        extract.features(Study("small", parameters, Path(runs) / "small"), images, mapper=mapper)
        total = time.perf_counter() - started
    tenth = len(seen) // 10
    return (seen[-1][0] - seen[tenth][0]) / 0.9, total, (seen[-1][1] - seen[tenth][1]) / 1e6


def efficiency(place: Path, *, cases: int, repeats: int) -> None:
    """One worker on half the cases and two on all of them, turn by turn; medians."""
    (place / "small.yaml").write_text(STUDY)
    images = pd.DataFrame([case(place, number) for number in range(cases)])
    kinds = {"local": lambda count: partial(run, workers=count), "scheduler": _with_scheduler}
    for kind, runner in kinds.items():
        ratios, half, memory = [], [], []
        for _ in range(repeats):
            one = runner(1)(place, images[: cases // 2])
            two = runner(2)(place, images)
            half.append(one)
            memory.append(two[2])
            ratios.append((one[0] / two[0], one[1] / two[1]))
        steady, whole = (statistics.median(r[i] for r in ratios) for i in (0, 1))
        pace = statistics.median(2000 * h[0] / cases for h in half)
        print(
            f"| {kind}, {cases:,} cases | {pace:.1f} ms a case | efficiency {steady:.2f}, with starting {whole:.2f} | "
            f"parent +{statistics.median(memory):.0f} MB |"
        )


def _with_scheduler(count: int):
    def runner(place: Path, images: pd.DataFrame) -> tuple[float, float, float]:
        with scheduler(count) as address:
            return run(place, images, scheduler=address)

    return runner


def entries(place: Path) -> None:
    """The store: 1,000 entries of 1,500 features written, read and verified."""
    values = np.random.default_rng(0).normal(size=(ENTRIES, FEATURES)).tolist()
    names = [f"wavelet-HHH_glcm_FeatureOfSomeLength{i}" for i in range(FEATURES)]
    keys = [store.key(kind="radiomics", engine={"engine": 1}, number=i) for i in range(ENTRIES)]
    started = time.perf_counter()
    for key, row in zip(keys, values, strict=True):
        store.write(place / "store", key, {"features": dict(zip(names, row, strict=True))})
    written = time.perf_counter()
    for key in keys:
        store.read(place / "store", key)
    read = time.perf_counter()
    store_keeping.verify(place / "store")
    verified = time.perf_counter()
    size = sum(path.stat().st_size for path in (place / "store").rglob("*.features")) / ENTRIES / 1e3
    print(f"| store, {ENTRIES:,} entries of {FEATURES:,} features | write {written - started:.2f} s | ", end="")
    print(f"read {read - written:.2f} s | verify {verified - read:.2f} s, {size:.0f} kB each |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=2000)
    options.add_argument("--repeats", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure.warm()
        entries(Path(folder))
        efficiency(Path(folder), cases=chosen.cases, repeats=chosen.repeats)


if __name__ == "__main__":
    main()
