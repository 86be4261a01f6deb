"""Perturbed masks differ as readers do: a little, reproducibly, and never to nothing."""

import numpy as np
import SimpleITK as sitk

from helpers.imaging.perturbation import VOLUME, perturb


def array(image):
    return sitk.GetArrayFromImage(image)


def dice(a, b):
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


def test_same_seed_case_and_index_give_the_same_mask(builders):
    mask = builders.volume(builders.ball())
    first, second = (array(perturb(mask, seed=1, case="P1", index=1)) for _ in range(2))
    assert np.array_equal(first, second)


def test_seed_case_and_index_each_change_the_mask(builders):
    mask = builders.volume(builders.ball(radius=6))
    base = array(perturb(mask, seed=1, case="P1", index=1))
    for change in ({"seed": 2}, {"case": "P2"}, {"index": 2}):
        other = array(perturb(mask, **({"seed": 1, "case": "P1", "index": 1} | change)))
        assert not np.array_equal(base, other)


def test_perturbed_masks_overlap_as_readers_masks_do(builders):
    shape = (40, 40, 40)
    mask = builders.volume(builders.ball(shape, radius=10), spacing=(1.0, 1.0, 1.0))
    overlaps = [dice(array(mask), array(perturb(mask, seed=0, case=f"P{i}", index=1))) for i in range(12)]
    assert min(overlaps) > 0.80
    assert max(overlaps) < 0.99
    assert len(set(overlaps)) > 6


def test_volume_changes_within_its_limit(builders):
    mask = builders.volume(builders.ball(radius=6))
    before = array(mask).sum()
    ratios = [array(perturb(mask, seed=0, case="P1", index=k)).sum() / before for k in range(1, 20)]
    assert max(abs(r - 1) for r in ratios) <= VOLUME + 1 / before
    assert min(ratios) < 0.95
    assert max(ratios) > 1.05


def test_tiny_lesion_in_a_corner_survives(builders):
    corner = np.zeros((6, 6, 6), dtype=np.uint8)
    corner[0, 0, 0] = 1
    for index in range(1, 20):
        assert array(perturb(builders.volume(corner), seed=0, case="P1", index=index)).sum() >= 1


def test_grid_is_kept(builders):
    mask = builders.volume(builders.ball())
    assert perturb(mask, seed=0, case="P1", index=1).GetSpacing() == mask.GetSpacing()
