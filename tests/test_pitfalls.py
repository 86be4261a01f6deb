"""What users of radiomics tools complain about, each complaint driven here: numbers are PyRadiomics' issues unless named."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import tracemalloc
from functools import partial
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement

from helpers import checking
from helpers.cli import main
from helpers.cluster import map_cases, workers
from helpers.errors import CaseError
from helpers.imaging import extract, read
from helpers.study import load

PATIENTS = 12
SHAPE = (12, 16, 16)


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, SHAPE).astype(np.float32)


def lesion(value: float = 1, kind: type = np.uint8) -> np.ndarray:
    mask = np.zeros(SHAPE, kind)
    mask[4:9, 5:11, 5:11] = value
    return mask


def one_voxel() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[5, 5, 5] = 1
    return mask


def save(path: Path, values: np.ndarray, *, origin=(0.0, 0.0, 0.0), spacing=(1.0, 1.0, 1.0), turned=False) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    if turned:
        image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    path.parent.mkdir(exist_ok=True, parents=True)
    sitk.WriteImage(image, str(path))
    return path


class Cohort:
    """A sheet of patients with a scan and a mask each, the study file that reads it, and the command on it."""

    def __init__(self, folder: Path, *, patients: int = PATIENTS) -> None:
        self.folder, self.settings = folder, []
        scans = [save(folder / "img" / f"P{n:02d}.nii.gz", noise(n)) for n in range(patients)]
        mask = save(folder / "img" / "mask.nii.gz", lesion())
        self.sheet = pd.DataFrame(
            {
                "patient": [f"P{n:02d}" for n in range(patients)],
                "label": [n % 2 for n in range(patients)],
                "center": "A",
                "T1": list(map(str, scans)),
                "mask": str(mask),
                "age": [50.0 + 7 * n % 30 for n in range(patients)],
            }
        ).astype(object)
        self.study = {
            "title": "Mine",
            "cohort": {"source": "manifest", "sequences": ["T1"], "clinical": ["age"], "max_excluded_fraction": 0.2},
            "radiomics": {"image_types": ["original"], "classes": ["firstorder"]},
            "deep": {"enabled": False},
            "selection": {"reproducibility": "none"},
            "modeling": {"signatures": ["radiomics", "clinical"], "nomogram": ["radiomics", "clinical"], "folds": 3},
            "execution": {"workers": 1, "isolated": False},
        }

    def replace(self, column: str, values: np.ndarray, **geometry) -> Path:
        """Give patient P03 another scan or mask."""
        path = save(self.folder / "img" / f"bad_{column}.nii.gz", values, **geometry)
        self.sheet.loc[3, column] = str(path)
        return path

    def file(self) -> Path:
        (self.folder / "mine.csv").write_text(self.sheet.to_csv(index=False))
        self.study["cohort"]["manifest"] = str(self.folder / "mine.csv")
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(self.study))
        return self.folder / "mine.yaml"

    def overrides(self) -> list[str]:
        return [part for setting in self.settings for part in ("--set", setting)]

    def check(self, *settings: str):
        self.settings = list(settings)
        return CliRunner().invoke(main, ["check", str(self.file()), *self.overrides()])

    def refused(self) -> str:
        """The line of `radiogram check` that says why P03 would be excluded."""
        result = self.check()
        assert result.exit_code == 0, result.output
        return next(line for line in result.output.splitlines() if line.startswith("Would be excluded"))

    def images(self) -> pd.DataFrame:
        """The table images of all patients."""
        images = self.sheet.rename(columns={"patient": "case", "T1": "image"})[["case", "image", "mask"]]
        return images.assign(sequence="T1", reader="reader1")

    def extracted(self, store: Path) -> tuple[pd.DataFrame, ...]:
        """What extraction makes of the cohort: features, geometry, exclusions and whatever tables follow."""
        study = load(self.file(), overrides=self.settings)
        study = type(study)(study.name, study.parameters, store / study.name)
        mapper = partial(map_cases, execution=study.parameters.execution)
        return extract.features(study, self.images(), mapper=mapper)


@pytest.fixture(scope="module")
def dicom(house):
    """The writers of DICOM files that the tests of formats have."""
    spec = spec_from_file_location("dicom_writers", house / "tests" / "imaging" / "formats" / "conftest.py")
    writers = module_from_spec(spec)
    spec.loader.exec_module(writers)
    return writers


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Cohort:
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    return Cohort(tmp_path)


def test_pitfall_01_installing_is_pinned_to_what_builds_and_one_command_says_what_is_there(house):
    """`pip install pyradiomics` is broken: wheels of 2023 for Python 3.7 to 3.9, no Requires-Python (#954, #949, #903)."""
    project = tomllib.loads((house / "pyproject.toml").read_text())
    assert {"pyradiomics==3.0.1"} <= set(project["project"]["dependencies"])
    assert "<" in project["project"]["requires-python"]  # pip refuses a Python that nothing was tried on
    assert {"numpy", "versioneer"} <= set(project["tool"]["uv"]["extra-build-dependencies"]["pyradiomics"])
    assert "pyradiomics==3.0.1" in (house / "requirements.txt").read_text().split()
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0 and "pyradiomics 3.0.1" in result.output


@pytest.mark.slow
def test_pitfall_01_features_need_nothing_compiled_on_installation(tmp_path):
    """Where PyRadiomics' C extension does not build there are no features at all (#944, #872); here there are."""
    save(tmp_path / "scan.nii.gz", noise())
    save(tmp_path / "mask.nii.gz", lesion())
    script = (
        "import sys; sys.modules['radiomics'] = None\n"
        "import SimpleITK as sitk\n"
        "from helpers.imaging.radiomics import measure\n"
        "from helpers.imaging.radiomics.settings import Settings\n"
        f"scan, mask = (sitk.ReadImage(f'{tmp_path}/{{n}}.nii.gz') for n in ('scan', 'mask'))\n"
        "print(len(measure.execute(scan, [mask], settings=Settings())[0].features))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 107


def closure(names: set[str]) -> set[str]:
    """These distributions and all that they need here, by normalized name."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            asked = [Requirement(text) for text in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue  # of another platform: a marker we do not see
        waiting |= {normal(r.name) for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})} - found
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_pitfall_02_everything_that_is_installed_for_us_is_locked_at_its_version(house):
    """Dependencies rot until the tool no longer starts (WORC #82, #91; "Forced shap version", MEDomics 2025)."""
    locked = [Requirement(line) for line in (house / "requirements.txt").read_text().splitlines() if "==" in line]
    here = [r for r in locked if r.marker is None or r.marker.evaluate()]
    pins = {normal(r.name): str(r.specifier).removeprefix("==") for r in here}
    needed = closure({normal(Requirement(text).name) for text in metadata.requires("radiogram") if "extra" not in text})
    installed = {name: metadata.version(name) for name in needed if is_installed(name)}
    unlocked = {name: version for name, version in installed.items() if pins.get(name) != version}
    assert not unlocked and len(installed) > 50


def is_installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("geometry", "delta"),
    [
        ({"origin": (0.5, 0.0, 0.0)}, "origin differs by (0.5, 0, 0) mm"),
        ({"spacing": (1.0, 1.0, 1.01)}, "spacing differs by (0, 0, 0.01) mm"),
        ({"turned": True}, "direction differs by"),
    ],
)
def test_pitfall_03_geometry_mismatch_is_reported_and_refused_above_a_bound(cohort, geometry, delta):
    """Users silence the mismatch: one set geometryTolerance to 1000 (#507), another to 10000 (#824; #482, #390, #763)."""
    cohort.replace("mask", lesion(), **geometry)
    line = cohort.refused()
    assert delta in line and "P03" in line and "bad_mask.nii.gz" in line and "resample it onto the image" in line
    silenced = cohort.check("imaging.geometry_tolerance=1000")
    assert silenced.exit_code == 2 and "imaging.geometry_tolerance" in silenced.output


def test_pitfall_03_geometry_mismatch_below_the_bound_is_repaired_and_said(cohort):
    """Rounded headers stop a batch (#408): below 0.01 mm the mask takes the image's grid, and the case's row says so."""
    cohort.replace("mask", lesion(), origin=(0.004, 0.0, 0.0))
    result = cohort.check()
    assert "mask moved by 0.004 mm" in result.output and "No exclusions." in result.output
    _, geometry, *_ = cohort.extracted(cohort.folder / "store")
    assert "0.004 mm" in geometry.set_index("case").loc["P03", "note"]


@pytest.mark.parametrize("value", [255, 2, 4219, 0.0039])
def test_pitfall_04_a_single_wrong_label_is_found_proposed_and_said(tmp_path, value):
    """Masks hold 255, 2, 4219 or 0.0039 where 1 is expected (#516, #583, #704, #809, #510)."""
    kind = np.float32 if value < 1 else np.uint16
    found, note = read.mask(save(tmp_path / "mask.nii.gz", lesion(value, kind)), label=1)
    assert np.array_equal(sitk.GetArrayFromImage(found), lesion())
    assert note == f"mask value {np.float32(value):g} read as the lesion"


def test_pitfall_04_of_several_wrong_labels_none_is_guessed(cohort):
    """Which of 2 and 4 is the lesion is nobody's to guess: both are listed, with the parameter to set."""
    values = lesion(2)
    values[5, 6, 6] = 4
    cohort.replace("mask", values)
    line = cohort.refused()
    assert "no voxel of value 1, but of 2, 4" in line and "set imaging.mask_label" in line
    assert "No exclusions." in cohort.check("imaging.mask_label=[1, 2]").output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        (
            "mask",
            one_voxel(),
            "the lesion has 1 voxel, fewer than imaging.minimum_voxels (27): redraw it, or leave it out",
        ),
        ("mask", lesion(0), "is empty: draw the lesion"),
        ("T1", np.full(SHAPE, 7, np.float32) + np.arange(16, dtype=np.float32) * (lesion() == 0), "the lesion is flat"),
    ],
    ids=["one voxel", "empty", "flat"],
)
def test_pitfall_05_tiny_empty_and_flat_lesions_are_excluded_with_a_true_reason(cohort, column, values, sentence):
    """A tiny or flat region ends with a misleading message (#640, #782 "misleading error", #443, #805, #421)."""
    cohort.replace(column, values)
    assert sentence in cohort.refused()
    exclusions = cohort.extracted(cohort.folder / "store")[2]
    assert exclusions["case"].tolist() == ["P03"] and exclusions["stage"].tolist() == ["extraction"]
    assert sentence in exclusions["reason"].iloc[0]


