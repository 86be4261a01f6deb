"""A case in DICOM is measured as the same case in NIfTI, from the manifest's path to the features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from skimage.measure import find_contours

from helpers.errors import CaseError
from helpers.imaging import extract, read
from helpers.imaging.extract import ImageRow
from helpers.tables import Tables


@pytest.fixture
def case(tmp_path, dicom, builders):
    """The folder of a case: a series and an RTSTRUCT in DICOM, and the same image and mask as NIfTI."""
    array, mask = builders.texture().round().astype(np.int16), builders.ball()
    volume = dicom.image(array, spacing=(1.0, 1.25, 2.0))  # exact in the single precision of NIfTI
    dicom.series(tmp_path / "dicom", volume, description="T1c", modality="MR", sop_class=dicom.MR)
    contours = []
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        for outline in find_contours(mask[z].astype(float), 0.5):
            points = [(float(x), float(y), float(z)) for y, x in outline[:-1]]
            contours.append(np.array([volume.TransformContinuousIndexToPhysicalPoint(p) for p in points]))
    dicom.rtstruct(tmp_path / "dicom" / "rs.dcm", {"GTV": contours, "PTV": None})
    sitk.WriteImage(volume, str(tmp_path / "scan.nii.gz"))
    lesion = sitk.GetImageFromArray(mask)
    lesion.CopyInformation(volume)
    sitk.WriteImage(lesion, str(tmp_path / "mask.nii.gz"))
    return tmp_path


def measured(case, settings, image, mask):
    row = ImageRow("P1", "T1", "reader1", str(case / image), str(case / mask))
    return extract.case_features([row], parameters=settings(), store=case / "store")


def test_a_case_in_dicom_gives_the_features_of_the_same_case_in_nifti(case, settings):
    plain = measured(case, settings, "scan.nii.gz", "mask.nii.gz")
    found = measured(case, settings, "dicom/#T1c", "dicom/#GTV")
    ((_, expected),), ((_, features),) = plain.features, found.features
    assert features.keys() == expected.keys()
    assert np.allclose(list(features.values()), list(expected.values()), rtol=1e-9)


def test_an_empty_structure_excludes_the_case_with_its_name(case, settings):
    with pytest.raises(CaseError, match="Case P1, T1, reader1: structure PTV of .* is listed but has no contours"):
        measured(case, settings, "dicom/#T1c", "dicom/#PTV")


def test_the_table_of_sources_names_series_and_structure(case, dicom, tmp_path):
    rows = read.source_rows("P1", "T1", "reader1", image=f"{case}/dicom/#t1c", mask=f"{case}/dicom/#gtv")
    table = Tables(tmp_path / "tables").write("sources", pd.DataFrame(rows))
    assert table["kind"].tolist() == ["image", "mask"]
    assert table["format"].tolist() == ["DICOM series", "DICOM RTSTRUCT"]
    assert table["series_uid"].tolist() == [dicom.SERIES, f"{dicom.SERIES}.9"]
    assert table["structure"].tolist() == ["", "GTV"]
