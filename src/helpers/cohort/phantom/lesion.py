"""The enhancing lesion: rim, necrotic core and edema, and how the latents show in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from helpers.cohort.phantom.anatomy import BRAIN, TISSUES, Head, Push, paint, size
from helpers.cohort.phantom.fields import Grid, border, noise


@dataclass(frozen=True)
class Subject:
    """What rendering needs to know of one patient; the label is not among it."""

    case: str
    center: str
    heterogeneity: float
    vascularity: float
    volume_ml: float


@dataclass(frozen=True)
class Appearance:
    """How one lesion looks. Each value follows a latent imperfectly, so that no single feature gives the latent away."""

    coarseness: float  # share of coarse grain in the rim's texture, 0 to 1
    amplitude: float  # strength of that texture, relative to the rim's signal
    irregularity: float  # of the outline and of the rim's thickness
    core_share: float  # of the lesion's volume that is necrotic
    patchiness: float  # strength of the edema's texture
    edema_mm: float  # reach of the edema beyond the lesion
    enhancement: float  # factor on the rim's uptake of contrast
    perfusion: float  # factor on the rim's blood flow
    diffusion: float  # factor on the rim's diffusion coefficient


@dataclass(frozen=True)
class Lesion:
    """box: where on the grid it is. inside: depth in mm below its true surface (negative outside), on the box.
    texture, patches: grain of the rim and of the edema, standard deviation 1, on the box. center: mm in the head's frame."""

    box: tuple[slice, slice, slice]
    inside: np.ndarray
    texture: np.ndarray
    patches: np.ndarray
    appearance: Appearance
    center: np.ndarray


# Correlation with heterogeneity of each thing it shows in.
SHOWS = {
    "coarseness": 0.9,
    "amplitude": 0.85,
    "irregularity": 0.75,
    "core": 0.75,
    "patchiness": 0.8,
    "perfusion": 0.4,
}


def appearance(subject: Subject, rng: np.random.Generator, *, visibility: float = 1.0) -> Appearance:
    """Latents (and chance) -> the look of the lesion; `visibility` is a factor on what the latents do, not on chance."""
    shown = visibility * subject.heterogeneity
    seen = {name: r * shown + np.sqrt(1 - r**2) * rng.standard_normal() for name, r in SHOWS.items()}
    vessels = 0.8 * visibility * subject.vascularity + 0.6 * rng.standard_normal()
    return Appearance(
        coarseness=float(expit(-0.2 + 1.7 * seen["coarseness"])),
        amplitude=float(0.19 * np.exp(0.4 * seen["amplitude"])),
        irregularity=float(0.12 * np.exp(0.35 * seen["irregularity"])),
        core_share=float(0.1 + 0.36 * expit(1.1 * seen["core"])),
        patchiness=float(0.13 * np.exp(0.45 * seen["patchiness"])),
        edema_mm=float(rng.uniform(9, 20)),
        enhancement=float(np.exp(0.08 * vessels + 0.06 * rng.standard_normal())),
        perfusion=float(np.exp(0.28 * vessels + 0.15 * seen["perfusion"])),
        diffusion=float(np.exp(-0.06 * seen["perfusion"] - 0.05 * vessels)),
    )


def place(grid: Grid, volume_ml: float, rng: np.random.Generator) -> Push:
    """Somewhere in the white matter of either hemisphere, deep enough for its radius."""
    radius = (volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    semi_axes, scale = size(grid)
    direction = np.array(
        [rng.uniform(0.2, 0.55), rng.uniform(-0.75, 0.75), rng.choice([-1, 1]) * rng.uniform(0.55, 0.9)]
    )
    direction /= np.linalg.norm(direction)
    reach = 1 - (BRAIN * scale + radius + rng.uniform(2, 9) * scale) / semi_axes[2]
    return Push(np.maximum(reach, 0.2) * direction * semi_axes, radius)


def grow(head: Head, push: Push, look: Appearance, volume_ml: float, rng: np.random.Generator) -> Lesion:
    """Grow the lesion into the head's maps, in place; its volume within the brain is `volume_ml`."""
    scale = head.scale
    box = _box(head, push, (look.edema_mm + 4) * scale + 1.3 * push.radius)
    z, y, x = (p[box] - c for p, c in zip(head.points, push.center, strict=True))
    stretch = np.exp(rng.normal(0, 0.1, 3))
    distance = np.sqrt((z * stretch[0]) ** 2 + (y * stretch[1]) ** 2 + (x * stretch[2]) ** 2)
    spacing, shape = head.grid.spacing, distance.shape
    outline = noise(rng, shape, spacing, scale=6.5 * scale)
    uneven = noise(rng, shape, spacing, scale=4.5 * scale)
    surface = distance / (1 + np.clip(look.irregularity * outline, -0.5, 0.5))
    surface = np.where(head.brain[box] > 0.5, surface, np.float32(1e3)).astype(np.float32)
    voxels = max(int(round(volume_ml / head.grid.voxel_ml)), 1)
    inside = _level(surface, voxels) - surface
    heart = inside + np.float32(12 * look.irregularity * scale) * uneven
    heart = np.where(inside > 1.5 * scale, heart, np.float32(-1e3))
    heart = heart + _level(-heart, max(int(voxels * look.core_share), 1))
    _fill(head, box, inside, heart, look)
    return Lesion(box, inside, *_textures(look, rng, shape, spacing, scale), look, push.center)


def _box(head: Head, push: Push, radius: float) -> tuple[slice, slice, slice]:
    """The grid around the voxel nearest to the lesion's center."""
    squared = sum((p - np.float32(c)) ** 2 for p, c in zip(head.points, push.center, strict=True))
    nearest = np.unravel_index(int(np.argmin(squared)), squared.shape)
    middle = (np.array(nearest) - (np.array(head.grid.shape) - 1) / 2) * head.grid.spacing
    return head.grid.box(middle, radius)


def _level(surface: np.ndarray, voxels: int) -> np.float32:
    """The level below which `surface` has that many voxels."""
    return np.partition(surface, min(voxels, surface.size - 1), axis=None)[min(voxels, surface.size - 1)]


def _fill(head: Head, box: tuple[slice, ...], inside: np.ndarray, heart: np.ndarray, look: Appearance) -> None:
    """Edema spreads through the white matter and fades; then the rim, then the core."""
    soft = float(np.mean(head.grid.spacing))
    maps = head.maps[(slice(None), *box)]
    reach = look.edema_mm * head.scale
    white = maps[TISSUES.index("white")] + 0.35 * maps[TISSUES.index("gray")]
    edema = np.clip((inside + reach) / (0.5 * reach), 0, 1) * np.clip(1.3 * white, 0, 1)
    paint(maps, "edema", 0.9 * edema)
    paint(maps, "rim", border(inside, soft) * head.brain[box])
    paint(maps, "core", border(heart, soft) * head.brain[box])


def _textures(
    look: Appearance, rng: np.random.Generator, shape: tuple[int, ...], spacing: tuple, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The grain of the rim, a mixture of fine and coarse by the look's coarseness; the patches of the edema."""
    fine = noise(rng, shape, spacing, scale=1.3 * scale)
    coarse = noise(rng, shape, spacing, scale=4.0 * scale)
    grain = np.sqrt(look.coarseness) * coarse + np.sqrt(1 - look.coarseness) * fine
    return grain.astype(np.float32), noise(rng, shape, spacing, scale=3.0 * scale)
