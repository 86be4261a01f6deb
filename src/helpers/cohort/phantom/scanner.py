"""The scanner: tissues -> signal of a sequence, and what a center's machine makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.cohort.phantom.anatomy import TISSUES, Head
from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.fields import Grid, noise, smooth
from helpers.cohort.phantom.latents import PRESCRIPTION
from helpers.cohort.phantom.lesion import Lesion
from helpers.cohort.phantom.masks import one_piece
from helpers.errors import RadiogramError


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue (in the order of TISSUES), how much of the lesion's textures shows, the sigma in mm of
    the sequence's own blur, and whether the signal is a physical quantity: no gain, no bias field, blank outside."""

    signal: tuple[float, ...]
    grain: float = 1.0
    patches: float = 0.0
    blur: float = 0.0
    physical: bool = False


# Signal of: scalp, skull, fluid, gray, white, sinus, edema, rim, core. ADC in 1e-6 mm2/s, CBF in ml/100 g/min.
CONTRASTS = {
    "T1": Contrast((950, 140, 190, 500, 660, 420, 470, 480, 330), grain=0.35),
    "T1c": Contrast((950, 150, 200, 520, 670, 1250, 480, 1130, 420), grain=1.0),
    "T2": Contrast((620, 110, 1300, 640, 440, 250, 860, 720, 1150), grain=0.7, patches=0.7),
    "FLAIR": Contrast((560, 110, 150, 600, 490, 250, 960, 790, 600), grain=1.0, patches=1.0),
    "ADC": Contrast((0, 0, 2900, 830, 740, 900, 1350, 1050, 1800), grain=-0.6, patches=0.5, blur=1.2, physical=True),
    "CBF": Contrast((0, 0, 4, 62, 24, 80, 14, 58, 5), grain=1.0, blur=2.0, physical=True),
}
KNOWN = (*CONTRASTS, "DOSE")

# The margin (mm) around the early lesion that gets the prescribed dose, and the fall-off (mm) outside.
MARGIN, FALL_OFF = 8.0, 18.0
ISODOSE = 0.95  # of the prescribed dose, which outlines the target


@dataclass(frozen=True)
class Machine:
    """A center's scanner for one sequence: gain, linear and quadratic bias (log signal at the edge of the field of
    view), noise as a share of white matter's signal, and the sigma in mm of its blur."""

    gain: float
    bias: np.ndarray
    noise: float
    blur: float


def check(sequences: tuple[str, ...]) -> None:
    """Raises RadiogramError for the first sequence that the phantom cannot make."""
    for sequence in sequences:
        if sequence not in KNOWN:
            raise RadiogramError(
                f"cohort.sequences names {sequence}, which the phantom cannot make: choose among {', '.join(KNOWN)}."
            )


def machine(seed: int, center: str, sequence: str) -> Machine:
    """The same for every patient of a center."""
    rng = stream(seed, center, sequence)
    return Machine(
        gain=float(np.exp(rng.normal(0, 0.25))),
        bias=rng.normal(0, 0.1, 6),
        noise=float(rng.uniform(0.02, 0.055)),
        blur=float(rng.uniform(0.2, 1.1)),
    )


def acquire(head: Head, lesion: Lesion, sequence: str, machine: Machine, rng: np.random.Generator) -> np.ndarray:
    """One scan of one head, float32 (z, y, x), in the units of the sequence."""
    if sequence == "DOSE":
        return _dose(head, lesion, rng)
    contrast = CONTRASTS[sequence]
    image = _signal(head, lesion, contrast, sequence)
    image = smooth(image, head.grid.spacing, float(np.hypot(machine.blur, contrast.blur)) * head.scale)
    white = contrast.signal[TISSUES.index("white")]
    if contrast.physical:
        image = image + machine.noise * white * noise(rng, image.shape, head.grid.spacing, scale=1.0)
        return np.where(head.brain > 0.5, np.maximum(image, 0), 0).astype(np.float32)
    gain = machine.gain * np.exp(rng.normal(0, 0.05))
    image = image * _bias(head.grid, machine.bias + rng.normal(0, 0.02, 6))
    sigma = np.float32(machine.noise * white)
    real, imaginary = (sigma * rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
    return np.float32(gain) * np.hypot(image + real, imaginary)


def _signal(head: Head, lesion: Lesion, contrast: Contrast, sequence: str) -> np.ndarray:
    """Sum of the tissues' signals; rim and edema carry their textures, the core a little of the rim's."""
    look, signal = lesion.appearance, np.array(contrast.signal, dtype=np.float32)
    edema, rim, core = (TISSUES.index(tissue) for tissue in ("edema", "rim", "core"))
    signal[rim] *= {"T1c": look.enhancement, "CBF": look.perfusion, "ADC": look.diffusion}.get(sequence, 1.0)
    image = np.tensordot(signal, head.maps, axes=1)
    maps = head.maps[(slice(None), *lesion.box)]
    grain = signal[rim] * maps[rim] + 0.6 * signal[core] * maps[core]
    image[lesion.box] += np.float32(contrast.grain * look.amplitude) * grain * lesion.texture
    image[lesion.box] += np.float32(contrast.patches * look.patchiness) * signal[edema] * maps[edema] * lesion.patches
    return np.maximum(image, 0)


def _bias(grid: Grid, terms: np.ndarray) -> np.ndarray:
    """A smooth multiplicative field: linear and quadratic along each axis."""
    lines = [axis / (size / 2) for axis, size in zip(grid.axes(), grid.extent, strict=True)]
    factors = [np.exp(a * u + b * (u**2 - 1 / 3)) for a, b, u in zip(terms[:3], terms[3:], lines, strict=True)]
    return (factors[0] * factors[1] * factors[2]).astype(np.float32)


def target(head: Head, lesion: Lesion, rng: np.random.Generator) -> np.ndarray:
    """The target volume, uint8 (z, y, x): what the plan gives 95 % of the prescription, by the random numbers of DOSE."""
    inside = (_planned(head, lesion, rng) >= ISODOSE) & (head.depth > 0)
    return one_piece(inside).astype(np.uint8)


def _dose(head: Head, lesion: Lesion, rng: np.random.Generator) -> np.ndarray:
    """Dose in Gy: as planned, with the unevenness of a few beams."""
    planned = _planned(head, lesion, rng)
    beams = 1 + 0.03 * noise(rng, planned.shape, head.grid.spacing, scale=10 * head.scale)
    return np.where(head.depth > 0, PRESCRIPTION * beams * planned, 0).astype(np.float32)


def _planned(head: Head, lesion: Lesion, rng: np.random.Generator) -> np.ndarray:
    """Share of the prescription around where the tumor was when it was irradiated: near the lesion, not quite where it is now."""
    early = lesion.center + rng.normal(0, 5 * head.scale, 3)
    radius = head.scale * (MARGIN + rng.uniform(14, 24))
    distance = np.sqrt(sum((p - np.float32(c)) ** 2 for p, c in zip(head.points, early, strict=True)))
    shells = np.maximum(distance - np.float32(radius), 0) / np.float32(FALL_OFF * head.scale)
    return 0.92 * np.exp(-(shells**1.4)) + 0.08 * np.exp(-shells / 3)
