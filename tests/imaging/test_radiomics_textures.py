"""The five texture classes give PyRadiomics' numbers, whatever the lesion, its levels and the settings."""

from __future__ import annotations

import importlib
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given
from hypothesis import settings as run
from hypothesis import strategies as st
from radiomics import glcm, gldm, glrlm, glszm, ngtdm
from scipy import ndimage

from helpers.errors import CaseError, RadiogramError
from helpers.imaging.radiomics import angles, cooccurrence, maximal_correlation
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

logging.getLogger("radiomics").setLevel(logging.CRITICAL)

CLASSES = {
    "glcm": glcm.RadiomicsGLCM,
    "glrlm": glrlm.RadiomicsGLRLM,
    "glszm": glszm.RadiomicsGLSZM,
    "gldm": gldm.RadiomicsGLDM,
    "ngtdm": ngtdm.RadiomicsNGTDM,
}
THEIRS = {"force2d": "force2D", "force2d_dimension": "force2Ddimension", "symmetrical_glcm": "symmetricalGLCM"}
THEIRS |= {"weighting_norm": "weightingNorm", "distances": "distances", "gldm_a": "gldm_a"}
SPACING = (2.0, 1.0, 0.8)
SETTINGS = [
    {},
    {"symmetrical_glcm": False},
    {"distances": (2,)},
    {"distances": (1, 2)},
    {"distances": (1, 3), "gldm_a": 1},
    {"distances": (1, 1)},  # counted twice by PyRadiomics, in both directions
    {"gldm_a": 2},
    {"gldm_a": -1},
    *({"force2d": True, "force2d_dimension": axis} for axis in (0, 1, 2)),
    {"force2d": True, "force2d_dimension": 1, "distances": (1, 2), "weighting_norm": "infinity"},
    *({"weighting_norm": norm} for norm in cooccurrence.WEIGHTS),
    {"weighting_norm": "euclidean", "symmetrical_glcm": False, "distances": (1, 2)},
]


def module(kind):
    return importlib.import_module(f"helpers.imaging.radiomics.{kind}")


def measure(kind, matrix, spacing=SPACING, **options):
    present, counts = np.unique(matrix[matrix > 0], return_counts=True)
    levels = Levels(np.ascontiguousarray(matrix, dtype=np.int32), present.astype(np.int64), counts)
    return dict(
        zip(
            module(kind).NAMES,
            module(kind).measure(levels, spacing=spacing, settings=Settings(**options)),
            strict=True,
        )
    )


def reference(kind, matrix, spacing=SPACING, **options):
    """PyRadiomics' own class on an image that holds the levels, binned so that they stay what they are."""
    image, mask = (sitk.GetImageFromArray(array) for array in (matrix.astype(float), (matrix > 0).astype(np.uint8)))
    for each in (image, mask):
        each.SetSpacing(spacing[::-1])

    class Binned(CLASSES[kind]):
        def _applyBinning(self, _):  # noqa: N802 (PyRadiomics' name)
            self.coefficients["grayLevels"] = np.unique(matrix[matrix > 0])
            self.coefficients["Ng"] = int(matrix.max())
            return matrix.astype(int)

    theirs = {THEIRS[name]: list(value) if name == "distances" else value for name, value in options.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return {name: float(value) for name, value in Binned(image, mask, **theirs).execute().items()}


def assert_equal(kind, matrix, spacing=SPACING, **options):
    theirs, ours = reference(kind, matrix, spacing, **options), measure(kind, matrix, spacing, **options)
    assert list(ours) == list(theirs)
    if "ClusterShade" in theirs:  # cubes of either sign: where they cancel, only the rounding of large terms is left
        left = 1e-12 * np.nan_to_num(theirs["ClusterTendency"]) ** 1.5
        shades = ours.pop("ClusterShade"), theirs.pop("ClusterShade")
        np.testing.assert_allclose(*shades, rtol=1e-8, atol=1e-9 + left, err_msg="ClusterShade")
    np.testing.assert_allclose(
        list(ours.values()), list(theirs.values()), rtol=1e-8, atol=1e-9, err_msg=str(list(ours))
    )


def test_cluster_shade_that_cancels_leaves_rounding_only():
    matrix = np.array([[[791, 0], [0, 653]], [[0, 476], [341, 0]]])
    assert_equal("glcm", matrix, (0.5, 0.5, 0.5), symmetrical_glcm=False, weighting_norm="infinity")


def ball(radius, *, levels, smooth=1.0, seed=0):
    grid = np.arange(-radius, radius + 1)
    inside = sum(np.meshgrid(grid**2, grid**2, grid**2)) <= radius**2
    values = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(inside.shape), smooth)
    edges = np.linspace(values[inside].min(), values[inside].max(), levels + 1)[1:-1]
    return np.where(inside, np.digitize(values, edges) + 1, 0)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_gives_pyradiomics_numbers(kind, options):
    assert_equal(kind, ball(6, levels=12), **options)


