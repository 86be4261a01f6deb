"""Slices in the order of their places, checked for what is missing or twice, as one volume."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from helpers.errors import CaseError
from helpers.imaging.formats import pixels
from helpers.imaging.formats.location import enumerated
from helpers.imaging.formats.planes import FACTS, Plane

NOISE = 0.1  # mm; positions are often written with one decimal
SAME = 0.01  # mm; nearer slices share a place
PARALLEL = 1e-3  # largest difference of direction cosines
STEEPEST = 60.0  # degrees of gantry tilt that are still made straight


@dataclass(frozen=True)
class Stack:
    """Slices from first to last along their normal, `step` mm apart; `drift` is how far each lies from the
    straight stack, in mm along (row, column); notes say what is unusual."""

    planes: tuple[Plane, ...]
    step: float
    drift: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def spacing(self) -> tuple[float, float, float]:
        """mm between voxels along x, y, z."""
        rows, columns = self.planes[0].spacing
        return columns, rows, self.step

    @property
    def angle(self) -> float:
        """Degrees between the stack and the normal of its slices: the tilt of the gantry."""
        height = self.step * (len(self.planes) - 1)
        return float(np.degrees(np.arctan2(np.linalg.norm(self.drift[-1]), height))) if self.tilted else 0.0

    @property
    def tilted(self) -> bool:
        return bool(np.abs(self.drift).max() > NOISE)


def picked(planes: Sequence[Plane], filters: dict[str, str], *, where: str) -> list[Plane]:
    """The planes whose facts are as `filters` say (numbers by value, words by glob). Raises CaseError for none."""
    kept = list(planes)
    for name, wanted in filters.items():
        keyword = next((fact for fact in FACTS if fact.casefold() == name.casefold()), None)
        if keyword is None:
            raise CaseError(f"{where}: slices cannot be chosen by {name}, but by {enumerated(FACTS)}.")
        values = dict.fromkeys(plane.facts.get(keyword, "") for plane in kept)
        kept = [plane for plane in kept if _alike(plane.facts.get(keyword, ""), wanted)]
        if not kept:
            raise CaseError(f"{where} has no slices of {keyword} {wanted}, but of {enumerated(list(values))}.")
    return kept


def arrange(planes: Sequence[Plane], *, where: str) -> Stack:
    """Sort slices along their normal, never by name or number.

    Raises CaseError for slices of different size, spacing or orientation, for several at one place, for a
    missing slice, uneven distances, or slices that wander sideways.
    """
    _check_alike(planes, where)
    first = planes[0]
    places = np.array([plane.position for plane in planes])
    along = places @ first.normal
    order = np.argsort(along, kind="stable")
    planes, along = [planes[i] for i in order], along[order]
    _check_once(planes, along, where)
    notes = []
    if len(planes) == 1:
        step, note = _thickness(planes[0], where)
        notes.append(note)
    else:
        step = _step(planes, along, where)
    drift = (places[order] - planes[0].position) @ np.array([first.along_row, first.down_column]).T
    stack = Stack(tuple(planes), step, drift, tuple(notes))
    return _straight(stack, along, where)


def volume(stack: Stack) -> tuple[sitk.Image, str]:
    """The rescaled intensities (float64) of a stack as an image, and a note ("" when nothing is unusual).

    Slices of a tilted gantry are shifted within their own planes, by linear interpolation, until they stand
    straight: no slice mixes with another, and what lies outside the field of view gets the lowest intensity.
    """
    values, notes = _values(stack.planes), list(stack.notes)
    low = np.zeros(2)
    if stack.tilted:
        values, low = _upright(values, stack.drift / stack.spacing[:2])
        notes.append(f"gantry tilt of {stack.angle:.1f} degrees: slices shifted in plane onto an upright grid")
    return grid(values, stack, low=low), "; ".join(notes)


def grid(values: np.ndarray, stack: Stack, *, low: np.ndarray | tuple[float, float] = (0, 0)) -> sitk.Image:
    """An array (z, y, x) as an image that lies where a stack does, `low` pixels (x, y) before its first slice."""
    first = stack.planes[0]
    origin = (
        first.position - low[0] * stack.spacing[0] * first.along_row - low[1] * stack.spacing[1] * first.down_column
    )
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(origin.tolist())
    image.SetSpacing(stack.spacing)
    image.SetDirection(np.column_stack([first.along_row, first.down_column, first.normal]).ravel().tolist())
    return image


def _alike(value: str, wanted: str) -> bool:
    try:
        return np.isclose(float(value), float(wanted), rtol=1e-6, atol=1e-6)
    except ValueError:
        return fnmatchcase(value.casefold(), wanted.strip().casefold())


def _check_alike(planes: Sequence[Plane], where: str) -> None:
    first = planes[0]
    for plane in planes[1:]:
        if plane.shape != first.shape:
            sizes = " and ".join(f"{columns} x {rows}" for rows, columns in (first.shape, plane.shape))
            raise CaseError(f"{where} mixes slices of {sizes} pixels: keep those of one image.")
        if not np.allclose(plane.spacing, first.spacing, rtol=1e-3):
            raise CaseError(f"{where} mixes pixel spacings ({first.spacing[0]:g} and {plane.spacing[0]:g} mm).")
        axes = np.abs([plane.along_row - first.along_row, plane.down_column - first.down_column])
        if axes.max() > PARALLEL:
            several = len({tuple(np.round(p.normal, 2)) for p in planes})
            told = f"{several} directions" if several > 1 else "axes that turn"
            raise CaseError(f"{where} holds slices that are not parallel ({told}): choose one stack of them.")


def _check_once(planes: Sequence[Plane], along: np.ndarray, where: str) -> None:
    """Raises CaseError where a place is taken twice: by several images in one series, or by copies."""
    place = np.concatenate([[0], np.cumsum(np.diff(along) > SAME)])
    counts = Counter(place.tolist())
    if max(counts.values()) == 1:
        return
    most = next(p for p, count in counts.items() if count == max(counts.values()))
    together = [plane for plane, p in zip(planes, place, strict=True) if p == most]
    fact = _telling(planes, place)
    if fact is None:
        files = " and ".join(dict.fromkeys(plane.path.name for plane in together[:2]))
        raise CaseError(
            f"{where} has the slice at {along[list(place).index(most)]:.1f} mm twice ({files}): remove one."
        )
    values = list(dict.fromkeys(plane.facts.get(fact, "") for plane in planes))
    raise CaseError(
        f"{where} holds {len(together)} images at the same places, told apart by {fact} ({enumerated(values)}): "
        f"choose one by adding {'' if '#' in where else '#'};{fact}={values[0]} to its path."
    )


def _telling(planes: Sequence[Plane], place: np.ndarray) -> str | None:
    """The fact that splits the slices into images which take no place twice, else the first that splits some place."""
    splitting = None
    for fact in FACTS:
        taken: dict[tuple[int, str], int] = Counter(
            (int(p), plane.facts.get(fact, "")) for plane, p in zip(planes, place, strict=True)
        )
        at_place = defaultdict(set)
        for p, value in taken:
            at_place[p].add(value)
        if max(map(len, at_place.values())) == 1:
            continue
        if max(taken.values()) == 1:
            return fact
        splitting = splitting or fact
    return splitting


def _thickness(plane: Plane, where: str) -> tuple[float, str]:
    if not plane.thickness:
        raise CaseError(f"{where} is a single slice without a stated thickness: it has no volume to measure.")
    return plane.thickness, "a single slice; its thickness is taken as its height"


def _step(planes: Sequence[Plane], along: np.ndarray, where: str) -> float:
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    wide = np.flatnonzero(gaps > 1.5 * usual)
    if wide.size:
        after = int(wide[0])
        absent = gaps[after] / usual
        if abs(absent - round(absent)) < 0.2:
            lost = int(sum(round(gap / usual) - 1 for gap in gaps[wide]))
            raise CaseError(
                f"{where} lacks {lost} slice{'s' if lost > 1 else ''}: after {along[after]:.1f} mm the next is at "
                f"{along[after + 1]:.1f} mm, where slices lie {usual:.4g} mm apart. Copy the series again."
            )
    step = float(along[-1] - along[0]) / (len(along) - 1)
    uneven = np.abs(along - along[0] - step * np.arange(len(along))).max()
    if uneven > max(NOISE, 0.02 * step):
        raise CaseError(
            f"{where} has slices at uneven distances ({gaps.min():.4g} to {gaps.max():.4g} mm): resample it to even ones."
        )
    return step


def _straight(stack: Stack, along: np.ndarray, where: str) -> Stack:
    """Raises CaseError for slices that lie on no straight line, or on one too steep to be a gantry's."""
    if not stack.tilted:
        return stack
    share = (along - along[0]) / (along[-1] - along[0])
    if np.abs(stack.drift - share[:, None] * stack.drift[-1]).max() > 2 * NOISE:
        raise CaseError(
            f"{where} has slices that shift sideways unevenly, by up to {np.abs(stack.drift).max():.1f} mm: it mixes images."
        )
    if stack.angle > STEEPEST:
        raise CaseError(f"{where} is sheared by {stack.angle:.0f} degrees: resample it onto a rectangular grid.")
    return stack


