"""Synthetic patients for the extraction benchmark: brain-like volumes with a lesion that two readers outline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

SHAPE = (155, 240, 240)  # z, y, x; 1 mm voxels
SEQUENCES = ("T1", "T1c", "T2", "FLAIR")
CENTER = np.array([80.0, 125.0, 105.0])
AXES = np.array([1.0, 1.25, 0.8])  # of the lesion's ellipsoid, before scaling to its volume


@dataclass(frozen=True)
class Patient:
    """Files of one patient: an image a sequence, and the masks of two readers."""

    images: tuple[Path, ...]
    masks: tuple[Path, ...]


def patient(folder: Path, *, cm3: float, seed: int = 1) -> Patient:
    """Write one patient whose lesion has about `cm3`; the same seed gives the same voxels."""
    rng = np.random.default_rng(seed)
    inside = _ellipsoid(np.array(SHAPE) / 2 - 0.5, np.array([68.0, 88.0, 70.0]))
    masks = [_lesion(rng, cm3=cm3, moved=moved) for moved in (0.0, 1.0)]
    images = []
    for number, name in enumerate(SEQUENCES):
        values = _tissue(rng, inside, masks[0], contrast=150.0 + 60 * number)
        images.append(_write(folder / f"{name}.nii.gz", values))
    return Patient(tuple(images), tuple(_write(folder / f"mask{i}.nii.gz", mask) for i, mask in enumerate(masks, 1)))


def _tissue(rng: np.random.Generator, inside: np.ndarray, lesion: np.ndarray, *, contrast: float) -> np.ndarray:
    """Air of 0, tissue around 600 with folds of a few millimeters, a heterogeneous lesion, and scanner noise; int16."""
    folds = _smooth(rng, 3.0) * 120
    uneven = _smooth(rng, 2.0) * 90
    values = np.where(inside, 600 + folds + lesion * (contrast + uneven) + rng.normal(0, 15, SHAPE), 0)
    return np.clip(values, 0, 4000).astype(np.int16)


def _smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE, dtype=np.float32), sigma)
    return field / field.std()


def _lesion(rng: np.random.Generator, *, cm3: float, moved: float) -> np.ndarray:
    """An ellipsoid with an uneven edge; `moved` mm apart is another reader's."""
    radius = (3 * cm3 * 1000 / (4 * np.pi)) ** (1 / 3)
    edge = 1 + 0.06 * _smooth(rng, 6.0)
    return _ellipsoid(CENTER + moved, AXES * radius * edge[..., None]).astype(np.uint8)


def _ellipsoid(center: np.ndarray, axes: np.ndarray) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    return (((grid - center) / axes) ** 2).sum(axis=-1) <= 1


def _write(path: Path, values: np.ndarray) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    return path
