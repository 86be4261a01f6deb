"""Image and mask share one grid, or are told apart by their differences."""

import numpy as np
import pytest

from helpers.errors import CaseError
from helpers.imaging import geometry


def test_small_shift_is_repaired_and_noted(builders):
    image, mask = builders.volume(builders.texture()), builders.volume(builders.ball())
    mask.SetOrigin((0.004, 0, 0))
    aligned, note = geometry.align(mask, image, 0.01)
    assert aligned.GetOrigin() == image.GetOrigin()
    assert note == "mask moved by 0.004 mm onto the image's grid"


def test_equal_grids_get_no_note(builders):
    assert geometry.align(builders.volume(builders.ball()), builders.volume(builders.texture()), 0.01)[1] == ""


def test_mismatch_counts_what_spacing_does_at_the_far_corner(builders):
    image, mask = builders.volume(builders.texture()), builders.volume(builders.ball(), spacing=(1.001, 1.2, 2.0))
    assert geometry.mismatch(mask, image) == pytest.approx(0.017)


@pytest.mark.parametrize(
    ("change", "stated"),
    [
        (lambda mask: mask.SetOrigin((3, 0, 0)), r"origin differs by \(3, 0, 0\) mm"),
        (lambda mask: mask.SetSpacing((1, 1.2, 2.5)), r"spacing differs by \(0, 0, 0\.5\) mm"),
        (lambda mask: mask.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1)), r"direction differs by \(-2, 0, 0, 0, -2, 0"),
    ],
)
def test_large_mismatch_is_refused_with_its_deltas(builders, change, stated):
    image, mask = builders.volume(builders.texture()), builders.volume(builders.ball())
    change(mask)
    with pytest.raises(CaseError, match=f"another grid than the image.*{stated}.*: resample it"):
        geometry.align(mask, image, 0.01)


def test_other_size_is_refused_with_its_delta(builders):
    mask = builders.volume(builders.ball((15, 20, 18)))
    with pytest.raises(CaseError, match=r"size differs by \(0, 0, -1\) voxels"):
        geometry.align(mask, builders.volume(builders.texture()), 1000.0)


def test_one_voxel_is_too_small():
    lesion = np.zeros((5, 5, 5), dtype=bool)
    lesion[2, 2, 2] = True
    with pytest.raises(CaseError, match=r"the lesion has 1 voxel, fewer than imaging\.minimum_voxels \(27\)"):
        geometry.check_lesion(lesion, minimum_voxels=27)


def test_line_of_voxels_is_refused():
    lesion = np.zeros((5, 5, 40), dtype=bool)
    lesion[2, 2, :30] = True
    with pytest.raises(CaseError, match="line of 30 voxels"):
        geometry.check_lesion(lesion, minimum_voxels=27)


def test_report_gives_milliliters(builders):
    report = geometry.report(builders.volume(np.ones((10, 10, 10), dtype=np.uint8), spacing=(1.0, 1.0, 2.5)))
    assert report == {"volume_ml": 2.5, "voxels": 1000, "spacing": "1.0 x 1.0 x 2.5"}


def test_box_is_tight_and_union_holds_all():
    lesion = np.zeros((6, 7, 8), dtype=bool)
    lesion[1:3, 2, 4:7] = True
    assert geometry.box(lesion) == (slice(1, 3), slice(2, 3), slice(4, 7))
    other = (slice(0, 2), slice(5, 6), slice(4, 5))
    assert geometry.union([geometry.box(lesion), other]) == (slice(0, 3), slice(2, 6), slice(4, 7))
