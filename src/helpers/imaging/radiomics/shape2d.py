"""Size and form of a lesion in one slice, by PyRadiomics' definitions (its class shape2D, with `force2D`)."""

from __future__ import annotations

import numpy as np

from helpers.errors import CaseError
from helpers.imaging.radiomics import shape, surface
from helpers.imaging.radiomics.settings import Settings

NAMES = (
    "Elongation",
    "MajorAxisLength",
    "MaximumDiameter",
    "MeshSurface",
    "MinorAxisLength",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "PixelSurface",
    "Sphericity",
)
DEPRECATED = ("SphericalDisproportion",)

# Marching squares, lines halfway between pixels: which share of a cell between four pixels lies inside, by how many
# of them do; two pixels inside that are diagonal are kept apart, two triangles.
SHARE = np.array([0, 1 / 8, 1 / 2, 7 / 8, 1])


def measure(plane: np.ndarray, *, spacing: tuple[float, float]) -> np.ndarray:
    """The features in the order of NAMES, in mm and mm2; nan where one is not defined.

    `plane` is boolean (rows, columns), the lesion's one slice cropped to its box, not empty; `spacing` is that of
    rows and columns in mm (`in_plane` gives both).
    """
    dy, dx = (float(step) for step in spacing)
    inside = shape.padded(plane)
    area, perimeter = _outline(inside, dy, dx)
    _, extremes = surface.scan(shape.padded(plane[None]))
    diameter = surface.diameters(extremes, (1.0, dy, dx))[0]
    minor, major = shape.variances(np.array(np.nonzero(inside)) * np.array([[dy], [dx]]))
    with np.errstate(divide="ignore", invalid="ignore"):
        elongation = np.sqrt(minor / major)
    long, short = 4 * np.sqrt([major, minor])
    sphericity, pixels = 2 * np.sqrt(np.pi * area) / perimeter, np.count_nonzero(plane) * (dx * dy)
    return np.array([elongation, long, diameter, area, short, perimeter, perimeter / area, pixels, sphericity])


def deprecated(found: np.ndarray) -> np.ndarray:
    """The features in the order of DEPRECATED, from those of `measure`."""
    return 1 / found[[NAMES.index("Sphericity")]]


def in_plane(
    lesion: np.ndarray, *, spacing: tuple[float, float, float], settings: Settings
) -> tuple[np.ndarray, tuple[float, float]]:
    """The one slice of a lesion (z, y, x) across `force2d_dimension` (0: z), and the spacing in its plane.

    Raises CaseError when the lesion lies in more than one slice.
    """
    axis = settings.force2d_dimension
    if lesion.shape[axis] > 1:
        raise CaseError(
            f"the lesion spans {lesion.shape[axis]} slices along {'zyx'[axis]}, and shape2D needs one: ask for shape "
            "instead, or give a mask of one slice."
        )
    rows, columns = (step for i, step in enumerate(spacing) if i != axis)
    return lesion.squeeze(axis=axis), (rows, columns)


def _outline(inside: np.ndarray, dy: float, dx: float) -> tuple[float, float]:
    """Area (mm2) and perimeter (mm) of a lesion (y, x) with a margin of one pixel outside it."""
    upper_left, upper_right, lower_left, lower_right = (
        inside[:-1, :-1],
        inside[:-1, 1:],
        inside[1:, :-1],
        inside[1:, 1:],
    )
    count = upper_left + upper_right + lower_left + lower_right
    cells = np.bincount(count.ravel(), minlength=5)
    pair = count == 2
    vertical = np.count_nonzero(pair & (upper_left == lower_left))
    horizontal = np.count_nonzero(pair & (upper_left == upper_right))
    apart = cells[2] - vertical - horizontal
    area = (cells @ SHARE - apart / 4) * dy * dx
    slanted = (cells[1] + cells[3] + 2 * apart) * np.hypot(dy, dx) / 2
    return area, vertical * dy + horizontal * dx + slanted
