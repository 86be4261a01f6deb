"""Patients who share a scan: every scan's fingerprint against every other's.

A fingerprint holds the hash of the voxels' values, and what a small picture of the scan and one of the lesion's
surroundings show: block means, which noise, rounding and another file format hardly change. Scans of one body part
resemble each other, so each picture is compared by what sets it apart from the cohort's mean picture. Of different
patients the correlation of these differences stayed below 0.85 in 400 phantoms (same anatomy, three scanners) and
51 sarcomas (T1 and PET); of the same scan rescaled, with 5 or 20 % of noise, in 256 steps or moved by a voxel it was at
least 0.95 in one of the two pictures. A scan resampled to other voxels may be missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from helpers import prose
from helpers.errors import CaseError
from helpers.imaging import extract, geometry, grids, labels, read, store
from helpers.imaging.extract import ImageRow
from helpers.parameters import Parameters
from helpers.study import Study
from helpers.tables import DECLARED

ENGINE = 1  # raised when a change here changes a fingerprint
SIDE = 12  # blocks along each axis
MARGIN = 10.0  # mm around the lesion's box
ALIKE = 0.95  # correlation from which two pictures count as one scan
SEEN = 0.4  # of the lesion's pictures, without which two heads that are alike are two registered patients
FAR = 6.0  # robust standard deviations (Fisher's z) above the cohort's median that a pair must lie as well
IDENTICAL, NEARLY = "identical images", "nearly identical images"
COHORT = 8  # scans from which on a mean picture means something; among fewer only identical ones are told

Fingerprint = dict[str, Any]  # content (hash) and features (block means by name), as the store keeps it


def table(
    study: Study, images: pd.DataFrame, cases: pd.DataFrame, *, mapper: Callable[[Callable, Iterable], Iterator]
) -> pd.DataFrame:
    """The table `duplicates`: pairs of `cases` (case, patient, part) of different patients, the most alike first.

    `mapper` as for extract.features. A case whose scans cannot be read is left out: extraction gives the reason.
    """
    main = images[(images["reader"] == extract.MAIN) & images["case"].isin(cases["case"])]
    items = [extract.image_rows(frame) for _, frame in main.groupby("case", sort=True)]
    task = partial(of_case, parameters=study.parameters, folder=study.store)
    found = {outcome.item[0].case: outcome.value for outcome in mapper(task, items) if outcome.error is None}
    pairs = []
    for sequence in dict.fromkeys(main["sequence"]):
        own = {case: by_sequence[sequence] for case, by_sequence in found.items() if sequence in by_sequence}
        pairs += [(a, b, sequence, kind, value) for a, b, kind, value in alike(own)]
    return _among_patients(pairs, cases)


def of_case(rows: Sequence[ImageRow], *, parameters: Parameters, folder: Path) -> dict[str, Fingerprint]:
    """The fingerprint of each sequence of one case, from the store where it has it. Raises CaseError as reading does."""
    scans, found = extract.scan_files(rows), {}
    for row in rows:
        drawn_on = scans.get(parameters.imaging.mask_space or row.sequence, row.image)
        files = [read.digest(row.image), read.digest(row.mask, what="mask", image=row.image), read.digest(drawn_on)]
        label = labels.of_sequence(parameters.imaging.mask_label, row.sequence)
        values = label if isinstance(label, int | str) else list(label)
        key = store.key(kind="fingerprint", engine={"engine": ENGINE}, files=files, label=values, reading=read.RULES)
        held = store.read(folder, key)
        if held is None:
            scan, rule = read.image(row.image), parameters.imaging.mask_reference
            on = scan if drawn_on == row.image else read.image(drawn_on)
            mask, _ = read.mask_on(row.mask, on, drawn_on, label=label, reference=rule)
            held = fingerprint(scan, mask)
            store.write(folder, key, held)
        found[row.sequence] = held
    return found


def fingerprint(scan: sitk.Image, lesion: sitk.Image) -> Fingerprint:
    """Hash and block means of a scan; `lesion` (nonzero inside) lies where the scan lies, on any grid.

    The orientation and number type of the file do not matter. Raises CaseError for a mask that misses the scan.
    """
    scan = sitk.DICOMOrient(scan, "LPS")
    values = sitk.GetArrayFromImage(scan)
    within = sitk.GetArrayFromImage(grids.resample_mask(lesion, scan)) != 0
    if not within.any():
        raise CaseError("the mask does not lie on the scan.")
    margins = np.ceil(MARGIN / np.array(scan.GetSpacing()[::-1])).astype(int)
    edges = zip(geometry.box(within), margins, values.shape, strict=True)
    near = values[tuple(slice(max(0, e.start - m), min(n, e.stop + m)) for e, m, n in edges)]
    pictures = {"whole": block_means(values), "lesion": block_means(near)}
    content = hashlib.sha256(repr(values.shape).encode() + np.ascontiguousarray(values, dtype="<f8").tobytes())
    means = {f"{name}_{i}": float(v) for name, means in pictures.items() for i, v in enumerate(means.ravel())}
    return {"content": content.hexdigest(), "features": means}


def block_means(values: np.ndarray) -> np.ndarray:
    """Means (SIDE, SIDE, SIDE) of equal blocks of a volume, voxels on a border shared by their parts."""
    for axis in range(3):
        parts = _shares(values.shape[axis])
        values = np.moveaxis(np.tensordot(parts, values, axes=(1, axis)), 0, axis)
    return values


def alike(fingerprints: dict[str, Fingerprint]) -> list[tuple[str, str, str, float]]:
    """(case, case, kind, similarity) of scans of one sequence that are identical, or nearly so, the most alike first."""
    cases = sorted(fingerprints)
    content = np.array([fingerprints[case]["content"] for case in cases])
    first, second = np.triu_indices(len(cases), 1)
    identical = content[first] == content[second]
    similarity, near = _similar(cases, fingerprints, first, second)
    chosen = np.flatnonzero(identical | near)
    rows = [
        (cases[first[i]], cases[second[i]], IDENTICAL, 1.0)
        if identical[i]
        else (cases[first[i]], cases[second[i]], NEARLY, float(similarity[i]))
        for i in chosen
    ]
    return sorted(rows, key=lambda row: (-row[3], row[2], *row[:2]))


def sentence(duplicates: pd.DataFrame, *, cases: int) -> str:
    """What was found among that many cases, in words; no case is named."""
    compared = f"Every scan was compared with those of all other patients ({prose.count(cases, 'case')})"
    if duplicates.empty:
        return f"{compared}: no two are the same, or nearly."
    pairs = duplicates.drop_duplicates(["case_a", "case_b"])
    counts = pairs["kind"].value_counts()
    told = prose.listing([f"{prose.count(int(n), 'pair')} with {kind}" for kind, n in counts.items()])
    split = pairs["parts"].str.split(", ", expand=True)
    apart = int((split[0] != split[1]).sum())
    across = f"; {apart} of them on both sides of the split" if apart else ""
    return f"{compared}: there {'is' if counts.sum() == 1 else 'are'} {told}{across}. The same patient under two names?"


def _similar(
    cases: list[str], fingerprints: dict[str, Fingerprint], first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair, the larger correlation of its two pictures, and whether they show one scan."""
    if len(cases) < COHORT:
        return np.ones(len(first)), np.zeros(len(first), dtype=bool)
    means = np.array([list(fingerprints[case]["features"].values()) for case in cases])
    whole, lesion = (_correlations(half)[first, second] for half in np.split(means, 2, axis=1))
    same = _stands_out(lesion) | (_stands_out(whole) & (lesion > SEEN))
    return np.maximum(whole, lesion), same


