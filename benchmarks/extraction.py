"""Radiomics features of a synthetic patient by Radiogram and by PyRadiomics, in turns: python benchmarks/extraction.py."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import brain
import SimpleITK as sitk
import yaml

THREADS = 2
EXECUTIONS = len(brain.SEQUENCES) * 2

Features = dict[str, float]
Timed = tuple[list, float, float]


@dataclass(frozen=True)
class Row:
    """One configuration: whether filters see the mask's surroundings alone (pad5) or the whole volume (full)."""

    crop: str
    cm3: int
    bin_width: int

    @property
    def name(self) -> str:
        return f"{self.crop}-{self.cm3}-{self.bin_width}"


ROWS = [
    Row("pad5", 5, 25), Row("pad5", 20, 25), Row("pad5", 60, 25), Row("pad5", 20, 5),
    Row("full", 5, 25), Row("full", 20, 25), Row("full", 60, 25),
]  # fmt: skip
QUICK = ["pad5-20-25"]
HEADER = (
    "| case | PyRadiomics, serial | two processes | Radiogram, 2 threads | ratio serial / two | core seconds, serial / Radiogram "
    "| worst relative difference | beyond 1e-6 |"
)


def settings_file(folder: Path, row: Row) -> Path:
    """PyRadiomics' own settings: every class on the original, five LoG and eight wavelet images."""
    crop = {"preCrop": True, "padDistance": 5} if row.crop == "pad5" else {}
    content = {
        "imageType": {"Original": {}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}, "Wavelet": {"wavelet": "coif1"}},
        "featureClass": dict.fromkeys(("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")),
        "setting": {
            "normalize": True,
            "normalizeScale": 100,
            "binWidth": row.bin_width,
            "additionalInfo": False,
            **crop,
        },
    }
    path = folder / f"{row.name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def plain(settings: Path, image: Path, mask: Path) -> Features:
    """One execution of PyRadiomics' extractor on two files, as its users call it."""
    found = extractor(settings).execute(str(image), str(mask))
    return {name: float(value) for name, value in found.items()}


@cache
def extractor(settings: Path) -> Any:
    """Settings are read once, by both."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    return RadiomicsFeatureExtractor(str(settings))


def plain_serial(settings: Path, images: tuple[Path, ...], masks: tuple[Path, ...]) -> list[Features]:
    return [plain(settings, image, mask) for image in images for mask in masks]


def plain_parallel(
    pool: ProcessPoolExecutor, settings: Path, images: tuple[Path, ...], masks: tuple[Path, ...]
) -> list[Features]:
    """The same executions by two processes that have everything imported."""
    tasks = [(settings, image, mask) for image in images for mask in masks]
    return list(pool.map(plain, *zip(*tasks, strict=True)))


def fast(settings: Path, images: tuple[Path, ...], masks: list[sitk.Image]) -> list[Features]:
    """Radiogram's engine on two threads, a sequence each, read once and filtered once for both masks.

    The masks themselves are read once a patient.
    """
    from helpers.imaging.radiomics import measure

    def of(image: Path) -> list[Features]:
        found = measure.execute(sitk.ReadImage(str(image)), masks, settings=own(settings))
        return [one.features for one in found]

    with ThreadPoolExecutor(THREADS) as pool:
        return [one for found in pool.map(of, images) for one in found]


@cache
def own(settings: Path) -> Any:
    from helpers.imaging.radiomics.settings import Settings

    return Settings.read(settings)


def read(paths: tuple[Path, ...]) -> list[sitk.Image]:
    return [sitk.ReadImage(str(path)) for path in paths]


def timed(work: Callable[[], list]) -> Timed:
    """What the work gives, its seconds on the clock, and those of this process's cores."""
    started, busy = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - started, time.process_time() - busy


def trial(row: Row, folder: Path, *, repeats: int, pool: ProcessPoolExecutor) -> str:
    """The table's line of one configuration; the ways take turns at two sequences, ours oftener as it is short."""
    settings, patient = settings_file(folder, row), _patient(folder, row)
    masks = read(patient.masks)
    ours = partial(fast, settings, masks=masks)
    theirs = partial(plain_serial, settings, masks=patient.masks)
    two = partial(plain_parallel, pool, settings, masks=patient.masks)
    ours(patient.images)  # kernels are compiled or loaded
    ways = {"serial": theirs, "fast": ours, "two": two, "fast again": ours, "fast once more": ours}
    turns = [
        {name: timed(partial(work, patient.images[i : i + THREADS])) for name, work in ways.items()}
        for _ in range(repeats)
        for i in range(0, len(patient.images), THREADS)
    ]
    return _line(row, turns, reading=timed(partial(read, patient.masks)))