@pytest.mark.parametrize("levels", [1, 2, 3, 5, 32, 64])
@pytest.mark.parametrize("kind", CLASSES)
def test_few_and_many_levels_give_pyradiomics_numbers(kind, levels):
    assert_equal(kind, ball(7, levels=levels, smooth=0.7, seed=levels))


@pytest.mark.parametrize("kind", CLASSES)
def test_levels_with_gaps_and_beyond_a_byte_give_pyradiomics_numbers(kind):
    levels = ball(5, levels=9)
    assert_equal(kind, np.where(levels > 0, 37 * levels + 11, 0))
    assert_equal(kind, np.where(levels > 0, levels + (levels > 4), 0), symmetrical_glcm=False)


@st.composite
def lesions(draw):
    """(levels, spacing, settings): solid, sparse, scattered, checkered, lines, diagonals, two voxels far apart."""
    shape = tuple(draw(st.sampled_from([1, 2, 3, 4, 5, 7, 10])) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    corners = np.zeros(shape, dtype=bool)
    corners[0, 0, 0] = corners[-1, -1, -1] = True
    z, y, x = np.indices(shape)
    line = (z == shape[0] // 2) & (y == shape[1] // 2)
    masks = [np.ones(shape, dtype=bool), line, corners, (z == y) & (y == x), (z + y + x) % 2 == 0]
    masks += [rng.random(shape) < share for share in (0.05, 0.2, 0.5, 0.85)]
    inside = draw(st.sampled_from(masks))
    inside = inside if inside.any() else corners
    where = np.argwhere(inside)
    box = tuple(slice(low, high + 1) for low, high in zip(where.min(0), where.max(0), strict=True))
    values = rng.integers(1, draw(st.sampled_from([1, 2, 3, 5, 20, 300])) + 1, shape)
    values = values * draw(st.sampled_from([1, 1, 3])) + draw(st.sampled_from([0, 0, 2]))
    options = {
        "symmetrical_glcm": draw(st.booleans()),
        "weighting_norm": draw(st.sampled_from([None, None, *cooccurrence.WEIGHTS])),
        "distances": draw(st.sampled_from([(1,), (1,), (2,), (1, 2), (3, 1), (1, 1)])),
        "force2d": draw(st.sampled_from([False, False, True])),
        "force2d_dimension": draw(st.integers(0, 2)),
        "gldm_a": draw(st.integers(0, 2)),
    }
    spacing = tuple(draw(st.sampled_from([0.5, 1.0, 1.3, 3.0])) for _ in range(3))
    return np.where(inside, values, 0)[box], spacing, options


def assert_equal_or_both_refused(kind, case):
    matrix, spacing, options = case
    try:
        reference(kind, matrix, spacing, **options)
    except RuntimeError:  # "Error getting angle count."
        with pytest.raises(CaseError, match="can have a neighbor"):
            measure(kind, matrix, spacing, **options)
    else:
        assert_equal(kind, matrix, spacing, **options)


@pytest.mark.parametrize("kind", CLASSES)
@run(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(lesions())
def test_any_lesion_gives_pyradiomics_numbers(kind, case):
    assert_equal_or_both_refused(kind, case)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLASSES)
@run(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(lesions())
def test_a_thousand_lesions_give_pyradiomics_numbers(kind, case):
    assert_equal_or_both_refused(kind, case)


def haralick():
    """The image of Haralick 1973, figure 3, gray tones from 1, as one slice."""
    return np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]])[None] + 1


