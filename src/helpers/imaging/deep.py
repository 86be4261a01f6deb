"""Deep features of a lesion: the slices where it is largest, through a 2-D network that was trained on photographs."""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from helpers.imaging import geometry, preprocess
from helpers.imaging.weights import default_configuration, file_digest, load, weights_path, weights_record
from helpers.parameters import Deep

if TYPE_CHECKING:
    import torch

__all__ = ["engine", "features", "feature_count", "load_backbone", "patches", "weights_record"]

WIDTHS = {"convnext_tiny": 768}  # known without importing timm, which takes seconds
ENGINE = 1  # raised when a change here changes a feature
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)  # of ImageNet's red, green and blue
SD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


def engine(deep: Deep, seed: int) -> dict[str, Any]:
    """Versions and weights that decide the numbers; part of every key of the store."""
    random = deep.weights == "random"
    weights = f"random {seed}" if random else file_digest(weights_path(deep.backbone, deep.weights))
    versions = {name: metadata.version(name) for name in ("torch", "timm", "simpleitk")}
    return {"engine": ENGINE, "weights": weights, **versions}


def features(
    scan: sitk.Image, lesion: sitk.Image, *, deep: Deep, window: tuple[float, float] | None, seed: int
) -> dict[str, float]:
    """deep_0, deep_1, ...: the network's pooled last layer, averaged over the slices; `lesion` is 0/1 on that grid.

    The slices of one lesion always form one batch, and the network runs on one thread: the same floats
    whatever else is computed, and by however many processes.
    """
    import torch

    torch.set_num_threads(1)  # of the calling thread, so here and not once a process
    network = load_backbone(deep, seed)
    batch = torch.from_numpy(patches(scan, lesion, deep=deep, window=window))
    with torch.inference_mode():
        pooled = network(batch).mean(dim=0).double().tolist()
    return {f"deep_{i}": value for i, value in enumerate(pooled)}


def patches(scan: sitk.Image, lesion: sitk.Image, *, deep: Deep, window: tuple[float, float] | None) -> np.ndarray:
    """Network input (slices, 3, size, size), float32: squares of the largest axial slices, `margin` mm beyond it.

    `window` gives the intensities of black and white; None takes them from the lesion's own box, as where units
    are physical (an SUV map) the body does not set the scale.
    """
    oriented = axial(scan)
    values = sitk.GetArrayViewFromImage(oriented)
    mask = sitk.GetArrayFromImage(axial(lesion)) != 0
    spacing = np.array(oriented.GetSpacing())[1::-1]  # y, x
    box = geometry.box(mask)
    low, high = window or np.percentile(values[box], preprocess.WINDOW)
    # The square and the slices are the lesion's, not a slice's: all patches of a lesion share one scale.
    grid = _square(box[1:], spacing, margin=deep.margin, size=deep.size)
    chosen = largest_slices(mask, deep.slices)
    slices = [ndimage.map_coordinates(values[z], grid, order=1, mode="nearest") for z in chosen]
    gray = np.clip((np.stack(slices) - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    return np.ascontiguousarray((gray[:, None] - MEAN[:, None, None]) / SD[:, None, None])


def largest_slices(mask: np.ndarray, count: int) -> list[int]:
    """Positions of the `count` axial slices of largest lesion area, ascending; fewer where the lesion has fewer."""
    areas = np.count_nonzero(mask, axis=(1, 2))
    chosen = np.argsort(-areas, kind="stable")[:count]
    return sorted(int(z) for z in chosen if areas[z])


def axial(volume: sitk.Image) -> sitk.Image:
    """The volume with its third axis along the body and rows from front to back, however it was acquired."""
    return sitk.DICOMOrient(volume, "LPS")


def _square(box: tuple[slice, slice], spacing: np.ndarray, *, margin: float, size: int) -> np.ndarray:
    """Positions (2, size, size) in voxels, y then x, of the centers of the pixels of a square of lesion and margin."""
    center = np.array([(edge.start + edge.stop - 1) / 2 for edge in box]) * spacing
    side = max((edge.stop - edge.start) * s for edge, s in zip(box, spacing, strict=True)) + 2 * margin
    offset = ((np.arange(size) + 0.5) / size - 0.5) * side
    y, x = ((center[axis] + offset) / spacing[axis] for axis in range(2))
    return np.stack(np.meshgrid(y, x, indexing="ij"))


@lru_cache(maxsize=2)
def load_backbone(deep: Deep, seed: int) -> torch.nn.Module:
    """The network without classifier, in evaluation mode; loaded once a process.

    Raises RadiogramError for an unknown backbone or weights that are not there or do not fit.
    """
    import timm
    import torch

    default_configuration(deep.backbone)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = timm.create_model(deep.backbone, pretrained=False, num_classes=0)
    if deep.weights != "random":
        load(network, weights_path(deep.backbone, deep.weights))
    return network.eval()


@lru_cache
def feature_count(backbone: str) -> int:
    """Length of the network's pooled last layer. Raises RadiogramError for an unknown backbone."""
    if backbone in WIDTHS:
        return WIDTHS[backbone]
    import timm
    import torch

    default_configuration(backbone)
    with torch.device("meta"):
        return timm.create_model(backbone, pretrained=False, num_classes=0).num_features