def _correlations(pictures: np.ndarray) -> np.ndarray:
    """(n, n) of pictures (n, blocks), each on its own scale and less the mean picture."""
    scaled = _standardized(pictures)
    apart = _standardized(scaled - scaled.mean(axis=0))
    return np.clip(apart @ apart.T / pictures.shape[1], -1.0, 1.0)


def _standardized(rows: np.ndarray) -> np.ndarray:
    centered = rows - rows.mean(axis=1, keepdims=True)
    return centered / np.maximum(centered.std(axis=1, keepdims=True), 1e-12)


def _stands_out(correlations: np.ndarray) -> np.ndarray:
    """Pairs that are alike, and more so than this cohort's scans resemble each other."""
    z = np.arctanh(np.clip(correlations, -0.999999, 0.999999))
    middle = np.median(z)
    spread = 1.4826 * np.median(np.abs(z - middle))
    return (correlations > ALIKE) & (z > middle + FAR * spread)


def _shares(count: int) -> np.ndarray:
    """(SIDE, count): the share that each of `count` voxels in a row has in each block's mean."""
    edges = np.linspace(0, count, SIDE + 1)
    starts, ends = edges[:-1, None], edges[1:, None]
    voxel = np.arange(count)[None, :]
    overlap = np.clip(np.minimum(ends, voxel + 1) - np.maximum(starts, voxel), 0, None)
    return overlap * (SIDE / count)


def _among_patients(pairs: list[tuple[str, str, str, str, float]], cases: pd.DataFrame) -> pd.DataFrame:
    """Pairs less those of one patient, whose cases the split keeps together."""
    found = pd.DataFrame(pairs, columns=["case_a", "case_b", "sequence", "kind", "similarity"])
    patient, part = (cases.set_index("case")[name].astype(str) for name in ("patient", "part"))
    parts = [f"{part[a]}, {part[b]}" for a, b in zip(found["case_a"], found["case_b"], strict=True)]
    found["parts"] = pd.Series(parts, dtype=object)
    other = found["case_a"].map(patient) != found["case_b"].map(patient)
    return found.loc[other.to_numpy(dtype=bool), list(DECLARED["duplicates"].names)].reset_index(drop=True)
