"""A changed input is noticed, however the manifest names it."""

import pytest

from helpers.cohort import inputs
from helpers.study import load


@pytest.fixture
def study(tmp_path):
    """A study whose manifest names a file, a folder with a series in it, and a structure of a file."""
    (tmp_path / "P1" / "series").mkdir(parents=True)
    for name in ("P1/T1.nii.gz", "P1/series/0001", "P1/rs.dcm"):
        (tmp_path / name).write_bytes(b"before")
    (tmp_path / "sheet.csv").write_text(
        "patient,label,T1,T2,mask\n1,0,P1/T1.nii.gz,P1/series#T2*,P1/rs.dcm#GTV\n2,1,.,,a note\n"
    )
    file = tmp_path / "own.yaml"
    file.write_text("cohort: {source: manifest, manifest: sheet.csv, sequences: [T1, T2]}\n")
    return load(file, overrides=[f"cohort.manifest={tmp_path / 'sheet.csv'}"])


@pytest.mark.parametrize("name", ["P1/T1.nii.gz", "P1/series/0001", "P1/rs.dcm"])
def test_a_changed_scan_structure_or_slice_is_noticed(study, tmp_path, name):
    before = inputs.fingerprint(study)["scans"]
    assert inputs.fingerprint(study)["scans"] == before
    (tmp_path / name).write_bytes(b"afterwards")
    assert inputs.fingerprint(study)["scans"] != before


def test_what_no_cell_names_does_not_count(study, tmp_path):
    before = inputs.fingerprint(study)["scans"]
    (tmp_path / "notes.txt").write_text("of no concern")
    assert inputs.fingerprint(study)["scans"] == before