def crash(kind: str) -> str:
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "hang":
        time.sleep(600)
    return kind


def execution(**changes):
    return load("demo", overrides=[f"execution.{name}={value}" for name, value in changes.items()]).parameters.execution


@pytest.mark.slow
def test_pitfall_06_a_case_that_crashes_compiled_code_costs_that_case_alone():
    """A segfault of the C extension ends the whole batch (#878 at 2,623 bins, #953 exit 139, #676)."""
    outcomes = list(map_cases(crash, ["a", "segfault", "b"], execution=execution(workers=2, retries=0)))
    assert [outcome.value for outcome in outcomes] == ["a", None, "b"]
    assert outcomes[1].item == "segfault" and "segmentation fault" in outcomes[1].error


@pytest.mark.slow
def test_pitfall_09_a_case_that_stalls_is_given_up_in_time_and_the_rest_goes_on():
    """A batch stalls silently overnight (#524; RTpipeline has a page on hang prevention)."""
    started = time.monotonic()
    items = ["a", "hang", "b", "c"]
    outcomes = list(map_cases(crash, items, execution=execution(workers=2, retries=0, case_minutes=0.1)))
    assert [outcome.value for outcome in outcomes] == ["a", None, "b", "c"]
    assert "0.1 minutes" in outcomes[1].error and time.monotonic() - started < 60


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@pytest.mark.slow
def test_pitfall_08_every_core_works_and_progress_says_how_long_it_will_take(monkeypatch, capsys):
    """One core for hours, and nobody knows how many (#665, 26 h for 90 patients; #517, #679, #883)."""
    monkeypatch.setattr("helpers.progress.EVERY", 0.2)
    default = load("demo").parameters.execution
    assert default.workers == 0 and workers(default) == len(os.sched_getaffinity(0))
    assert [o.value for o in map_cases(slow, [0.5] * 4, execution=execution(workers=2), label="cases")] == [0.5] * 4
    said = capsys.readouterr().err
    assert re.search(r"cases: \d of 4, about .* left, slowest \d", said) and "cases: 4 of 4" in said


