"""On real scans: the sarcoma cohort's first patients, whose facts were published by others."""

from helpers.imaging import extract
from helpers.study import load


def rows(folder, case):
    place = folder / "sts" / "nifti" / case
    return [
        extract.ImageRow(case, s, "reader1", str(place / f"{s}_image.nii.gz"), str(place / f"{s}_mask.nii.gz"))
        for s in ("MR_T1", "PET")
    ]


def test_sarcoma_patient_is_measured_on_both_grids(shared_data, tmp_path):
    path = tmp_path / "sts.yaml"
    path.write_text(
        "cohort: {sequences: [MR_T1, PET]}\nimaging: {normalize: {PET: none}}\n"
        "radiomics: {image_types: [original]}\ndeep: {enabled: false}\n"
    )
    parameters = load(path).parameters
    result = extract.case_features(rows(shared_data, "STS_002"), parameters=parameters, store=tmp_path / "store")
    found = result.features[0][1]
    volumes = [row["volume_ml"] for row in result.geometry]
    assert abs(volumes[0] / volumes[1] - 1) < 0.05  # one tumor, outlined on two grids
    assert 21.67 < found["PET_original_firstorder_Maximum"] < 21.68
    assert len(found) == 2 * 107
