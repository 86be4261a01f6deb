"""Gray levels of a lesion, as PyRadiomics bins them, and whether their number makes sense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.errors import CaseError
from helpers.parameters import Radiomics

FEW_LEVELS = 8
SUGGESTED_LEVELS = 32


@dataclass(frozen=True)
class Levels:
    """A lesion's discretized box: `matrix` int (z, y, x; 0 outside the lesion) and the levels that occur in it."""

    matrix: np.ndarray
    present: np.ndarray


def discretize(values: np.ndarray, lesion: np.ndarray, *, settings: Radiomics, name: str) -> Levels:
    """Bin the lesion's intensities by `bin_count` or by `bin_width`; `name` is the image type, for the sentence.

    Raises CaseError when a width would give more than `maximum_levels` levels, before anything is allocated.
    """
    inside = values[lesion]
    if settings.bin_count:
        edges = _edges_of_count(inside, settings.bin_count)
    else:
        check_width(inside, settings=settings, name=name)
        edges = _edges_of_width(inside, settings.bin_width)
    matrix = np.zeros(values.shape, dtype=int)
    matrix[lesion] = np.digitize(inside, edges)
    return Levels(matrix, np.unique(matrix[lesion]))


def _edges_of_count(inside: np.ndarray, bin_count: int) -> np.ndarray:
    edges = np.histogram_bin_edges(inside, bin_count)
    edges[-1] += 1  # PyRadiomics' way of counting the maximum into the last level
    return edges


def check_width(inside: np.ndarray, *, settings: Radiomics, name: str) -> None:
    """Raises CaseError when `bin_width` cuts these intensities into more than `maximum_levels`."""
    low, high, width = float(inside.min()), float(inside.max()), settings.bin_width
    levels = int(np.floor(high / width) - np.floor(low / width)) + 1
    if levels > settings.maximum_levels:
        suggested = float(f"{(high - low) / SUGGESTED_LEVELS:.2g}")
        raise CaseError(
            f"radiomics.bin_width {width:g} cuts the lesion's range {low:.4g} to {high:.4g} ({name} image) into "
            f"{levels:,} gray levels, more than radiomics.maximum_levels ({settings.maximum_levels}): "
            f"use a width near {suggested:g}, or radiomics.bin_count."
        )


def _edges_of_width(inside: np.ndarray, width: float) -> np.ndarray:
    low, high = inside.min(), inside.max()
    edges = np.arange(low - (low % width), high + 2 * width, width)
    return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])


def warning(levels: Levels) -> str:
    """A note when so few gray levels occur that texture says little; "" otherwise."""
    count = len(levels.present)
    occur = "gray level occurs" if count == 1 else "gray levels occur"
    return f"only {count} {occur} in the lesion: texture says little" if count < FEW_LEVELS else ""
