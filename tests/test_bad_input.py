"""Bad input, as a user meets it: one clear sentence naming file and patient, exit status 2, nothing half-written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from click.testing import CliRunner

from helpers.cli import main

PATIENTS = 16


def save(path: Path, values: np.ndarray, *, origin=(0.0, 0.0, 0.0)) -> None:
    image = sitk.GetImageFromArray(values, isVector=False)
    image.SetOrigin((*origin, 0.0)[: values.ndim])
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """Sixteen small scans with a lesion each."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(5)
    for number in range(PATIENTS):
        scan = rng.normal(100, 20, (12, 16, 16)).astype(np.float32)
        mask = np.zeros(scan.shape, np.uint8)
        mask[4:9, 5:11, 5:11] = 1
        save(folder / "img" / f"P{number:02d}.nii.gz", scan)
        save(folder / "img" / f"M{number:02d}.nii.gz", mask)
    return folder


@pytest.fixture
def cohort(scans, tmp_path, monkeypatch):
    """A manifest, a study file that reads it, and the command on it; returns a function that runs `check` or `report`."""
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    sheet = pd.DataFrame(
        {
            "patient": [f"P{n:02d}" for n in range(PATIENTS)],
            "label": [n % 2 for n in range(PATIENTS)],
            "center": "A",
            "T1": [str(scans / "img" / f"P{n:02d}.nii.gz") for n in range(PATIENTS)],
            "mask": [str(scans / "img" / f"M{n:02d}.nii.gz") for n in range(PATIENTS)],
            "age": [50.0 + n for n in range(PATIENTS)],
        }
    ).astype(object)
    return Trial(tmp_path, sheet)


class Trial:
    def __init__(self, folder: Path, sheet: pd.DataFrame) -> None:
        self.folder, self.sheet, self.values = folder, sheet, {}
        self.settings = [
            "modeling.folds=3",
            "execution.isolated=false",  # sentences are the same from a process of its own: see test_cluster
            "deep.enabled=false",
            "cohort.max_excluded_fraction=0.2",
        ]

    def write(self, content: str | None = None) -> Path:
        (self.folder / "mine.csv").write_text(content or self.sheet.to_csv(index=False))
        study = {
            "title": "Mine",
            "cohort": {
                "source": "manifest",
                "manifest": str(self.folder / "mine.csv"),
                "sequences": ["T1"],
                "clinical": ["age"],
            },
            "radiomics": {"image_types": ["original"], "classes": ["firstorder"]},
            "selection": {"reproducibility": "none"},
            "modeling": {"signatures": ["radiomics", "clinical"], "nomogram": ["radiomics", "clinical"]},
        }
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(study))
        return self.folder / "mine.yaml"

    def __call__(self, command: str = "check", *, content: str | None = None):
        settings = [part for setting in self.settings for part in ("--set", setting)]
        return CliRunner().invoke(main, [command, str(self.write(content)), *settings])

    def replace(self, values: np.ndarray, column: str, **options) -> None:
        """Give patient P03 another scan or mask."""
        path = self.folder / "img" / f"bad_{column}.nii.gz"
        save(path, values, **options)
        self.sheet.loc[3, column] = str(path)


def lesion(value: int = 1) -> np.ndarray:
    mask = np.zeros((12, 16, 16), np.uint8)
    mask[4:9, 5:11, 5:11] = value
    return mask


def noise() -> np.ndarray:
    return np.random.default_rng(1).normal(100, 20, (12, 16, 16)).astype(np.float32)


def one_voxel() -> np.ndarray:
    mask = np.zeros((12, 16, 16), np.uint8)
    mask[5, 5, 5] = 1
    return mask


def two_labels() -> np.ndarray:
    mask = lesion(2)
    mask[5, 6, 6] = 4
    return mask


def with_nan() -> np.ndarray:
    scan = noise()
    scan[0, 0, 0] = np.nan
    return scan


def flat_in_the_lesion() -> np.ndarray:
    scan = noise()
    scan[3:10, 4:12, 4:12] = 100
    return scan


def test_a_good_cohort_passes_and_nothing_is_written(cohort):
    result = cohort()
    assert result.exit_code == 0, result.output
    assert "No exclusions." in result.output and not (cohort.folder / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "values", "options", "sentence"),
    [
        ("mask", lesion()[:, :, :12], {}, "the mask lies on another grid than the image (size differs by (-4, 0, 0) voxels"),
        ("mask", lesion(), {"origin": (5.0, 0.0, 0.0)}, "origin differs by (5, 0, 0) mm"),
        ("mask", lesion(0), {}, "is empty: draw the lesion"),
        ("mask", one_voxel(), {}, "voxel"),
        ("mask", two_labels(), {}, "has no voxel of value 1, but of 2, 4"),
        ("T1", with_nan(), {}, "has NaN or infinite values in 1 of 3,072 voxels"),
        ("T1", flat_in_the_lesion(), {}, "the lesion is flat"),
        ("T1", np.stack([noise(), noise()]), {}, "is 4-D"),
    ],
)  # fmt: skip
def test_one_bad_case_is_excluded_with_file_patient_and_reason(cohort, column, values, options, sentence):
    cohort.replace(values, column, **options)
    result = cohort()
    assert result.exit_code == 0, result.output
    line = next(line for line in result.output.splitlines() if line.startswith("Would be excluded"))
    assert sentence in line and "P03" in line and "bad_" in line