def _values(planes: Sequence[Plane]) -> np.ndarray:
    """Rescaled frames (z, y, x) in the order of the planes; each file is decoded once."""
    values = np.empty((len(planes), *planes[0].shape))
    frames_of: dict[Path, list[int]] = defaultdict(list)
    for index, plane in enumerate(planes):
        frames_of[plane.path].append(index)
    for path, indices in frames_of.items():
        frames = pixels.stored(path)
        for index in indices:
            plane = planes[index]
            if plane.frame >= len(frames):
                raise CaseError(f"{path.name} ends before its last frame: copy it again.")
            np.multiply(frames[plane.frame], plane.slope, out=values[index])
            values[index] += plane.intercept
    return values


def _upright(values: np.ndarray, drift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slices shifted by drift (x, y; pixels) in a frame widened to hold them, and by how much at its low ends."""
    low = np.ceil(np.maximum(0, -drift.min(axis=0)) - 1e-6).astype(int)
    high = np.ceil(np.maximum(0, drift.max(axis=0)) - 1e-6).astype(int)
    lowest = float(values.min())
    widths = ((0, 0), (low[1], high[1]), (low[0], high[0]))
    padded = np.pad(values, widths, constant_values=lowest)
    for index, (x, y) in enumerate(drift):
        padded[index] = ndimage.shift(padded[index], (y, x), order=1, mode="constant", cval=lowest)
    return padded, low
