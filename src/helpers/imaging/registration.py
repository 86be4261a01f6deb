"""The sequences of a case laid over one of them: rigid or affine, by mutual information, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from helpers.errors import CaseError
from helpers.imaging.grids import resample_mask, same_grid
from helpers.imaging.one_thread import one_thread
from helpers.imaging.region import body

BINS = 32  # of the joint histogram, Mattes et al. 2003, doi 10.1109/TMI.2003.809072
SAMPLES = 40_000  # voxels the mutual information is estimated on, at most
SEED = 20_140  # of their choice
COARSE = 2.0  # mm of the voxels that are compared
SHRINK, SMOOTH = (2, 1), (4.0, 0.0)  # of those voxels, and mm; coarse to fine
STILL = 0.5  # voxels; on a shared grid a smaller movement is not worth an interpolation
# A known movement of brain MR raised the information by 2.5 to 7 % for each mm, to 0.4 nats and more; PET laid wrongly over
# cropped MR of a limb by 0.4 to 1.4 %, and in one of seven patients by 3 %, to 0.09 nats. Noise reaches 0.01.
A_MILLIMETER, TELLING = 0.02, 0.1
ENOUGH = 0.7  # of the overlap that the headers give; a few shared voxels always tell much of each other


@dataclass(frozen=True)
class Found:
    """Where a scan lies on a reference: the transform (points of the reference to points of the scan), and how well.

    `before` and `after` are mutual information in nats, `moved` the mean distance in mm over the reference's head;
    `words` says it in a sentence, `note` too where a reader must know. `transform` is None where the scan keeps its place.
    """

    transform: sitk.Transform | None
    before: float
    after: float
    moved: float
    words: str
    note: str = ""


@dataclass(frozen=True)
class Registered:
    """A scan on the reference's grid, and how it came there."""

    scan: sitk.Image
    found: Found


def align_sequences(
    images: Mapping[str, sitk.Image], reference: str, *, how: str = "rigid", limit: float = np.inf
) -> dict[str, Registered]:
    """Every sequence of a case on the grid of `reference`, which itself stays as it is; `how` and `limit` as in `find`.

    Raises CaseError when the case lacks the reference, or a sequence does not overlap with it or would move too far.
    """
    if reference not in images:
        raise CaseError(f"it has no {reference} image, to which imaging.register_to aligns the others.")
    fixed = images[reference]
    stays = Registered(fixed, Found(None, np.nan, np.nan, 0.0, f"{reference} is the reference of the registration"))
    others = {
        name: find(image, fixed, how=how, name=name, limit=limit) for name, image in images.items() if name != reference
    }
    moved = {
        name: Registered(carry_scan(images[name], fixed, found.transform), found) for name, found in others.items()
    }
    return {name: moved.get(name, stays) for name in images}


def find(
    moving: sitk.Image, fixed: sitk.Image, *, how: str = "rigid", name: str = "the image", limit: float = np.inf
) -> Found:
    """Lay one scan over `fixed`: `rigid` (6 parameters) or `affine` (12), started from where the headers put it.

    One thread and a fixed choice of voxels: the same two scans give the same transform anywhere. Where the movement
    found does not raise the mutual information by 2 % for each mm and to 0.1 nats, or stays below half a voxel on a
    shared grid, the scan keeps its place.
    Raises CaseError for scans that do not overlap, and for a movement beyond `limit` mm: mutual information is no proof,
    and between scans of little in common (PET and MR of a limb) it is greatest where they do not belong.
    """
    with one_thread():
        pair = [_coarse(image) for image in (fixed, moving)]
        transform: sitk.Transform = _optimized(*pair, _start(*pair, name=name), name=name)
        if how == "affine":
            transform = _optimized(*pair, _as_affine(transform), name=name)
    before, after = (information(*pair, t) for t in (sitk.Transform(3, sitk.sitkIdentity), transform))
    head = _points(fixed)
    moved = float(np.linalg.norm(_moved(transform, head) - head, axis=1).mean())
    if not after > before:
        return Found(
            None, before, before, 0.0, f"{name} kept its place: moving it did not raise the mutual information"
        )
    if same_grid(moving, fixed) and moved < STILL * min(fixed.GetSpacing()):
        return Found(None, before, before, 0.0, f"{name} was aligned already, to {moved:.2f} mm, and kept its place")
    words = f"{name} registered ({how}): moved by {moved:.1f} mm, mutual information {before:.3f} to {after:.3f}"
    if after < max(before * (1 + A_MILLIMETER * moved), TELLING):
        kept = f"{name} kept its place: moving it by {moved:.0f} mm would tell too little to be trusted"
        return Found(None, before, before, 0.0, f"{kept} (mutual information {before:.3f} to {after:.3f})", kept)
    if moved > limit:
        raise CaseError(
            f"{name} would be moved by {moved:.0f} mm, more than imaging.register_limit ({limit:g}): look at both scans, and raise the "
            "limit where the scanners' frames differ, or leave imaging.register_to out."
        )
    return Found(transform, before, after, moved, words)


def carry_mask(mask: sitk.Image, reference: sitk.Image, transform: sitk.Transform | None) -> sitk.Image:
    """A 0/1 mask drawn on a scan, on the grid of `reference` and in that scan's place on it, by nearest neighbor."""
    return resample_mask(mask, reference, transform=transform)