def test_a_missing_file_is_named(cohort):
    cohort.sheet.loc[3, "T1"] = "nowhere/P03.nii.gz"
    assert "nowhere/P03.nii.gz is missing" in cohort().output


def test_a_cell_without_a_path_is_said(cohort):
    cohort.sheet.loc[3, "mask"] = None
    assert re.search(r"Would be excluded: P03: .*no mask", cohort().output)


def test_a_small_mismatch_is_repaired_and_reported(cohort):
    cohort.replace(lesion(), "mask", origin=(0.005, 0.0, 0.0))
    result = cohort()
    assert "Case P03, T1, reader1: mask moved by 0.005 mm" in result.output and "No exclusions." in result.output


def test_a_mask_of_0_and_255_is_read_and_said(cohort):
    cohort.replace(lesion(255), "mask")
    assert "mask value 255 read as the lesion" in cohort().output


def test_an_absurd_number_of_gray_levels_is_refused_before_it_is_computed(cohort):
    cohort.settings += ["radiomics.bin_count=null", "radiomics.bin_width=0.0001"]
    result = cohort()
    assert result.exit_code == 2 and "gray levels" in result.output


def test_too_many_bad_cases_stop_the_run(cohort):
    cohort.sheet.loc[:5, "T1"] = "nowhere.nii.gz"
    result = cohort()
    assert result.exit_code == 2
    assert "6 of 16 cases cannot be used, more than the 20%" in result.output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"patient": "P02"}, "patient P02 is given on lines 4 and 5"),
        ({"label": 2}, "endpoint label of patient P03 is 2; it must be 1"),
    ],
)
def test_a_wrong_row_stops_with_status_2_and_nothing_written(cohort, change, sentence):
    for column, value in change.items():
        cohort.sheet.loc[3, column] = value
    result = cohort("report")
    assert result.exit_code == 2 and sentence in result.output
    assert not (cohort.folder / "runs").exists()


def test_one_class_only_stops(cohort):
    cohort.sheet["label"] = 1
    result = cohort("report")
    assert result.exit_code == 2 and "has no patient with negative" in result.output


def test_a_class_smaller_than_the_folds_stops_with_a_way_out(cohort):
    cohort.sheet["label"] = [1] * 3 + [0] * 13
    result = cohort("report")
    assert result.exit_code == 2 and "set modeling.folds=2" in result.output


def test_a_patient_in_both_parts_stops(cohort):
    cohort.sheet["part"] = ["train", "test"] * 8
    cohort.sheet.loc[3, "patient"] = "P02"
    cohort.settings.append("cohort.part_column=part")
    assert "patient P02 is in both test and train" in cohort("report").output


def test_a_sheet_saved_by_excel_is_read_and_said(cohort):
    text = cohort.sheet.assign(age=[f"{50 + n},5" for n in range(PATIENTS)]).to_csv(index=False, sep=";")
    result = cohort(content="\ufeff" + text)
    assert result.exit_code == 0, result.output
    assert "separated by ';'" in result.output and "decimals with a comma in age" in result.output


def test_missing_clinical_values_are_counted(cohort):
    cohort.sheet.loc[3, "age"] = None
    assert "age is missing in 1 of 16 (6 %): imputed within the training patients" in cohort().output


def test_more_features_than_memory_stops_before_the_first_case(cohort, monkeypatch):
    import psutil

    few = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: few)
    result = cohort()
    assert result.exit_code == 2 and "of memory" in result.output


def test_no_weights_file_stops_and_is_named(cohort):
    cohort.settings += ["deep.enabled=true", "deep.weights=/nowhere/convnext.pth"]
    result = cohort()
    assert result.exit_code == 2 and "/nowhere/convnext.pth" in result.output


@pytest.mark.slow
def test_a_bad_case_is_shown_in_the_flow_and_names_nobody(cohort):
    cohort.replace(lesion(0), "mask")
    cohort.sheet = pd.concat(
        [cohort.sheet] + [cohort.sheet.assign(patient=lambda t, k=k: t["patient"] + f"-{k}") for k in range(3)]
    )
    study = cohort.write()
    settings = [*cohort.settings, "report.renderer=pandoc", "statistics.bootstrap=100",
                "notebooks=[01_cohort, 02_extraction, 03_participants, 04_selection, 05_modeling, 06_statistics]",
                "report.sections=[summary, participants, images, performance, methods]"]  # fmt: skip
    command = [sys.executable, "-c", "from helpers.cli import main; main()", "report", str(study)]
    done = subprocess.run(
        [*command, *[part for s in settings for part in ("--set", s)]], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    page = re.sub(r"data:[^\"']+", "", (cohort.folder / "runs" / "mine" / "report.html").read_text())
    assert "mask is empty" in page and "P03" not in page