def _line(row: Row, turns: list[dict[str, Timed]], *, reading: Timed) -> str:
    """Seconds of a patient: a turn is two of its sequences, of which ours counts by the median of its runs."""
    from helpers.imaging.radiomics import parity

    def total(which: int, *names: str) -> float:
        patients = len(turns) * THREADS / len(brain.SEQUENCES)
        return sum(median(turn[name][which] for name in names) for turn in turns) / patients

    ours = [total(which, "fast", "fast again", "fast once more") + reading[which] for which in (1, 2)]
    pairs = [pair for turn in turns for pair in zip(turn["fast"][0], turn["serial"][0], strict=True)]
    compared = [parity.compare(*pair) for pair in pairs]
    worst = max(compared, key=lambda one: one.worst)
    cells = [
        f"{row.crop}, {row.cm3} cm3, {row.bin_width}",
        f"{total(1, 'serial'):.2f} s",
        f"{total(1, 'two'):.2f}",
        f"{ours[0]:.3f}",
        f"{total(1, 'serial') / ours[0]:.0f} / {total(1, 'two') / ours[0]:.0f}",
        f"{total(2, 'serial'):.2f} / {ours[1]:.2f}",
        f"{worst.worst:.1g} ({worst.worst_feature})",
        f"{sum(one.beyond for one in compared)} of {sum(one.features for one in compared):,}",
    ]
    return f"| {' | '.join(cells)} |"


def _patient(folder: Path, row: Row) -> brain.Patient:
    place = folder / f"{row.cm3}cm3"
    place.mkdir(exist_ok=True)
    return brain.patient(place, cm3=row.cm3)


def memory(row: Row, folder: Path) -> str:
    """Peak resident memory of a process that does one patient and nothing else."""
    _patient(folder, row)
    peaks = {}
    for who in ("plain", "fast"):
        command = [sys.executable, __file__, "--child", who, "--only", row.name, "--folder", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[who] = json.loads(done.stdout.splitlines()[-1])
    return f"| {row.crop}, {row.cm3} cm3 | {peaks['plain']:.2f} GB | {peaks['fast']:.2f} GB | {peaks['fast'] / peaks['plain']:.2f} |"


def child(who: str, row: Row, folder: Path) -> None:
    """Print the peak memory of one patient; plain PyRadiomics needs one execution for its own."""
    place = folder / f"{row.cm3}cm3"
    patient = brain.Patient(
        tuple(place / f"{name}.nii.gz" for name in brain.SEQUENCES), tuple(place / f"mask{i}.nii.gz" for i in (1, 2))
    )
    settings = settings_file(folder, row)
    if who == "fast":
        fast(settings, patient.images, read(patient.masks))
    else:
        plain(settings, patient.images[0], patient.masks[0])
    # ru_maxrss would be that of the parent where it is larger: a child is counted from before it became a program.
    print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9)


def seconds(rows: list[Row], folder: Path, *, repeats: int) -> None:
    print(
        f"Synthetic patients ({len(brain.SEQUENCES)} sequences x 2 readers = {EXECUTIONS} executions of 1,316 features, "
        f"240 x 240 x 155 voxels, reading included), {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}, "
        f"{repeats} turns.\n"
    )
    print(HEADER)
    print(f"{'|---' * (HEADER.count(' | ') + 1)}|", flush=True)
    with ProcessPoolExecutor(THREADS) as pool:
        list(pool.map(_imported, range(2 * THREADS)))
        for row in rows:
            print(trial(row, folder, repeats=repeats, pool=pool), flush=True)


def memories(rows: list[Row], folder: Path) -> None:
    print("| peak memory | PyRadiomics | Radiogram | ratio |\n|---|---|---|---|")
    for row in rows:
        print(memory(row, folder), flush=True)


def _imported(_: int) -> None:
    import radiomics.featureextractor  # noqa: F401

    time.sleep(0.2)  # so that each process gets one


def main() -> None:
    names = [row.name for row in ROWS]
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", nargs="+", choices=names, default=names, help="rows: crop-cm3-bin width")
    asked.add_argument("--quick", action="store_true", help="one row, one turn")
    asked.add_argument("--repeats", type=int, default=2)
    asked.add_argument("--memory", action="store_true", help="peak memory instead of seconds")
    asked.add_argument("--child", choices=("plain", "fast"), help=argparse.SUPPRESS)
    asked.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    rows = [row for row in ROWS if row.name in (QUICK if given.quick else given.only)]
    if given.child:
        child(given.child, rows[0], given.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.memory:
            memories(rows, Path(folder))
        else:
            seconds(rows, Path(folder), repeats=1 if given.quick else given.repeats)


if __name__ == "__main__":
    main()