def test_pitfall_08_what_was_measured_is_found_again_by_content_wherever_it_lies(cohort, monkeypatch):
    """The same hours are spent again after a crash, or after folders were moved (#947)."""
    store = cohort.folder / "store"
    first, *_ = cohort.extracted(store)
    (cohort.folder / "img").rename(cohort.folder / "elsewhere")
    for column in ("T1", "mask"):
        cohort.sheet[column] = cohort.sheet[column].str.replace("/img/", "/elsewhere/")
    monkeypatch.setattr("helpers.imaging.radiomics.measure.features", None)  # calling it would fail
    again, *_ = cohort.extracted(store)
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.slow
def test_pitfall_07_memory_that_ends_halfway_loses_no_case_that_was_done(cohort, monkeypatch):
    """277 of 473 cases were done, then a MemoryError lost them all (#379)."""
    from helpers.imaging.radiomics import measure

    measured, real = [], measure.features

    def until_memory_ends(*args, **options):
        if len(measured) == 7:
            raise MemoryError
        measured.append(1)
        return real(*args, **options)

    monkeypatch.setattr(measure, "features", until_memory_ends)
    done, _, exclusions, *_ = cohort.extracted(cohort.folder / "store")
    assert len(done) == 7 and len(exclusions) == PATIENTS - 7
    assert exclusions["reason"].str.contains("memory").all()
    monkeypatch.setattr(measure, "features", lambda *args, **options: measured.append(1) or real(*args, **options))
    resumed, *_ = cohort.extracted(cohort.folder / "store")
    assert len(measured) == PATIENTS  # none twice
    monkeypatch.undo()
    pd.testing.assert_frame_equal(resumed, cohort.extracted(cohort.folder / "fresh")[0])


