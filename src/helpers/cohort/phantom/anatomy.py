"""The head: soft maps of its tissues on the grid, from analytic shapes folded by a smooth random field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.cohort.phantom.fields import Grid, border, noise

TISSUES = ("scalp", "skull", "fluid", "gray", "white", "sinus", "edema", "rim", "core")

# Semi-axes z, y, x of the head and the place of its middle, as shares of the field of view. Its lower part is cut off.
SEMI_AXES = np.array([0.62, 0.46, 0.44])
MIDDLE = np.array([-0.14, 0.0, 0.0])

# The same for an adult's head, in mm: a larger field of view holds more air, a smaller one a smaller head.
ADULT = np.array([75.0, 81.0, 70.0])

# Depths in mm below the skin of an adult; all lengths below are an adult's and shrink with the head.
SKULL, BRAIN = 5.5, 12.0

# Deep structures, mirrored left and right: tissue, then center and semi-axes (z, y, x) in mm from the head's middle.
DEEP = (
    ("gray", (18, -6, 11), (9, 13, 8)),  # thalamus
    ("gray", (21, 7, 24), (9, 15, 6)),  # lentiform nucleus
    ("gray", (30, 18, 12), (7, 10, 5)),  # head of the caudate nucleus
    ("fluid", (16, -4, 0), (9, 12, 2.2)),  # third ventricle
)


@dataclass(frozen=True)
class Head:
    """maps: share of each tissue in each voxel, (9, z, y, x) in the order of TISSUES; the rest of the voxel is air.
    points: z, y and x of each voxel in mm in the head's own frame. depth: mm below the skin.
    brain: share of the voxel inside the dura. scale: size relative to an adult's head."""

    grid: Grid
    maps: np.ndarray
    points: list[np.ndarray]
    depth: np.ndarray
    brain: np.ndarray
    scale: float


@dataclass(frozen=True)
class Push:
    """Displacement of the tissue around a growing lesion: its center (z, y, x in mm) and radius in mm."""

    center: np.ndarray
    radius: float


def head(grid: Grid, push: Push, rng: np.random.Generator) -> Head:
    """One patient's head: size, pose and folds of the cortex are the patient's own."""
    typical, scale = size(grid)
    semi_axes = typical * rng.uniform(0.95, 1.0, 3)
    points = _pose(grid, rng)
    depth = _depth(points, semi_axes)
    tissue = _displace(points, depth, push, scale)
    folds = noise(rng, grid.shape, grid.spacing, scale=4.2 * scale)
    soft = float(np.mean(grid.spacing))
    maps = np.zeros((len(TISSUES), *grid.shape), np.float32)
    brain = border(depth - BRAIN * scale, soft)
    _layers(maps, depth, brain, folds, scale, soft)
    _interior(maps, [p / np.float32(scale) for p in tissue], brain, folds)
    _sinus(maps, points, depth, scale)
    return Head(grid, maps, points, depth, brain, scale)


def size(grid: Grid) -> tuple[np.ndarray, float]:
    """Typical semi-axes (z, y, x) in mm of a head on this grid, and its length relative to an adult's."""
    semi_axes = np.minimum(grid.extent * SEMI_AXES, ADULT)
    return semi_axes, float(semi_axes[1] / ADULT[1])


def paint(maps: np.ndarray, tissue: str, share: np.ndarray) -> None:
    """Lay a tissue over what is there, in place: `share` of each voxel becomes that tissue."""
    touched = share > 0
    part = share[touched]
    column = maps[:, touched] * (1 - part)
    column[TISSUES.index(tissue)] += part
    maps[:, touched] = column


def _pose(grid: Grid, rng: np.random.Generator) -> list[np.ndarray]:
    """Coordinates in the head's own frame (mm): the head lies a little turned and shifted in the field of view."""
    turn, tilt, roll = np.radians(rng.normal(0, (4, 4, 2.5)))
    z, y, x = (axis - m for axis, m in zip(grid.axes(), MIDDLE * grid.extent + rng.normal(0, 1.2, 3), strict=True))
    x, y = x + np.float32(turn) * y, y - np.float32(turn) * x
    y, z = y + np.float32(tilt) * z, z - np.float32(tilt) * y
    x, z = x + np.float32(roll) * z, z - np.float32(roll) * x
    return [np.broadcast_to(p, grid.shape).astype(np.float32) for p in (z, y, x)]