def carry_scan(moving: sitk.Image, fixed: sitk.Image, transform: sitk.Transform | None) -> sitk.Image:
    """A scan on the grid of `fixed` by cubic B-splines; background stays exactly what it was, and so do the extremes.

    The same image where there is nothing to move and the grid is shared.
    """
    if transform is None and same_grid(moving, fixed):
        return moving
    place = transform or sitk.Transform(3, sitk.sitkIdentity)
    values = sitk.GetArrayViewFromImage(moving)
    low, high = float(values.min()), float(values.max())
    floats = sitk.Cast(moving, sitk.sitkFloat64)
    fine = sitk.GetArrayFromImage(sitk.Resample(floats, fixed, place, sitk.sitkBSpline, low, sitk.sitkFloat64))
    filled = sitk.Cast(floats > low, sitk.sitkFloat32)  # splines ring beyond the edge of a stripped brain
    touched = sitk.GetArrayFromImage(sitk.Resample(filled, fixed, place, sitk.sitkLinear, 0.0))
    carried = sitk.GetImageFromArray(np.where(touched > 0, np.clip(fine, low, high), low))
    carried.CopyInformation(fixed)
    return carried


def information(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Mutual information (nats) of two scans under a transform, by the joint histogram of voxels on a regular grid.

    -inf where the two do not overlap.
    """
    return _compared(fixed, moving, transform)[0]


def _compared(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> tuple[float, float]:
    """Mutual information where both scans lie, and the share of the fixed scan's voxels that is."""
    step = max(1, round((fixed.GetNumberOfPixels() / SAMPLES) ** (1 / 3)))
    thin = fixed[::step, ::step, ::step]
    there = sitk.GetArrayFromImage(sitk.Resample(moving, thin, transform, sitk.sitkLinear, np.nan, sitk.sitkFloat32))
    here = sitk.GetArrayFromImage(thin)
    within = np.isfinite(there)
    if not within.any():
        return -np.inf, 0.0
    joint, _, _ = np.histogram2d(here[within], there[within], bins=BINS)
    shares = joint / joint.sum()
    independent = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0, keepdims=True)
    occurring = shares > 0
    found = float((shares[occurring] * np.log(shares[occurring] / independent[occurring])).sum())
    return found, float(within.mean())


def _coarse(image: sitk.Image) -> sitk.Image:
    """The scan averaged to voxels of about COARSE mm, which is fine enough to find a place by."""
    factors = [max(1, min(round(COARSE / s), n // 4)) for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)]
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)


def _method(fixed: sitk.Image) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1.0, SAMPLES / fixed.GetNumberOfPixels()), SEED)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _start(fixed: sitk.Image, moving: sitk.Image, *, name: str) -> sitk.Euler3DTransform:
    """No movement; or center of mass to center of mass, where that tells more and about as much overlaps."""
    center = _center(fixed)
    identity = sitk.Euler3DTransform(center, 0.0, 0.0, 0.0)
    shifted = sitk.Euler3DTransform(center, 0.0, 0.0, 0.0, tuple(np.subtract(_center(moving), center)))
    stays, moves = (_compared(fixed, moving, transform) for transform in (identity, shifted))
    if not max(stays[0], moves[0]) > -np.inf:
        raise CaseError(f"{name} does not overlap with the reference of the registration: are both of one patient?")
    return shifted if moves[0] > stays[0] and moves[1] > ENOUGH * stays[1] else identity


def _center(image: sitk.Image) -> tuple[float, ...]:
    """Center of mass above the lowest intensity, in mm."""
    values = sitk.GetArrayViewFromImage(image)[::2, ::2, ::2].astype(np.float64)
    weights = values - values.min()
    total = weights.sum()
    if not total > 0:
        raise CaseError("the image is constant, so it cannot be registered.")
    index = [2 * float((weights.sum(axis=axes) * np.arange(weights.shape[k])).sum() / total)
             for k, axes in ((2, (0, 1)), (1, (0, 2)), (0, (1, 2)))]  # fmt: skip
    return image.TransformContinuousIndexToPhysicalPoint(index)


def _optimized(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, *, name: str) -> sitk.Transform:
    method = _method(fixed)
    method.SetShrinkFactorsPerLevel([SHRINK[0], *SHRINK[1:]])
    method.SetSmoothingSigmasPerLevel(SMOOTH)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMetricSamplingPercentagePerLevel(_shares(fixed), SEED)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=150, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    try:
        return _plain(method.Execute(fixed, moving))
    except RuntimeError as error:
        raise CaseError(f"{name} cannot be registered: it left the reference's field of view on the way.") from error


def _shares(fixed: sitk.Image) -> list[float]:
    """Of each level's voxels, so that each sees about as many."""
    return [min(1.0, SAMPLES / max(1, fixed.GetNumberOfPixels() / factor**3)) for factor in SHRINK]


def _plain(transform: sitk.Transform) -> sitk.Transform:
    """The one transform that ITK wraps in a composite."""
    return sitk.CompositeTransform(transform).GetNthTransform(0)


def _as_affine(rigid: sitk.Transform) -> sitk.AffineTransform:
    turned = sitk.Euler3DTransform(rigid)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(turned.GetCenter())
    affine.SetMatrix(turned.GetMatrix())
    affine.SetTranslation(turned.GetTranslation())
    return affine


def _points(fixed: sitk.Image) -> np.ndarray:
    """Some points of the reference's head, in mm."""
    inside = np.argwhere(body(fixed))[:, ::-1]
    chosen = inside[:: max(1, len(inside) // 500)]
    return np.array([fixed.TransformIndexToPhysicalPoint(list(map(int, index))) for index in chosen])


def _moved(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([transform.TransformPoint(point.tolist()) for point in points])
