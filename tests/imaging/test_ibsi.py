"""The digital phantom of the image biomarker standardization initiative, against the values its manual prints."""

import numpy as np
import pytest

from helpers.imaging.radiomics import discretize, firstorder, ibsi, shape
from helpers.imaging.radiomics import ibsi_reference as manual
from helpers.imaging.radiomics.settings import Settings


def test_the_phantom_is_as_the_manual_describes_it():
    values, lesion = ibsi.phantom()
    assert values.shape == lesion.shape == (4, 4, 5)
    assert lesion.sum() == 74 and not lesion[2, 2, 2]  # one voxel inside is excluded
    assert set(values[lesion]) == {1, 3, 4, 6}
    assert values[0, 1].tolist() == [1, 4, 6, 1, 1]


def test_gray_levels_of_the_phantom_stay_as_they_are():
    values, lesion = ibsi.phantom()
    levels = discretize.discretize(values, lesion, settings=ibsi.PHANTOM, name="original")
    assert np.array_equal(levels.matrix, np.where(lesion, values, 0))


@pytest.mark.parametrize("aggregation", list(ibsi.AGGREGATIONS))
def test_every_feature_agrees_to_the_digits_printed_but_for_the_named_departures(aggregation):
    found = ibsi.table((aggregation,))
    assert len(found)
    for row in found.to_dict("records"):
        expected = "after conversion" if (row["class"], row["feature"]) in ibsi.DEPARTURES else "yes"
        assert row["agrees"] == expected, row


def test_named_departures_depart():
    found = ibsi.table().set_index(["class", "feature"])
    for key in ibsi.DEPARTURES:
        assert ibsi.printed(found.loc[key, "measured"]) != found.loc[key, "reference"], key
        assert found.loc[key, "remark"]
    assert found.loc[("firstorder", "Kurtosis"), "measured"] == pytest.approx(3 - 0.355, abs=5e-4)


def test_the_appendix_holds_one_line_a_feature():
    found = ibsi.table()
    assert len(found) == len(manual.REFERENCE) == 105
    assert found["code"].is_unique and not found.duplicated(["class", "feature"]).any()


def test_every_feature_has_a_reference_or_is_known_to_have_none():
    modules = {"shape": shape, "firstorder": firstorder, **ibsi.TEXTURES}
    for kind, module in modules.items():
        referenced = {row.feature for row in manual.REFERENCE if row.kind == kind}
        known = {*module.NAMES, *getattr(module, "DEPRECATED", ())}
        assert known == referenced | set(ibsi.UNKNOWN.get(kind, ())), kind
        assert not referenced & set(ibsi.UNKNOWN.get(kind, ()))


def test_bins_of_a_fixed_width_begin_at_a_multiple_of_it_and_not_at_the_minimum():
    values = np.array([[[7.0, 24.0, 26.0, 33.0]]])
    levels = discretize.discretize(
        values, np.ones(values.shape, dtype=bool), settings=Settings(bin_width=25.0), name="original"
    )
    by_the_manual = np.floor((values - values.min()) / 25) + 1
    assert levels.matrix.ravel().tolist() == [1, 1, 2, 2] and by_the_manual.ravel().tolist() == [1, 1, 1, 2]


def test_a_resampled_grid_shares_the_corner_and_whole_numbers_lose_their_fraction():
    import SimpleITK as sitk
    from radiomics import imageoperations

    values = np.broadcast_to(np.arange(0, 100, 10, dtype=np.int16), (4, 4, 10)).copy()
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(np.ones(values.shape, dtype=np.uint8))
    resampled, _ = imageoperations.resampleImage(
        image, mask, resampledPixelSpacing=[1.7, 1.0, 1.0], interpolator=sitk.sitkLinear, padDistance=0
    )
    assert resampled.GetOrigin()[0] == pytest.approx(0.35)  # its corner at -0.5, as the image's
    by_the_manual = (9 - 1.7 * (np.ceil(10 / 1.7) - 1)) / 2
    assert by_the_manual == pytest.approx(0.25)
    assert sitk.GetArrayFromImage(resampled)[1, 1, 1] == 20  # 20.5 at 2.05
