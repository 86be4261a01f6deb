"""What is unusual about a case's masks is found, ordered, and shown under a number, never a name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.cluster import Outcome
from helpers.evaluation import quality_printed
from helpers.imaging import montage, overview, quality
from helpers.statistics import agreement
from helpers.study import load


def here(function, items):
    """The mapper of these tests: one case after the other, in this process."""
    for item in items:
        yield Outcome(item, function(item))


def table_of(rows):
    frame = pd.DataFrame([vars(row) for row in rows])
    return frame[["case", "sequence", "reader", "image", "mask"]]


def geometry_of(images, **columns):
    base = {"volume_ml": 1.0, "voxels": 900, "spacing": "1.00 x 1.00 x 1.00", "gray_levels": 32, "note": ""}
    return images[["case", "sequence", "reader"]].assign(**(base | columns))


def test_dice_and_distance_of_readers_are_those_of_their_masks(row, builders, settings):
    second = np.roll(builders.ball(), 2, axis=1)
    images = table_of([row(), row(mask=second, reader="reader2")])
    found, edges = quality.segmentations(images, imaging=settings().imaging, mapper=here)
    spacing = (2.0, 1.2, 1.0)
    assert found[["reader_a", "reader_b"]].to_numpy().tolist() == [["reader1", "reader2"]]
    assert found["dice"][0] == agreement.dice(builders.ball(), second)
    assert found["hausdorff95"][0] == pytest.approx(agreement.hausdorff95(builders.ball(), second, spacing=spacing))
    assert not edges["P1"]


def test_one_mask_for_all_sequences_is_compared_once(row, settings):
    first = [row(), row(reader="reader2")]
    second = [replace(own, sequence="T2") for own in first]
    found, _ = quality.segmentations(table_of([*first, *second]), imaging=settings().imaging, mapper=here)
    assert found["sequence"].tolist() == ["T1, T2"]


def test_sequences_with_their_own_masks_are_compared_each(row, builders, settings):
    second = np.roll(builders.ball(), 1, axis=2)
    rows = [
        row(sequence=s, reader=r, mask=second if r == "reader2" else None)
        for s in ("T1", "T2")
        for r in ("reader1", "reader2")
    ]
    found, _ = quality.segmentations(table_of(rows), imaging=settings().imaging, mapper=here)
    assert found["sequence"].tolist() == ["T1", "T2"]


def test_three_readers_make_three_pairs(row, settings):
    rows = [row(reader=f"reader{i}") for i in (1, 2, 3)]
    found, _ = quality.segmentations(table_of(rows), imaging=settings().imaging, mapper=here)
    assert len(found) == 3 and (found["dice"] == 1).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [0, -1])
def test_a_lesion_at_any_face_of_the_volume_touches_the_edge(axis, side):
    lesion = np.zeros((5, 6, 7), dtype=bool)
    lesion[2, 3, 3] = True
    assert not quality.touches_edge(lesion)
    np.moveaxis(lesion, axis, 0)[side] = True
    assert quality.touches_edge(lesion)


def test_a_volume_of_one_slice_has_no_edge_across_it():
    lesion = np.zeros((1, 6, 7), dtype=bool)
    lesion[0, 3, 3] = True
    assert not quality.touches_edge(lesion)


def test_a_mask_that_was_left_out_is_left_out_here(row, builders, settings):
    bad = row(mask=np.zeros_like(builders.ball()), reader="reader2")
    found, _ = quality.segmentations(table_of([row(), bad]), imaging=settings().imaging, mapper=here)
    assert found.empty


def ranked(**columns):
    """Five cases a to e, unusual as asked."""
    images = pd.DataFrame({"case": list("abcde"), "sequence": "T1", "reader": "reader1"})
    dice = columns.pop("dice", [0.9] * 5)
    edge = columns.pop("edge", [False] * 5)
    pairs = pd.DataFrame({"case": list("abcde"), "sequence": "T1", "reader_a": "reader1", "reader_b": "reader2"})
    pairs = pairs.assign(dice=dice, hausdorff95=1.0)
    return quality.rank(geometry_of(images, **columns), pairs, pd.Series(edge, index=list("abcde")))


def test_worst_come_first_dice_then_notes_then_levels_then_edge_then_tiny():
    found = ranked(
        dice=[0.9, 0.95, 0.5, 0.97, 0.98], note=["", "moved", "", "", ""], gray_levels=[32, 32, 32, 5, 32],
        edge=[True, False, False, False, False], voxels=[900, 900, 900, 900, 30],
    )  # fmt: skip
    assert found["case"].tolist() == ["c", "b", "d", "a", "e"]
    assert found["number"].tolist() == [1, 2, 3, 4, 5]
    assert found["concern"].tolist() == ["Dice 0.50", "has a note", "5 gray levels", "at scan's edge", "30 voxels"]


def test_usual_cases_are_ordered_by_dice_and_carry_no_concern():
    found = ranked(dice=[0.8, 0.9, 0.75, 0.95, 0.85])
    assert found["case"].tolist() == ["c", "a", "e", "b", "d"]
    assert set(found["concern"]) == {""}


def test_a_note_of_the_whole_cohort_is_no_reason_to_look_at_one_case():
    every = "N4 left out: imaging.already says so"
    found = ranked(note=[every, every, f"{every}; mask moved by 0.1 mm onto the image's grid", every, every])
    assert found["case"][0] == "c" and found["note"][0].startswith("mask moved")
    assert found["concern"].tolist() == ["has a note", "", "", "", ""]


def test_perturbed_copies_are_no_readers():
    images = pd.DataFrame({"case": "a", "sequence": "T1", "reader": ["reader1", "perturbed1"]})
    geometry = geometry_of(images, gray_levels=[32, 3])
    found = quality.rank(geometry, pd.DataFrame({"case": [], "dice": [], "hausdorff95": []}), pd.Series({"a": False}))
    assert found["concern"].tolist() == [""] and found["dice"].isna().all()


def test_a_case_whose_masks_could_not_be_looked_at_says_so():
    images = pd.DataFrame({"case": ["a"], "sequence": "T1", "reader": "reader1"})
    none = pd.DataFrame({"case": [], "dice": [], "hausdorff95": []})
    found = quality.rank(geometry_of(images), none, pd.Series({}, dtype=bool))
    assert found["concern"].tolist() == ["masks not compared"]


def test_tiles_come_in_order_and_name_nobody(row, settings):
    rows = [row(case=name, reader=r) for name in ("ALPHA", "BETA", "GAMMA") for r in ("reader1", "reader2")]
    images = table_of(rows)
    pairs, edges = quality.segmentations(images, imaging=settings().imaging, mapper=here)
    order = quality.rank(geometry_of(images, note=["", "", "", "", "moved", ""]), pairs, edges)
    tiles = montage.tiles(images, order, sequence="T1", imaging=settings().imaging, most=2, mapper=here)
    assert [tile.number for tile in tiles] == [1, 2]
    assert tiles[0].concern == "has a note" and order["case"][0] == "GAMMA"
    assert not any(name in repr(tiles) for name in ("ALPHA", "BETA", "GAMMA"))
    assert [reader for reader, _ in tiles[0].slice[1]] == ["reader1", "reader2"]


def test_intensities_are_those_of_the_first_order_features():
    features = pd.DataFrame(
        {
            "case": ["a", "b"], "reader": "reader1", "T1_original_firstorder_Minimum": [-1.0, -2.0],
            "T1_original_firstorder_Median": [0.5, 0.7], "T1_original_firstorder_Maximum": [3.0, 4.0],
        }
    )  # fmt: skip
    images = pd.DataFrame({"case": ["a", "b"], "sequence": "T1", "reader": "reader1"})
    found = quality.intensities(features, geometry_of(images, gray_levels=[7, 120]), ["T1"])
    assert found["lowest"].tolist() == [-1, -2] and found["gray_levels"].tolist() == [7, 120]
    assert quality_printed.width(found) == "0.16"
    unasked = quality.intensities(features[["case", "reader"]], geometry_of(images), ["T1"])
    assert unasked["median"].isna().all() and quality_printed.width(unasked) == "not known"


WARNED = [
    ([5, 6, 30], "too few levels: narrow the bins"),
    ([30, 150, 200], "too many levels: widen the bins"),
    ([30, 30, 30], "none"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "warning"), WARNED)
def test_the_bin_count_table_warns_where_levels_are_few_or_many(levels, warning, settings):
    table = pd.DataFrame(
        {"case": list("abc"), "sequence": "T1", "lowest": 0.0, "median": 1.0, "highest": 3.0, "gray_levels": levels}
    )
    printed = quality_printed.intensities(table, settings())
    assert printed["Warning"].tolist() == [warning]
    assert printed["Bin width for 32 levels"].tolist() == ["0.094"]


def test_prose_says_what_is_unusual_and_what_cannot_be_judged():
    found = ranked(dice=[0.5, 0.9, 0.9, 0.9, 0.9], edge=[False, True, True, False, False])
    none = pd.DataFrame(columns=["case", "sequence", "reader_a", "reader_b", "dice", "hausdorff95"])
    measured = pd.DataFrame({"gray_levels": [32.0] * 5})
    said = quality_printed.numbers(found, none, measured, shown=5)
    assert said["shown"] == "all 5 cases"
    assert (
        said["concerns"]
        == "In 1 of 5 (20 %) the readers' Dice was below 0.7 and in 2 of 5 (40 %) a mask reaches the edge of the scan."
    )
    assert "by one reader" in said["agreement"]
    assert quality_printed.agreement(none).shape == (1, 6)
    unmeasured = quality_printed.numbers(found, none, measured.assign(gray_levels=np.nan), shown=5)
    assert "not counted" in unmeasured["levels"] and "only reader" in unmeasured["key"]


def test_agreement_table_counts_low_dice():
    pairs = pd.DataFrame({"case": list("abcd"), "sequence": "T1, T2", "reader_a": "reader1", "reader_b": "reader2"})
    pairs = pairs.assign(dice=[0.6, 0.8, 0.9, 0.95], hausdorff95=[5.0, 2.0, 1.0, 1.0])
    (printed,) = quality_printed.agreement(pairs).itertuples(index=False)
    assert printed[1:5] == ("reader 1 and reader 2", 4, "0.85 (0.60 to 0.95)", "1 of 4 (25 %)")


def test_steps_of_the_example_case_say_what_was_done(row, tmp_path, builders):
    path = tmp_path / "steps.yaml"
    path.write_text("cohort: {sequences: [T1]}\nimaging: {orientation: RAS, spacing: [2.0, 2.0, 2.0]}\n")
    images = table_of([row()])
    steps = overview.steps(load(path), images, images)
    assert [step.name for step in steps] == ["As read", "Reoriented", "Normalized", "Resampled"]
    assert all(step.values.size and step.image.size for step in steps)
    assert "z-scored" in steps[2].words and "2 x 2 x 2 mm" in steps[3].words


def test_steps_show_registration_and_the_brain_alone(row, tmp_path, builders):
    path = tmp_path / "steps.yaml"
    path.write_text(
        "cohort: {sequences: [T1, T2]}\nimaging: {register_to: T1, skull_strip: true, normalize: {default: zscore_mask}}\n"
    )
    shape = (24, 40, 36)
    here, there = (builders.volume(builders.texture(shape)) for _ in range(2))
    there.SetOrigin((8.0, 0.0, 0.0))
    mask = builders.ball(shape)
    off = builders.volume(mask)
    off.SetOrigin((8.0, 0.0, 0.0))
    images = table_of([row(here, mask), row(there, off, sequence="T2")])
    brains = [row(case=c, mask=m).mask for c, m in (("B", builders.ball(shape, radius=7)), ("C", off))]
    steps = overview.steps(load(path), images.assign(brain_mask=brains), images)
    assert [step.name for step in steps if step.sequence == "T2"] == [
        "As read",
        "Registered",
        "Brain alone",
        "Normalized",
    ]