def published() -> dict[str, float]:
    """Of the digital phantom, by PyRadiomics' names; arXiv 1612.07003, averaged over directions in 3D."""
    return {
        "shape_MeshVolume": 556, "shape_VoxelVolume": 592, "shape_SurfaceArea": 388, "shape_Sphericity": 0.843,
        "firstorder_Mean": 2.15, "firstorder_Variance": 3.05, "firstorder_Skewness": 1.08, "firstorder_Energy": 567,
        "glcm_Contrast": 5.32, "glcm_Idm": 0.618, "glcm_JointEntropy": 2.40, "glcm_Autocorrelation": 5.06,
        "glrlm_RunPercentage": 0.68, "glrlm_RunEntropy": 2.43, "glszm_SmallAreaEmphasis": 0.255, "glszm_ZonePercentage": 0.0676,
        "gldm_DependenceEntropy": 4.4, "ngtdm_Coarseness": 0.0296, "ngtdm_Busyness": 6.54, "ngtdm_Strength": 0.763,
    }  # fmt: skip


def test_pitfall_11_the_phantom_of_the_standard_is_measured_as_published():
    """ "Values differ from IBSI, LIFEx or TCIA" (#498, #648, #543): the standard's phantom, and where definitions depart."""
    from helpers.imaging.radiomics import ibsi, measure
    from helpers.imaging.radiomics.settings import Settings

    values, inside = ibsi.phantom()
    scan, mask = (sitk.GetImageFromArray(array) for array in (values, inside.astype(np.uint8)))
    for image in (scan, mask):
        image.SetSpacing(ibsi.SPACING)
    found = measure.execute(scan, [mask], settings=Settings(bin_width=1.0))[0].features
    ours = {name: float(f"{found[f'original_{name}']:.3g}") for name in published()}
    assert ours == published()
    table = ibsi.table()
    assert len(table) > 80 and set(table["agrees"]) == {"yes", "after conversion"}
    assert (table.loc[table["agrees"] == "after conversion", "remark"] != "").all()


def scanned(dicom, folder: Path):
    """A CT series of int16 in `folder`/ct, and two square contours a slice in mm."""
    volume = dicom.image(dicom.counts((8, 16, 16)), spacing=(1.0, 1.0, 2.0))
    dicom.series(folder / "ct", volume)
    square = np.array([(4, 4), (11, 4), (11, 11), (4, 11)], dtype=float)
    corners = [[volume.TransformContinuousIndexToPhysicalPoint((x, y, k)) for x, y in square] for k in range(2, 6)]
    return volume, [np.array(contour) for contour in corners]


def refusal(path: Path | str, volume: sitk.Image, folder: Path) -> str:
    with pytest.raises(CaseError) as caught:
        read.mask_on(path, volume, folder / "ct", label=1)
    return str(caught.value)


