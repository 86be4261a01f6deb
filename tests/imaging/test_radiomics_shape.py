"""Shape features are PyRadiomics', cell by cell of its mesh and for lesions of every form."""

import logging
import warnings

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from helpers.errors import CaseError
from helpers.imaging.radiomics import shape, shape2d, surface
from helpers.imaging.radiomics.settings import Settings

SPACINGS = ((1.0, 1.0, 1.0), (3.3, 0.7, 0.7), (0.45, 1.9, 1.1))


def theirs(kind: str, lesion: np.ndarray, spacing, names, **settings) -> dict[str, float]:
    from radiomics import shape as three
    from radiomics import shape2D as two

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    mask = sitk.GetImageFromArray(lesion.astype(np.uint8))
    mask.SetSpacing(spacing[::-1])
    classes = {"shape": three.RadiomicsShape, "shape2D": two.RadiomicsShape2D}
    found = classes[kind](mask, mask, **settings)
    for name in names:
        found.enableFeatureByName(name)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return {name: float(value) for name, value in found.execute().items()}


def check(lesion: np.ndarray, spacing) -> None:
    names = (*shape.NAMES, *shape.DEPRECATED)
    expected = theirs("shape", lesion, spacing, names)
    found = shape.measure(lesion, spacing=spacing)
    found = dict(zip(names, [*found, *shape.deprecated(found)], strict=True))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


def check_2d(lesion: np.ndarray, spacing, axis: int) -> None:
    names = (*shape2d.NAMES, *shape2d.DEPRECATED)
    expected = theirs("shape2D", lesion, spacing, names, force2D=True, force2Ddimension=axis)
    plane, pixel = shape2d.in_plane(lesion, spacing=spacing, settings=Settings(force2d_dimension=axis))
    found = shape2d.measure(plane, spacing=pixel)
    found = dict(zip(names, [*found, *shape2d.deprecated(found)], strict=True))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), name


def cropped(lesion: np.ndarray) -> np.ndarray:
    edges = [np.flatnonzero(lesion.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return lesion[tuple(slice(edge[0], edge[-1] + 1) for edge in edges)]


def ellipsoid(shape_: tuple[int, int, int]) -> np.ndarray:
    axes = [(np.arange(n) - (n - 1) / 2) / (n / 2) for n in shape_]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= 1


@st.composite
def lesions(draw):
    """Random, ellipsoidal, holed, disconnected, thin and line-shaped lesions in their box."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.tuples(*[st.integers(1, 12)] * 3))
    lesion = {
        "ellipsoid": lambda: ellipsoid(size),
        "full": lambda: np.ones(size, dtype=bool),
        "ragged": lambda: ellipsoid(size) ^ (rng.random(size) < 0.1),
        "random": lambda: rng.random(size) < rng.uniform(0.02, 0.98),
        "checked": lambda: np.indices(size).sum(axis=0) % 2 == 0,
    }[draw(st.sampled_from(["ellipsoid", "full", "ragged", "random", "checked"]))]()
    lesion.flat[rng.integers(lesion.size)] = True
    spacing = draw(st.one_of(st.sampled_from(SPACINGS), st.tuples(*[st.floats(0.2, 6)] * 3)))
    return cropped(lesion), spacing


@pytest.mark.parametrize("spacing", SPACINGS)
def test_each_of_the_256_cells_has_pyradiomics_area_and_volume(spacing):
    from radiomics import cShape

    for kind in range(256):
        cell = np.zeros((2, 2, 2), dtype=bool)
        for n, corner in enumerate(surface.CORNERS):
            cell[corner] = (kind >> n) & 1
        area, volume, _ = cShape.calculate_coefficients(cell, np.array(spacing))
        number = sum(int(cell[corner]) << surface._bit(corner) for corner in surface.CORNERS)
        areas, offsets, _ = surface._kinds(spacing)
        assert (areas[number], offsets[number]) == pytest.approx((area, volume), abs=1e-12), kind


def test_the_triangles_of_a_cell_close_over_exactly_the_edges_that_are_cut():
    for kind, edges in enumerate(surface.TRIANGLES.split("|")):
        cut = {e for e, (a, b) in enumerate(surface.EDGES) if (kind >> a) & 1 != (kind >> b) & 1}
        assert {int(edge, 16) for edge in edges} == cut


@pytest.mark.slow
@given(lesions())
@examples(deadline=None, max_examples=200)
def test_features_are_those_of_pyradiomics(case):
    check(*case)


@pytest.mark.slow
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("size", [(41, 37, 33), (3, 60, 50), (60, 2, 7)])
def test_features_of_larger_lesions_are_those_of_pyradiomics(size, spacing):
    rough = ellipsoid(size) & (np.random.default_rng(3).random(size) < 0.97)
    check(cropped(rough), spacing)


def test_a_diagonal_sheet_and_a_diagonal_line_leave_what_pyradiomics_leaves():
    for spacing in SPACINGS:
        check(np.repeat(np.eye(9, dtype=bool)[None], 5, axis=0), spacing)
        check(np.indices((6, 6, 6))[0] == np.indices((6, 6, 6))[1], spacing)
        line = np.zeros((7, 7, 7), dtype=bool)
        line[range(7), range(7), range(7)] = True
        check(line, spacing)


def test_one_voxel_has_a_surface_but_no_axes():
    found = dict(zip(shape.NAMES, shape.measure(np.ones((1, 1, 1), dtype=bool), spacing=(1, 1, 1)), strict=True))
    assert found["Maximum3DDiameter"] == 1 and found["VoxelVolume"] == 1
    assert found["MajorAxisLength"] == 0 and np.isnan(found["Elongation"])
    check(np.ones((1, 1, 1), dtype=bool), (1.0, 1.0, 1.0))


def test_names_and_their_order_are_pyradiomics():
    from radiomics import shape as three
    from radiomics import shape2D as two

    for ours, reference in ((shape, three.RadiomicsShape), (shape2d, two.RadiomicsShape2D)):
        names = reference.getFeatureNames()
        assert tuple(name for name, old in names.items() if not old) == ours.NAMES
        assert tuple(name for name, old in names.items() if old) == ours.DEPRECATED


@given(lesions(), st.integers(0, 2))
@examples(deadline=None, max_examples=150)
def test_features_in_one_slice_are_those_of_pyradiomics(case, axis):
    lesion, spacing = case
    plane = cropped(np.take(lesion, [np.argmax(lesion.any(axis=tuple({0, 1, 2} - {axis})))], axis=axis))
    check_2d(plane, spacing, axis)


def test_shape_in_one_slice_is_refused_for_more():
    with pytest.raises(CaseError, match="spans 2 slices along y, and shape2D needs one"):
        shape2d.in_plane(np.ones((5, 2, 6), dtype=bool), spacing=(1, 1, 1), settings=Settings(force2d_dimension=1))