def test_haralicks_own_example_gives_his_four_matrices():
    present, counts = np.unique(haralick(), return_counts=True)
    box = angles.padded(Levels(haralick().astype(np.int32), present, counts))
    batch = next(cooccurrence.pairs(box, spacing=(1, 1, 1), settings=Settings()))
    found = np.zeros((4, 4, 4), dtype=int)
    for group in range(4):
        some = slice(*batch.start[group : group + 2])
        found[group, batch.i[some], batch.j[some]] = found[group, batch.j[some], batch.i[some]] = batch.count[some]
    degrees_135, degrees_90, degrees_45, degrees_0 = found
    assert degrees_0.tolist() == [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    assert degrees_90.tolist() == [[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]]
    assert degrees_45.tolist() == [[4, 1, 0, 0], [1, 2, 2, 0], [0, 2, 4, 1], [0, 0, 1, 0]]
    assert degrees_135.tolist() == [[2, 1, 3, 0], [1, 2, 1, 0], [3, 1, 0, 2], [0, 0, 2, 0]]


def test_runs_zones_dependences_and_differences_of_small_lesions_are_those_counted_by_hand():
    row = np.array([[[1, 1, 1, 2, 2, 1]]])  # runs: 3 of level 1, 2 of level 2, 1 of level 1
    runs, zones = measure("glrlm", row), measure("glszm", row)
    assert runs["LongRunEmphasis"] == pytest.approx((9 + 4 + 1) / 3)
    assert runs["RunPercentage"] == pytest.approx(3 / 6)
    assert runs["GrayLevelNonUniformity"] == pytest.approx((2**2 + 1) / 3)
    assert zones["LargeAreaEmphasis"] == runs["LongRunEmphasis"]
    assert zones["ZoneEntropy"] == pytest.approx(np.log2(3))
    dependences = measure("gldm", row)  # 1 + equal neighbors: 2 3 2 | 2 2 | 1
    assert dependences["LargeDependenceEmphasis"] == pytest.approx((4 + 9 + 4 + 4 + 4 + 1) / 6)
    assert dependences["DependenceNonUniformity"] == pytest.approx((1 + 16 + 1) / 6)
    tones = measure("ngtdm", row)  # differences of level 1: 0, 0, 1/2, 1; of level 2: 1/2, 1/2
    assert tones["Coarseness"] == pytest.approx(1 / (4 / 6 * 1.5 + 2 / 6 * 1.0))
    assert tones["Strength"] == pytest.approx(2 * (4 / 6 + 2 / 6) / 2.5)


def test_zones_touch_by_corners_and_runs_do_not_turn():
    diagonal = np.zeros((3, 3, 3), dtype=int)
    diagonal[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = 4
    assert measure("glszm", diagonal)["LargeAreaEmphasis"] == 9
    assert measure("glrlm", diagonal)["LongRunEmphasis"] == 9  # the one direction that holds more than one voxel
    bent = np.array([[[1, 1, 0], [0, 0, 1]]])
    assert measure("glszm", bent)["LargeAreaEmphasis"] == 9


def test_a_single_gray_level_has_defined_features():
    flat = np.ones((3, 3, 3), dtype=int)
    found = measure("glcm", flat)
    assert (found["MCC"], found["Correlation"], found["Contrast"], found["Imc2"]) == (1, 1, 0, 0)
    assert measure("ngtdm", flat)["Coarseness"] == 1e6


def test_voxels_that_meet_in_no_direction_give_nan_as_in_pyradiomics():
    apart = np.zeros((1, 3, 5), dtype=int)
    apart[0, 0, 0], apart[0, 2, 4] = 1, 2
    assert np.isnan(measure("glcm", apart)["Contrast"]) and np.isnan(measure("glrlm", apart)["LongRunEmphasis"])
    for kind in CLASSES:
        assert_equal(kind, apart)


def test_a_lone_voxel_is_refused_with_the_reason():
    for kind in CLASSES:
        with pytest.raises(CaseError, match="no voxel of the lesion .* can have a neighbor"):
            measure(kind, np.array([[[3]]]))


def test_an_unknown_weighting_norm_is_refused():
    for kind in ("glcm", "glrlm"):
        with pytest.raises(RadiogramError, match="choose from infinity, euclidean, manhattan, no_weighting"):
            measure(kind, ball(3, levels=3), weighting_norm="chebyshev")


def test_weights_that_vanish_give_nan_as_in_pyradiomics():
    assert_equal("glcm", ball(3, levels=3), (60.0, 60.0, 60.0), weighting_norm="euclidean")


@pytest.mark.parametrize("options", [{}, {"symmetrical_glcm": False}, {"weighting_norm": "manhattan"}], ids=str)
def test_counting_row_by_row_equals_counting_in_tables(monkeypatch, options):
    lesion = ball(6, levels=20)
    tables = measure("glcm", lesion, **options)
    monkeypatch.setattr(cooccurrence, "DENSE", 0)
    rows = measure("glcm", lesion, **options)
    np.testing.assert_allclose(list(rows.values()), list(tables.values()), rtol=1e-10)


def test_runs_of_many_levels_are_counted_a_few_directions_at_a_time(monkeypatch):
    for options in ({}, {"weighting_norm": "euclidean"}):
        whole = measure("glrlm", ball(6, levels=20), **options)
        with monkeypatch.context() as patch:
            patch.setattr(module("glrlm"), "CELLS", 1)
            np.testing.assert_allclose(
                list(measure("glrlm", ball(6, levels=20), **options).values()), list(whole.values()), rtol=1e-12
            )


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("levels", [40, 300])
def test_maximal_correlation_is_the_second_singular_value(levels, symmetric):
    lesion = ball(9, levels=levels, smooth=2.0)
    present, counts = np.unique(lesion[lesion > 0], return_counts=True)
    box = angles.padded(Levels(lesion.astype(np.int32), present, counts))
    settings = Settings(symmetrical_glcm=symmetric, weighting_norm="no_weighting")
    batch = next(cooccurrence.pairs(box, spacing=(1, 1, 1), settings=settings))
    p = np.zeros((len(present), len(present)))
    p[batch.i, batch.j] = batch.count
    if symmetric:
        p[batch.j, batch.i] = batch.count
    p /= p.sum()
    expected = np.linalg.svd(p / np.sqrt(np.outer(p.sum(1), p.sum(0)) + np.spacing(1)), compute_uv=False)[1]
    assert maximal_correlation.second_root(batch, len(present))[0] == pytest.approx(expected, rel=1e-10)


def test_levels_in_two_unconnected_groups_have_a_maximal_correlation_of_one():
    halves = np.zeros((2, 4, 9), dtype=int)
    halves[..., :4] = np.random.default_rng(0).integers(1, 4, (2, 4, 4))
    halves[..., 5:] = np.random.default_rng(1).integers(7, 9, (2, 4, 4))
    assert measure("glcm", halves)["MCC"] == pytest.approx(1, rel=1e-12)
    assert_equal("glcm", halves)


def test_more_levels_than_pyradiomics_can_index_are_counted_right():
    lesion = np.array([[[1, 20_000, 1, 20_000]]])  # 20,000 squared overflows its 32-bit products
    found = measure("glcm", lesion)
    assert found["Contrast"] == 19_999**2 and found["MCC"] == pytest.approx(1)
    assert measure("gldm", lesion)["SmallDependenceEmphasis"] == 1
    assert measure("glszm", lesion)["ZonePercentage"] == 1
    assert measure("glrlm", lesion)["HighGrayLevelRunEmphasis"] == (1 + 20_000**2) / 2
    assert measure("ngtdm", lesion)["Contrast"] == pytest.approx(0.25 * 19_999**2 * (4 * 19_999) / 4)


def test_millions_of_levels_are_refused_with_the_reason():
    for kind in CLASSES:
        with pytest.raises(CaseError, match="cut into 5,000,000 gray levels"):
            measure(kind, np.array([[[1, 5_000_000]]]))


def test_thousands_of_levels_take_neither_memory_nor_minutes():
    rng = np.random.default_rng(0)
    lesion = rng.integers(1, 5_001, (24, 24, 24))
    for kind in CLASSES:
        assert np.isfinite(list(measure(kind, lesion).values())).all()


@pytest.mark.parametrize("kind", CLASSES)
def test_threads_give_the_same_bytes(kind):
    lesions = [ball(5, levels=8, seed=seed) for seed in range(8)]

    def bytes_of(lesion):
        return np.array(list(measure(kind, lesion).values())).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(bytes_of, lesions * 3)) == [bytes_of(lesion) for lesion in lesions] * 3


@pytest.mark.parametrize(
    ("size", "distances", "plane", "both"),
    [((4, 5, 6), (1,), None, True), ((4, 5, 6), (1, 2), None, False), ((1, 5, 2), (3, 1), None, False)]
    + [((4, 5, 6), (2,), 1, True), ((2, 2, 2), (1, 5), None, False), ((4, 5, 6), (1, 1, 1), None, False)],
)
def test_directions_are_those_of_pyradiomics_in_its_order(size, distances, plane, both):
    settings = Settings(force2d=plane is not None, force2d_dimension=plane or 0)
    expected = glcm.cMatrices.generate_angles(
        np.array(size), np.array(distances), int(both), int(plane is not None), plane or 0
    )
    found = angles.directions(size, settings=settings, both=both, distances=distances)
    np.testing.assert_array_equal(found, expected)
