"""UCSF-PDGM pre-operative gliomas (TCIA, doi 10.7937/tcia.bdgf-8v37): metadata and PyRadiomics features of T1c."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from helpers.cohort import manifest
from helpers.errors import RadiogramError

CLINICAL = {"Age at MRI": "age", "Sex": "sex"}


def table(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """One row a patient: patient, idh, center, age, sex and features `T1c_original_*`; notes on what was found.

    IDH is 0 for `wildtype` and 1 for any mutation named. Raises RadiogramError when the folder does not hold the files.
    """
    metadata = manifest.read(_only(root, "UCSF-PDGM-metadata*.csv")).frame
    features = manifest.read(_only(root, "radiomic_features_T1gad*.csv")).frame
    metadata["patient"], features["patient"] = metadata["ID"].map(_identifier), features["ID"].map(_identifier)
    measured = {c: f"T1c_{c}" for c in features if re.match(r"(original|log|wavelet)", c)}
    features = features[["patient", *measured]].rename(columns=measured)
    merged = metadata.rename(columns=CLINICAL).merge(features, on="patient", how="inner", validate="one_to_one")
    merged["idh"] = [None if v is None else float(v != "wildtype") for v in merged["IDH"]]
    merged["center"] = "UCSF"
    lost = len(metadata) - len(merged)
    notes = [f"{lost} of {len(metadata)} patients have no features"] if lost else []
    return merged[["patient", "idh", "center", *CLINICAL.values(), *measured.values()]], notes


def _identifier(text: str) -> str:
    """Patient ids have three digits in some releases and four in others: joined as a number, follow-ups kept apart."""
    found = re.fullmatch(r"UCSF-PDGM-(\d+)(_FU\d+d)?", text)
    if not found:
        raise RadiogramError(f"{text} is not a UCSF-PDGM patient id.")
    return f"UCSF-PDGM-{int(found[1]):04d}{found[2] or ''}"


def _only(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if not found:
        raise RadiogramError(
            f"No {pattern} in {root}: cohort.root must name the folder that holds it (--set cohort.root=FOLDER)."
        )
    return found[-1]
