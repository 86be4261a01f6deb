"""The methods say every step of preparing images that ran, and none that did not."""

import re

import pytest

from helpers.reporting import methods_images
from helpers.study import load


@pytest.fixture
def told(tmp_path):
    """told(overrides...) -> the paragraph of a study of T1 and FLAIR."""
    path = tmp_path / "tiny.yaml"
    path.write_text("cohort: {sequences: [T1, FLAIR]}\n")
    return lambda *overrides: methods_images.images(load(path, overrides=overrides).parameters)


def test_the_default_says_grid_scale_and_checks_alone(told):
    assert told() == (
        "Images were T1 and FLAIR, kept on the grid of the scan. Intensities of T1 and FLAIR were z-scored within the head or body and "
        "clipped at 5 standard deviations. A mismatch between the grids of mask and scan of at most 0.01 mm was repaired and noted, a "
        "larger one refused; lesions of fewer than 27 voxels were excluded."
    )


STEPS = {
    "imaging.orientation=RAS": "Scans and masks were reoriented to RAS.",
    "imaging.register_to=T1": "were registered rigidly to T1 by mutual information",
    "imaging.mask_space=T1": "Lesions were outlined on T1",
    "imaging.n4=[FLAIR]": "The bias field of FLAIR was corrected by N4",
    "imaging.skull_strip=true": "z-scored within the brain and clipped",
    "imaging.normalize={default: percentile}": "percentiles 1 and 99 of the head or body became 0 and 1",
    "imaging.normalize={T1: whitestripe_t1, FLAIR: whitestripe_t2}": "Intensities of FLAIR were scaled to the main peak",
    "imaging.normalize={default: none}": "Intensities of T1 and FLAIR were kept in physical units.",
    "imaging.spacing=[1, 1, 1]": "resampled to 1 x 1 x 1 mm",
    "selection.reproducibility=perturbation": "2 perturbed copies of each mask",
    "controls.voxels=[inside]": "with the voxels of the prepared scans in random order: within the lesion, which keeps its shape",
}


@pytest.mark.parametrize("override", STEPS)
def test_each_step_that_ran_is_said(told, override):
    assert STEPS[override] in told(override)
    assert STEPS[override] not in told()


def test_a_step_that_was_done_before_is_not_claimed(told):
    text = told("imaging.n4=[all]", "imaging.already=[n4, zscore]")
    assert "N4" not in text and "z-scored" not in text and "standardized before" in text


def test_every_work_it_cites_is_in_the_bibliography(told, house):
    known = set(re.findall(r"@\w+\{(\w+),", (house / "reports" / "references.bib").read_text()))
    cited = {key for override in STEPS for key in re.findall(r"@([a-z]+\d{4})", told(override))}
    assert cited == {"mattes2003", "tustison2010", "shinohara2014", "welch2019"} and cited <= known
