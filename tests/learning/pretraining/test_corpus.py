from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from helpers.errors import RadiogramError
from helpers.learning.pretraining import corpus, naming, pretrain


def scan(number, size=20):
    """A head of noise in air."""
    values = np.random.default_rng(number).normal(100, 20, (size, size, size))
    place = np.indices(values.shape) - (size - 1) / 2
    return np.where((place**2).sum(axis=0) < (0.45 * size) ** 2, values, 0).astype(np.float32)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path):
    """Ten volumes: six patients' T1c, of which two are one, one damaged, and files that are none of our sequences."""
    place = tmp_path / "volumes"
    for number in range(6):
        write(place / f"patient{number}" / f"BraTS_{number}_t1ce.nii.gz", scan(number))
    write(place / "patient7" / "again_T1C.nii", scan(3))
    write(place / "patient0" / "BraTS_0_t1.nii.gz", scan(20))
    write(place / "patient0" / "BraTS_0_seg.nii.gz", scan(21))
    (place / "patient8").mkdir()
    (place / "patient8" / "cut_t1ce.nii.gz").write_bytes(b"no image")
    return place


@pytest.fixture
def given(open_study, folder, keep):
    study = open_study(f"pretraining.folder={folder}", "pretraining.sequences=[T1c]", "volumes.extent=lesion")
    return study, keep(study)


def collected(given, mapper):
    study, held = given
    return corpus.collect(study, held.listed, held.cases, mapper=mapper)


def test_a_volume_counts_once_whatever_file_holds_it(given, mapper):
    found = collected(given, mapper)
    assert found.volumes == 8  # the T1 and the segmentation are neither
    assert found.repeated == 1
    assert len(found.images) == 6 * corpus.CROPS
    assert not found.patients


def test_a_file_that_is_no_image_is_named_and_left_out(given, mapper):
    (sentence,) = collected(given, mapper).unusable
    assert "cut_t1ce.nii.gz" in sentence


def test_a_scan_of_a_test_patient_is_left_out(given, mapper, tmp_path):
    study, held = given
    write(tmp_path / "test.mha", scan(2))
    write(tmp_path / "training.mha", scan(1))
    rows = [("case-04", tmp_path / "test.mha"), ("case-00", tmp_path / "training.mha")]
    images = pd.DataFrame([{"case": case, "image": str(path)} for case, path in rows])
    study.tables.write(
        "images", images.assign(sequence="T1c", reader="reader1", mask="", brain_mask="", dose="", target="")
    )
    found = collected(given, mapper)
    assert found.testing == 1
    assert len(found.images) == 5 * corpus.CROPS


def test_images_of_a_folder_have_the_size_and_the_scale_of_the_study(given, mapper):
    values = np.stack([np.load(image.file) for image in collected(given, mapper).images])
    assert values.shape[1:] == (8, 8, 8) and values.dtype == np.float32
    assert np.isfinite(values).all() and np.abs(values).max() <= 5


def test_an_encoder_learns_from_a_folder_and_remembers_no_patient_of_the_study(given, mapper):
    study, held = given
    table = pretrain.fit(study, held.listed, held.cases, mapper=mapper)
    assert len(table) == 6
    assert pretrain.about(study)["patients"] == []
    assert pretrain.about(study)["groups"] == 6


def test_the_whole_head_is_one_image(open_study, folder, keep, mapper):
    study = open_study(f"pretraining.folder={folder}", "pretraining.sequences=[T1c]", "volumes.extent=whole")
    assert len(collected((study, keep(study)), mapper).images) == 6


@pytest.mark.parametrize(
    ("name", "sequence", "said"),
    [
        ("BraTS_001_t1ce.nii.gz", "T1c", True),
        ("BraTS_001_t1.nii.gz", "T1c", False),
        ("sub-1 FLAIR.nii", "FLAIR", True),
        ("x-t2f.nii", "FLAIR", True),
        ("flairseg.nii", "FLAIR", False),
    ],
)
def test_a_file_says_its_sequence_in_a_word_of_its_name(tmp_path, name, sequence, said):
    assert naming.says(tmp_path / name, sequence) is said


def test_a_folder_that_is_not_there_or_holds_nothing_is_said(open_study, keep, mapper, tmp_path):
    missing = open_study(f"pretraining.folder={tmp_path / 'nowhere'}")
    with pytest.raises(RadiogramError, match="no folder"):
        collected((missing, keep(missing)), mapper)
    empty = open_study(f"pretraining.folder={tmp_path}")
    with pytest.raises(RadiogramError, match="no volume whose name says"):
        collected((empty, keep(empty)), mapper)
