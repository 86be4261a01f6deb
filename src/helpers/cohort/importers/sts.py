"""Soft-tissue sarcoma, T1 MR and FDG-PET (Vallieres 2015, doi 10.1088/0031-9155/60/14/5471), as laid out by the IBSI."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from helpers.cohort import manifest
from helpers.errors import RadiogramError

FILES = {"T1": "MR_T1", "PET": "PET"}
CLINICAL = {"Age": "age", "Sex": "sex", "Grade": "grade", "MSKCC type": "histology"}


def rows(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Manifest rows (patient, endpoint, center, an image and a mask a sequence, clinical) and notes on what was found.

    Raises RadiogramError when the folder does not hold the data set.
    """
    if not (root / "outcome.csv").is_file():
        raise RadiogramError(
            f"No outcome.csv in {root}: cohort.root must name the folder with outcome.csv, clinical.csv and nifti/ "
            "(give yours with --set cohort.root=FOLDER)."
        )
    outcome = manifest.read(root / "outcome.csv").frame.rename(
        columns={"PatientID": "patient", "lung_mets": "metastasis"}
    )
    clinical = manifest.read(root / "clinical.csv").frame.rename(columns={"Patient ID": "patient", **CLINICAL})
    merged = outcome.merge(clinical[["patient", *CLINICAL.values()]], on="patient", how="left", validate="one_to_one")
    merged["center"] = "McGill"
    for sequence, stem in FILES.items():
        merged[sequence] = [str(root / "nifti" / p / f"{stem}_image.nii.gz") for p in merged["patient"]]
        merged[f"mask_{sequence}"] = [str(root / "nifti" / p / f"{stem}_mask.nii.gz") for p in merged["patient"]]
    without = int(merged["age"].isna().sum())
    return merged, [f"{without} of {len(merged)} patients have no row in clinical.csv"] if without else []
