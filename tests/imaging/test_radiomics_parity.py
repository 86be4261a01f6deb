"""Every feature of every settings file is PyRadiomics', within 1e-6, on volumes and masks of every kind."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from helpers.errors import CaseError
from helpers.imaging.radiomics import measure, parity, reference
from helpers.imaging.radiomics.settings import Settings

FILES = sorted((Path(__file__).parent / "settings").glob("*.yaml"))
KINDS = ("blob", "box", "edge", "disconnected", "slice", "line", "sparse", "whole slice")
DTYPES = (np.int16, np.uint8, np.float32, np.float64)


@st.composite
def cases(draw):
    """An image of 5 to 14 voxels an axis and a mask on it, of every kind, and how many gray levels it has."""
    shape = tuple(draw(st.integers(5, 14)) for _ in range(3))
    spacing = tuple(draw(st.sampled_from((0.5, 0.78125, 1.0, 1.3, 2.0, 3.0, 5.0))) for _ in range(3))
    seed, kind = draw(st.integers(0, 2**20)), draw(st.sampled_from(KINDS))
    levels, dtype = draw(st.sampled_from((2, 6, 40, None))), draw(st.sampled_from(DTYPES))
    return case(shape, spacing, seed=seed, kind=kind, levels=levels, dtype=dtype)


def case(shape, spacing, *, seed, kind, levels, dtype):
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.normal(size=shape), 0.7)
    values = 100 + 80 * (values - values.min()) / np.ptp(values) + rng.normal(0, 4, shape)
    if levels:
        values = np.round((values - 90) / 100 * levels) * (100 // levels)
    if dtype == np.uint8:
        values = np.clip(values, 0, 255)
    image = sitk.GetImageFromArray(values.astype(dtype))
    image.SetSpacing(spacing)
    image.SetOrigin(tuple(rng.normal(0, 30, 3)))
    mask = sitk.GetImageFromArray(lesion(rng, shape, kind).astype(np.uint8))
    mask.CopyInformation(image)
    return image, mask


def lesion(rng, shape, kind):
    drawn = np.zeros(shape, dtype=bool)
    low = [int(rng.integers(0, n - 3)) for n in shape]
    high = [int(rng.integers(a + 3, n + 1)) for a, n in zip(low, shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    if kind == "blob":
        drawn = ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > 0.05
    elif kind == "box":
        drawn[box] = True
    elif kind == "edge":
        drawn[: high[0] - low[0], -3:, : high[2] - low[2]] = True
    elif kind == "disconnected":
        drawn[:2, :2, :3] = drawn[-2:, -2:, -2:] = True
    elif kind == "slice":
        drawn[low[0], box[1], box[2]] = True
    elif kind == "line":
        drawn[low[0], low[1], :] = True
    elif kind == "sparse":
        drawn[box] = rng.random(drawn[box].shape) < 0.3
    else:
        drawn[low[0]] = True
    return drawn


def check(image, mask, own):
    """Both engines refuse the case, or give the same features in the same order."""
    (ours,), (theirs,) = (engine.execute(image, [mask], settings=own) for engine in (measure, reference))
    assert isinstance(ours, CaseError) == isinstance(theirs, CaseError), (ours, theirs)
    if isinstance(ours, CaseError):
        return None
    assert list(ours.features) == list(theirs.features)
    found = parity.compare(ours.features, theirs.features)
    assert not found.beyond, found
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@settings(max_examples=32, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(cases())
def test_features_equal_pyradiomics(path, drawn):
    check(*drawn, Settings.read(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lesion_with_texture_equals_pyradiomics(path):
    """One full-size lesion a settings file; none of them may be refused."""
    kind = "slice" if "shape2D" in dict(Settings.read(path).classes) else "blob"
    image, mask = case((14, 21, 20), (1.0, 1.2, 1.6), seed=3, kind=kind, levels=None, dtype=np.float32)
    found = check(image, mask, Settings.read(path))
    assert found is not None and found.features > 8


def test_absent_and_infinite_features_count_as_beyond():
    found = parity.compare({"a": 1.0, "b": math.nan, "c": 2.0}, {"a": 1.0, "b": 1.0, "d": 2.0})
    assert (found.features, found.beyond, found.worst) == (4, 3, math.inf)


@pytest.mark.parametrize(
    ("ours", "theirs", "gap"),
    [(1.0, 1.0, 0), (math.nan, math.nan, 0), (1.000002, 1.0, 2e-6), (1e-9, 0.0, 1e-6), (math.inf, 1.0, math.inf)],
)
def test_difference_is_relative_and_absolute_near_zero(ours, theirs, gap):
    assert parity.difference(ours, theirs) == pytest.approx(gap, rel=1e-6)


def test_patterns_that_pyradiomics_cannot_make_here_are_said_and_not_compared():
    own = Settings(image_types=(("LBP3D", {}), ("Original", {})), classes=(("firstorder", ()),))
    image, mask = case((9, 10, 11), (1.0, 1.0, 1.0), seed=1, kind="box", levels=None, dtype=np.float32)
    (ours,), (theirs,) = (engine.execute(image, [mask], settings=own) for engine in (measure, reference))
    assert any(name.startswith("lbp-3D-m1") for name in ours.features)
    if reference.lacking(own):
        assert "leaves out 3D local binary patterns" in theirs.note
    assert parity.compare(ours.features, theirs.features).beyond == 0


REAL = {
    "ct_thin_resampled": ("sts/nifti/STS_002/PET_image.nii.gz", "sts/nifti/STS_002/PET_mask.nii.gz"),
    "mr_precrop": ("sts/nifti/STS_002/MR_T1_image.nii.gz", "sts/nifti/STS_002/MR_T1_mask.nii.gz"),
    "mr_normalized_3mm": ("sts/nifti/STS_002/MR_T1_image.nii.gz", "sts/nifti/STS_002/MR_T1_mask.nii.gz"),
    "pet_count_weighted": ("sts/nifti/STS_002/PET_image.nii.gz", "sts/nifti/STS_002/PET_mask.nii.gz"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_scan_equals_pyradiomics(shared_data, name):
    image, mask = (sitk.ReadImage(str(shared_data / path)) for path in REAL[name])
    own = Settings.read(Path(__file__).parent / "settings" / f"{name}.yaml")
    own = replace(own, bin_width=0.25, resegment_range=None) if name == "ct_thin_resampled" else own
    assert check(image, mask, own) is not None


@pytest.mark.slow
def test_real_brain_tumor_equals_pyradiomics(shared_data):
    folder = shared_data / "glioma" / "TCGA-DU-7294"
    image = sitk.ReadImage(str(folder / "TCGA-DU-7294_t1c_bet.nii.gz"))
    mask = sitk.ReadImage(str(folder / "fusion" / "mav.nii.gz"))
    present = np.unique(sitk.GetArrayViewFromImage(mask))
    own = replace(
        Settings.read(Path(__file__).parent / "settings" / "mr_precrop.yaml"), label=int(present[present > 0][0])
    )
    assert check(image, mask, own) is not None


def test_parity_command_prints_difference_and_speed(tmp_path):
    from helpers.cli import main

    image, mask = case((12, 14, 13), (1.0, 1.0, 2.0), seed=1, kind="blob", levels=None, dtype=np.float32)
    paths = [tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"]
    for path, content in zip(paths, (image, mask), strict=True):
        sitk.WriteImage(content, str(path))
    run = CliRunner().invoke(main, ["parity", *map(str, paths), "--settings", str(FILES[0])])
    assert run.exit_code == 0, run.output
    assert "Worst relative difference" in run.output and "Beyond 1e-06: 0" in run.output
    assert "PyRadiomics (" in run.output


def test_parity_command_names_a_missing_file(tmp_path):
    from helpers.cli import main

    run = CliRunner().invoke(main, ["parity", str(tmp_path / "a.nii"), str(tmp_path / "b.nii")])
    assert run.exit_code == 2
    assert run.stderr.startswith("radiogram: There is no image") and "Traceback" not in run.stderr


def test_parity_command_ends_with_1_beyond_the_tolerance(tmp_path, monkeypatch):
    from helpers.cli import main

    bad = parity.Trial(parity.Comparison(107, 0.5, "original_glcm_Contrast", 1), "", 1.0, 2.0)
    monkeypatch.setattr(parity, "trial", lambda *args, **options: bad)
    run = CliRunner().invoke(main, ["parity", "a", "b"])
    assert run.exit_code == 1
    assert "0.5 (original_glcm_Contrast)" in run.output


def test_result_is_the_same_for_any_number_of_threads():
    own = Settings.read(Path(__file__).parent / "settings" / "ct_native.yaml")
    image, mask = case((16, 18, 17), (1.0, 1.0, 2.0), seed=1, kind="blob", levels=None, dtype=np.float32)
    _, other = case((16, 18, 17), (1.0, 1.0, 2.0), seed=2, kind="box", levels=None, dtype=np.float32)
    other.CopyInformation(image)
    one, three = (measure.execute(image, [mask, other], settings=own, threads=n) for n in (1, 3))
    assert repr(one) == repr(three)
