"""Radiomics of a real cohort with perturbed masks, and what PyRadiomics would take: python benchmarks/sarcoma.py FOLDER."""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers.cluster import map_cases
from helpers.cohort import enroll
from helpers.imaging import audit, extract
from helpers.study import Study, load

WORKERS = 2
SETTINGS = {
    "setting": {"binCount": 32, "additionalInfo": False},
    "imageType": {"Original": {}, "LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}, "Wavelet": {}},
    "featureClass": dict.fromkeys(("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")),
}


def study(root: Path, folder: Path, *, perturbations: int) -> Study:
    """The shipped study with every filter, its store empty."""
    changes = [
        f"cohort.root={root}",
        "radiomics.image_types=[original, log, wavelet]",
        "radiomics.log_sigma=[1, 2, 3, 4, 5]",
        f"imaging.perturbations={perturbations}",
        f"execution.workers={WORKERS}",
    ]
    return Study("sarcoma", load("sts-metastasis", overrides=changes).parameters, folder / "sarcoma")


def ours(of: Study, images: pd.DataFrame, *, with_audit: bool) -> tuple[float, int, int]:
    """Seconds of the whole extraction, from files to the table; masks, and features of a reader's masks."""
    started = time.perf_counter()
    mapper = partial(map_cases, execution=of.parameters.execution)
    features, geometry, exclusions = extract.features(of, images, mapper=mapper)[:3]
    if with_audit:
        audit.table(of, images, features, mapper=mapper)
    seconds = time.perf_counter() - started
    for row in exclusions.itertuples():
        print(f"excluded: {row.reason}")
    return seconds, len(geometry), features.shape[1] - 2


def sampled(images: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows of `count` patients spread evenly over the sizes of their lesions on the first sequence."""
    first = images[images["sequence"] == images["sequence"].iloc[0]]
    voxels = [np.count_nonzero(sitk.GetArrayFromImage(sitk.ReadImage(path))) for path in first["mask"]]
    order = first["case"].to_numpy()[np.argsort(voxels)]
    chosen = order[np.round((np.arange(count) + 0.5) / count * len(order) - 0.5).astype(int)]
    return images[images["case"].isin(chosen)]


def theirs(row: tuple[str, str, bool]) -> float:
    """Seconds of PyRadiomics' extractor on one image and mask, files included."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    image, mask, normalize = row
    setting = {**SETTINGS["setting"], "normalize": normalize}
    started = time.perf_counter()
    RadiomicsFeatureExtractor({**SETTINGS, "setting": setting}).execute(image, mask)
    return time.perf_counter() - started


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def run(root: Path, folder: Path, *, perturbations: int, patients: int, with_audit: bool) -> None:
    of = study(root, folder, perturbations=perturbations)
    images = enroll.enroll(of).images
    seconds, masks, features = ours(of, images, with_audit=with_audit)
    print(
        f"Radiogram, {WORKERS} workers: {images['case'].nunique()} patients, {masks:,} masks (the drawn one and "
        f"{perturbations} perturbed, each sequence), {features:,} features a mask set, {minutes(seconds)} "
        f"({seconds / masks:.3f} s a mask), audit {'included' if with_audit else 'apart'}.",
        flush=True,
    )
    sample = sampled(images, patients)
    rows = [(row.image, row.mask, row.sequence == "T1") for row in sample.itertuples()]
    serial = [theirs(row) for row in rows]
    started = time.perf_counter()
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(theirs, rows))
    two = (time.perf_counter() - started) / len(rows)
    for name, each in (("serial", float(np.mean(serial))), (f"{WORKERS} processes", two)):
        total = each * masks
        print(
            f"PyRadiomics, {name}: {each:.1f} s a mask on {len(rows)} masks of {patients} patients, "
            f"extrapolated to {masks:,} masks: {minutes(total)}, {total / seconds:.0f} x"
        )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("root", type=Path, help="the folder with outcome.csv, clinical.csv and nifti/")
    asked.add_argument("--perturbations", type=int, default=10)
    asked.add_argument("--patients", type=int, default=3, help="patients that PyRadiomics is timed on")
    asked.add_argument("--audit", action="store_true", help="with the run's own audit by PyRadiomics")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(
            given.root.resolve(),
            Path(folder),
            perturbations=given.perturbations,
            patients=given.patients,
            with_audit=given.audit,
        )


if __name__ == "__main__":
    main()