def test_pitfall_16_structures_are_chosen_by_name_and_the_names_are_listed(tmp_path, dicom):
    """Contours cannot be used, or the first one is taken whatever it is (#423, #515; mirp #37)."""
    volume, contours = scanned(dicom, tmp_path)
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV primary": contours, "Heart": contours[:2], "empty": None})
    for wrong in (path, f"{path}#GTV nodes"):
        said = refusal(wrong, volume, tmp_path)
        assert "rs.dcm" in said and all(name in said for name in ("GTV primary", "Heart", "empty"))
    mask, _ = read.mask_on(f"{path}#gtv primary", volume, tmp_path / "ct", label=1)
    assert 4 * 49 <= np.count_nonzero(sitk.GetArrayViewFromImage(mask)) <= 4 * 64


def test_pitfall_16_structures_that_belong_elsewhere_or_are_empty_are_refused(tmp_path, dicom):
    """No error on an unreferenced series (rt-utils #10); a traceback for a missing ContourSequence (dicom_tools #18)."""
    volume, contours = scanned(dicom, tmp_path)
    other = dicom.rtstruct(tmp_path / "other.dcm", {"GTV": contours}, series=f"{dicom.SERIES}.5")
    frame = dicom.rtstruct(tmp_path / "frame.dcm", {"GTV": contours}, frame=f"{dicom.FRAME}.5")
    empty = dicom.rtstruct(tmp_path / "empty.dcm", {"GTV": None})
    assert "other.dcm" in (said := refusal(other, volume, tmp_path)) and "series" in said
    assert "frame.dcm" in (said := refusal(frame, volume, tmp_path)) and "frame of reference" in said
    assert "empty.dcm" in (said := refusal(empty, volume, tmp_path)) and "GTV" in said


def test_pitfall_16_a_cohort_of_dicom_folders_and_structures_is_checked_like_any_other(cohort, dicom):
    """The way from contours to a mask is a script that everybody writes again (Dicom_RT_and_Images_to_Mask #27)."""
    _, contours = scanned(dicom, cohort.folder)
    path = dicom.rtstruct(cohort.folder / "rs.dcm", {"GTV": contours, "Heart": contours})
    cohort.sheet.loc[3, ["T1", "mask"]] = [str(cohort.folder / "ct"), f"{path}#GTV"]
    assert "No exclusions." in cohort.check().output
    cohort.sheet.loc[3, "mask"] = str(path)
    assert "holds 2 structures" in cohort.refused()


def test_pitfall_15_series_structure_and_bytes_are_known_of_every_image_and_mask(tmp_path, dicom):
    """Which series and mask was it? (mirp #87, to add SeriesInstanceUID; #81, errors must name the file)."""
    _, contours = scanned(dicom, tmp_path)
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": contours, "Heart": contours})
    image = read.source(tmp_path / "ct")
    assert image.series_uid == dicom.SERIES and len(image.files) == 8 and len(image.sha256) == 64
    mask = read.source(f"{path}#GTV", what="mask", image=tmp_path / "ct")
    assert mask.structure == "GTV" and mask.format == "DICOM RTSTRUCT"
    assert mask.sha256 != read.source(f"{path}#Heart", what="mask", image=tmp_path / "ct").sha256
    plain = save(tmp_path / "scan.nii.gz", noise())
    assert read.source(plain).sha256 == hashlib.sha256(plain.read_bytes()).hexdigest()


def test_pitfall_06_absurd_gray_level_counts_are_refused_before_anything_is_allocated(tmp_path):
    """Segmentation fault at 2,623 bins (#878); killed after z-scoring (#801): the width is checked first, and one is proposed."""
    from helpers.imaging.radiomics import measure
    from helpers.imaging.radiomics.settings import Settings

    scan, mask = sitk.GetImageFromArray(noise() * 1e6), sitk.GetImageFromArray(lesion())
    measure.execute(scan, [mask], settings=Settings(bin_count=32))  # imports and kernels are not what is weighed
    tracemalloc.start()
    (found,) = measure.execute(scan, [mask], settings=Settings(bin_width=1e-3, maximum_levels=512))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, CaseError) and peak < 2e6
    said = re.search(
        r"into ([\d,]+) gray levels, more than .*maximum_levels \(512\): use a width near ([\d.e+]+)", str(found)
    )
    assert int(said[1].replace(",", "")) > 1e9
    (again,) = measure.execute(scan, [mask], settings=Settings(bin_width=float(said[2]), maximum_levels=512))
    assert not isinstance(again, CaseError) and 10 <= again.gray_levels <= 100


