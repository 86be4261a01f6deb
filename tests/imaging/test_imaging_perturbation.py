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


# What each link of the chain does alone.
NOTHING = {"rotation": 0.0, "translation": 0.0, "volume": 0.0, "contour": 0.0}


def ellipsoid(builders):
    """Axes of 4, 6 and 12 mm in voxels of 2, 1 and 1 mm: long enough to show a turn."""
    z, y, x = np.indices((24, 48, 48)) - np.array([12, 24, 24])[:, None, None, None]
    inside = ((2 * z / 6) ** 2 + (y / 4) ** 2 + (x / 12) ** 2 <= 1).astype(np.uint8)
    return builders.volume(inside, spacing=(1.0, 1.0, 2.0))


def axis_of(values):
    """Direction in mm along which a mask is longest."""
    points = np.argwhere(values) * np.array([2.0, 1.0, 1.0])
    return np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]


def test_a_chain_without_links_leaves_the_mask_as_it_is(builders):
    mask = ellipsoid(builders)
    assert np.array_equal(array(perturb(mask, seed=1, case="P1", index=1, **NOTHING)), array(mask))


def test_rotation_turns_the_lesion_about_its_center_and_keeps_its_volume(builders):
    mask = ellipsoid(builders)
    before = array(mask)
    angles = []
    for index in range(1, 13):
        turned = array(perturb(mask, seed=1, case="P1", index=index, **NOTHING | {"rotation": 20.0}))
        assert turned.sum() == before.sum()
        moved = (np.argwhere(turned).mean(axis=0) - np.argwhere(before).mean(axis=0)) * [2, 1, 1]
        assert np.abs(moved).max() < 0.5
        cosine = abs(axis_of(turned) @ axis_of(before))
        angles.append(np.degrees(np.arccos(min(cosine, 1.0))))
    assert 8 < max(angles) < 22
    assert len({round(angle, 3) for angle in angles}) > 6


def test_translation_moves_by_no_more_than_its_limit_and_keeps_the_form(builders):
    mask = ellipsoid(builders)
    moves = []
    for index in range(1, 13):
        moved = array(perturb(mask, seed=1, case="P1", index=index, **NOTHING | {"translation": 3.0}))
        assert moved.sum() == array(mask).sum()
        moves.append(np.argwhere(moved).mean(axis=0) - np.argwhere(array(mask)).mean(axis=0))
    assert 1.5 < np.abs(moves).max() <= 3.2


def test_volume_alone_grows_around_the_mask_or_shrinks_within_it(builders):
    mask = ellipsoid(builders)
    before = array(mask).astype(bool)
    for index in range(1, 9):
        after = array(perturb(mask, seed=1, case="P1", index=index, **NOTHING | {"volume": 0.3})).astype(bool)
        assert (after <= before).all() or (after >= before).all()


def test_turning_a_mask_leaves_the_chances_of_the_other_links_as_they_are(builders):
    mask = builders.volume(builders.ball((30, 30, 30), radius=8), spacing=(1.0, 1.0, 1.0))
    plain, turned = (array(perturb(mask, seed=1, case="P1", index=3, rotation=angle)) for angle in (0.0, 1e-9))
    assert np.array_equal(plain, turned)