def _depth(points: list[np.ndarray], semi_axes: np.ndarray) -> np.ndarray:
    """Depth below the surface of an ellipsoid narrower in front, to first order a distance in mm."""
    z, y, x = (p / np.float32(a) for p, a in zip(points, semi_axes, strict=True))
    x = x * (1 + 0.1 * y)
    inner = np.sqrt(z**2 + y**2 + x**2)
    slope = np.sqrt((z / semi_axes[0]) ** 2 + (y / semi_axes[1]) ** 2 + (x / semi_axes[2]) ** 2)
    return (inner * (1 - inner) / np.maximum(slope, np.float32(1e-3))).astype(np.float32)


def _displace(points: list[np.ndarray], depth: np.ndarray, push: Push, scale: float) -> list[np.ndarray]:
    """Where each voxel's tissue would lie without the lesion; the skull does not give way."""
    away = [p - np.float32(c) for p, c in zip(points, push.center, strict=True)]
    distance = np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2) + np.float32(1)
    yielding = np.clip((depth - BRAIN * scale) / (15 * scale), 0, 1)
    shift = 0.45 * push.radius * np.exp(-((distance / (1.7 * push.radius)) ** 2)) * yielding / distance
    return [p - shift * a for p, a in zip(points, away, strict=True)]


def _layers(
    maps: np.ndarray, depth: np.ndarray, brain: np.ndarray, folds: np.ndarray, scale: float, soft: float
) -> None:
    """Scalp, skull with its marrow, fluid with the folded cortex, white matter."""
    paint(maps, "scalp", border(depth, soft))
    bone = border(depth - SKULL * scale, soft)
    paint(maps, "skull", bone)
    marrow = 0.35 * border(1.2 * scale - np.abs(depth - (SKULL + BRAIN) / 2 * scale), soft)
    paint(maps, "scalp", marrow)
    paint(maps, "fluid", brain)
    below = depth / np.float32(scale) - BRAIN
    sulcus = np.clip(0.3 * (1 - below / 24), 0, None)
    away = np.abs(folds) - sulcus  # in units of the folds: a cortex 3 mm thick is about half a unit
    cortex = np.clip(np.minimum(below - 1.6, away / 0.16 + 0.6), 0, 1)
    paint(maps, "gray", cortex * brain)
    white = np.clip(np.minimum((below - 5) / 2, np.where(below < 24, (away - 0.45) / 0.3, below - 23)), 0, 1)
    paint(maps, "white", white * brain)


def _interior(maps: np.ndarray, points: list[np.ndarray], brain: np.ndarray, folds: np.ndarray) -> None:
    """Deep gray matter, ventricles and the fissure between the hemispheres."""
    z, y, x = points
    side = np.abs(x)
    inner = brain > 0.99
    for tissue, (cz, cy, cx), (az, ay, ax) in DEEP:
        radius = np.sqrt(((z - cz) / az) ** 2 + ((y - cy) / ay) ** 2 + ((side - cx) / ax) ** 2)
        paint(maps, tissue, border((1 - radius) * min(az, ay, ax), 2.2) * inner)
    lateral = 7.5 + 0.0075 * (y - 2) ** 2 * np.where(y < 2, 1, 0.8)  # horns diverge before and behind
    radius = np.sqrt(((z - 30 - 0.12 * y) / 10) ** 2 + (y / 38) ** 2 + ((side - lateral) / 7.5) ** 2)
    paint(maps, "fluid", border((1 - radius) * 7.5, 2.2) * inner)
    middle = np.maximum(np.maximum(z - 44, np.abs(y) - 42), 0)
    fissure = np.clip(1.4 + 0.25 * folds - side, 0, 1) * np.clip(middle / 4, 0, 1)
    paint(maps, "fluid", fissure * brain)


def _sinus(maps: np.ndarray, points: list[np.ndarray], depth: np.ndarray, scale: float) -> None:
    """The superior sagittal sinus, under the bone along the midline from the vertex to the back of the head."""
    z, y, x = (p / np.float32(scale) for p in points)
    under = np.abs(depth / np.float32(scale) - BRAIN - 1.5)
    behind = np.where(y < 0, z > -20, z > 45)
    paint(maps, "sinus", np.clip(3.2 - np.abs(x), 0, 1) * np.clip(3.2 - under, 0, 1) * behind)