def test_pitfall_06_absurd_gray_level_counts_stop_the_check_of_a_study(cohort):
    """The same through the command: nothing is run with a bin width of another unit (#629, #737)."""
    cohort.settings = []
    result = cohort.check("radiomics.bin_count=null", "radiomics.bin_width=0.0001")
    assert result.exit_code == 2 and "gray levels" in result.output and "use a width near" in result.output


MEMORY = """
import re, sys
from pathlib import Path
import psutil, SimpleITK as sitk
from helpers.imaging.radiomics import measure
from helpers.imaging.radiomics.settings import Settings
measure.warm()
types = (("Original", {}), ("LoG", {"sigma": (1.0, 3.0)}), ("Wavelet", {}), ("Gradient", {}))
scan, lesion = (sitk.ReadImage(f"{sys.argv[1]}/{name}.mha") for name in ("scan", "mask"))
before = psutil.Process().memory_info().rss
(found,) = measure.execute(scan, [lesion], settings=Settings(image_types=types, normalize=True, bin_count=32))
peak = int(re.search("VmHWM: *[\\t ]*([0-9]+)", Path("/proc/self/status").read_text())[1]) * 1024
print(len(found.features), (peak - before) / (scan.GetNumberOfPixels() * 4))
"""


@pytest.mark.slow
def test_pitfall_07_filters_take_memory_for_the_lesion_and_not_for_the_volume(tmp_path):
    """Filtering whole volumes ends in a MemoryError (#303, #881, #615): only what a lesion's box needs is computed."""
    shape = (220, 380, 380)
    save(tmp_path / "scan.mha", 100 + 20 * np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    mask = np.zeros(shape, np.uint8)
    mask[100:120, 180:210, 180:205] = 1
    save(tmp_path / "mask.mha", mask)
    done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    features, volumes = done.stdout.split()
    assert int(features) == 14 + 93 * 12
    assert float(volumes) < 3  # the normalized volume, in double precision, is two of them


@pytest.mark.slow
def test_pitfall_10_each_sequence_is_told_its_range_levels_spacing_and_a_bin_width_that_suits(cohort):
    """Which bin width, after which normalization, at which spacing? (#401, #511, #931, #379): said in a table, with a warning."""
    from helpers.evaluation import quality_printed
    from helpers.imaging import quality

    cohort.settings = ["radiomics.bin_count=null", "radiomics.bin_width=25"]  # 25 is PyRadiomics' default, in no unit
    features, geometry, *_ = cohort.extracted(cohort.folder / "store")
    assert geometry["note"].str.contains("gray level").all()  # z-scored intensities: one or two levels
    parameters = load(cohort.file(), overrides=cohort.settings).parameters
    measured = quality.intensities(features, geometry, ["T1"])
    told = " | ".join(quality_printed.intensities(measured, parameters).iloc[0].astype(str))
    assert told.startswith("T1") and "SD of the head" in told and " to " in told
    assert "too few levels: narrow the bins" in told
    assert "1.0 x 1.0 x 1.0" in " ".join(quality_printed.geometry(geometry).iloc[0].astype(str))
    advised = quality_printed.width(measured)
    assert advised in told
    beforehand = [
        line for line in checking.check(cohort.file(), overrides=tuple(cohort.settings)) if "bin width" in line
    ]
    assert len(beforehand) == 1 and f"a bin width near {advised} gives 32 levels; too few levels" in beforehand[0]
    assert "voxels of 1.0 x 1.0 x 1.0 mm" in beforehand[0]
    cohort.settings[1] = f"radiomics.bin_width={advised}"
    _, again, *_ = cohort.extracted(cohort.folder / "store")
    assert again["gray_levels"].between(10, 100).all()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run of a manifest with one mask that cannot be used: its cohort, its folder and what the command printed."""
    folder = tmp_path_factory.mktemp("finished")
    cohort = Cohort(folder, patients=64)
    cohort.replace("mask", lesion(0))
    cohort.study |= {
        "notebooks": ["01_cohort", "02_extraction", "03_participants", "04_selection", "05_modeling", "06_statistics"],
        "report": {
            "sections": ["summary", "participants", "images", "performance", "methods", "provenance"],
            "renderer": "pandoc",
        },
        "statistics": {"bootstrap": 100},
    }
    command = [sys.executable, "-c", "from helpers.cli import main; main()", "report", str(cohort.file())]
    env = {**os.environ, "RADIOGRAM_RUNS": str(folder / "runs")}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return cohort, folder / "runs" / "mine", done.stdout + done.stderr


@pytest.mark.slow
def test_pitfall_12_versions_settings_and_feature_names_of_a_run_are_kept_and_printed(finished):
    """The number of features changed between versions, and nobody can say which it was (#624, #792)."""
    cohort, folder, _ = finished
    record = json.loads((folder / "run.json").read_text())
    for package in ("pyradiomics", "SimpleITK", "numpy", "numba"):
        assert record["versions"][package] == metadata.version(package), package
    assert record["parameters"]["radiomics"]["bin_count"] == 32 and record["seed"] == 2026
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in record["inputs"].values())
    page = (folder / "report.html").read_text()
    assert metadata.version("SimpleITK") in page and "bin_count" in page
    columns = pd.read_parquet(next(folder.rglob("features.parquet"))).columns
    assert [c for c in columns if c.startswith("T1_")][:2] == [
        "T1_original_firstorder_10Percentile", "T1_original_firstorder_90Percentile",
    ]  # fmt: skip


@pytest.mark.slow
def test_pitfall_13_numbers_are_numbers_in_the_workbook_whatever_the_locale(finished):
    """Excel made integers of decimals in a CSV (#792): tables are parquet, and a workbook of typed cells is for people."""
    _, folder, _ = finished
    scores = pd.read_parquet(next(folder.rglob("scores.parquet")))
    sheet = openpyxl.load_workbook(folder / "results.xlsx")["scores"]
    rows = list(sheet.iter_rows(values_only=True))
    held = pd.DataFrame(rows[1:], columns=rows[0])
    assert len(held) == len(scores)
    finite = np.isfinite(scores["estimate"].to_numpy(float))
    assert all(isinstance(value, int | float) for value in held["estimate"][finite])
    np.testing.assert_allclose(held["estimate"][finite].astype(float), scores["estimate"][finite], rtol=1e-15)


@pytest.mark.slow
def test_pitfall_14_a_failing_patient_is_shown_with_stage_cause_and_fix_and_the_report_renders(finished):
    """ "Your network has failed" (WORC #88), "reported error is very generic" (#2), and then there is no report (#79, #85)."""
    _, folder, _ = finished
    (row,) = pd.read_parquet(next(folder.rglob("exclusions.parquet"))).to_dict("records")
    assert row["case"] == "P03" and row["stage"] == "extraction"
    assert "bad_mask.nii.gz is empty" in row["reason"]  # the cause, with the file
    assert "draw the lesion, or leave the case out" in row["reason"]  # the fix
    page = re.sub(r"data:[^\"']+", "", (folder / "report.html").read_text())
    assert "mask is empty" in page and "P03" not in page  # the reason is the reader's, the name is not
    assert (folder / "results.xlsx").is_file()


def test_pitfall_15_every_row_can_be_traced_to_the_series_structure_and_bytes_it_came_from(cohort, dicom):
    """Beside the features stand UIDs and hashes, one row a file, so that nobody asks which it was (mirp #87)."""
    from helpers.imaging import sources

    _, contours = scanned(dicom, cohort.folder)
    path = dicom.rtstruct(cohort.folder / "rs.dcm", {"GTV": contours, "Heart": contours})
    cohort.sheet.loc[3, ["T1", "mask"]] = [str(cohort.folder / "ct"), f"{path}#GTV"]
    table = sources.table(cohort.images(), mapper=partial(map_cases, execution=execution(isolated=False)))
    assert len(table) == 2 * PATIENTS and table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    rows = table.set_index(["case", "kind"])
    assert rows.loc[("P03", "image"), "series_uid"] == dicom.SERIES
    assert rows.loc[("P03", "mask"), "structure"] == "GTV"
    scan = Path(cohort.sheet.loc[7, "T1"])
    assert rows.loc[("P07", "image"), "sha256"] == hashlib.sha256(scan.read_bytes()).hexdigest()


@pytest.mark.slow
def test_pitfall_15_a_finished_run_holds_the_hash_of_every_file_it_measured(finished):
    """The table stands in the run's folder, so that an old result can be traced (mirp #87)."""
    cohort, folder, _ = finished
    rows = pd.read_parquet(next(folder.rglob("sources.parquet"))).set_index(["case", "kind"])
    for kind, column in (("image", "T1"), ("mask", "mask")):
        content = Path(cohort.sheet.loc[7, column]).read_bytes()
        assert rows.loc[("P07", kind), "sha256"] == hashlib.sha256(content).hexdigest()
