"""PyRadiomics' own settings files mean here what they mean there; a mistake is one sentence with file and key."""

import json
import logging
from pathlib import Path

import pytest
import yaml

from helpers.errors import RadiogramError
from helpers.imaging.radiomics import settings_file
from helpers.imaging.radiomics.settings import Settings

FILES = sorted((Path(__file__).parent / "settings").iterdir())


def theirs(content):
    """PyRadiomics' extractor with that content; raises what PyRadiomics raises."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    for name in ("radiomics", "pykwalify"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return RadiomicsFeatureExtractor(content if isinstance(content, dict) else str(content))


def setting(**values):
    return {"setting": values}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_means_what_pyradiomics_takes_it_for(path):
    ours, extractor = Settings.read(path), theirs(path)
    again = theirs(ours.pyradiomics())
    for name, value in extractor.settings.items():
        if name != "additionalInfo":
            assert again.settings[name] == value, name
    assert list(again.enabledImagetypes) == list(extractor.enabledImagetypes)
    for kind, own in extractor.enabledImagetypes.items():
        assert again.enabledImagetypes[kind] == (own or {}), kind
    asked = {name: features or [] for name, features in extractor.enabledFeatures.items()}
    assert list(again.enabledFeatures.items()) == list(asked.items())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings_written_for_pyradiomics_read_back_as_they_were(path):
    ours = Settings.read(path)
    assert settings_file.parse(ours.pyradiomics(), where="it") == ours
    assert json.loads(json.dumps(ours.canonical())) == ours.canonical()


def test_json_equals_yaml():
    folder = FILES[0].parent
    assert Settings.read(folder / "mr_count.json") == Settings.read(folder / "mr_count.yaml")


def test_defaults_are_pyradiomics_own():
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    ours = theirs(Settings().pyradiomics())
    for name, value in RadiomicsFeatureExtractor._getDefaultSettings().items():
        assert name == "additionalInfo" or ours.settings[name] == value, name


def test_without_sections_every_class_of_the_original_is_measured():
    found = settings_file.parse(setting(binWidth=25), where="it")
    extractor = theirs(setting(binWidth=25))
    assert [name for name, _ in found.classes] == list(extractor.enabledFeatures)
    assert [name for name, _ in found.image_types] == list(extractor.enabledImagetypes) == ["Original"]


GOOD = [
    setting(binWidth=25), setting(binWidth="25.5"), setting(binCount=None), setting(normalize=None),
    setting(resampledPixelSpacing=None), setting(sigma=[1, 2.5]), setting(weightingNorm=None),
    setting(interpolator=2), setting(interpolator="sitkLinear"), setting(label=4), setting(resegmentRange=[1]),
    {"imageType": {"LoG": {"sigma": [1.0], "binWidth": 3}}}, {"featureClass": {"glcm": None}},
    {"featureClass": {"glcm": ["Contrast"], "firstorder": []}}, {"imageType": {"Original": {}}},
    {"featureClass": {"shape": ["Compactness1"]}}, {"setting": {"additionalInfo": False}, "imageType": {}},
]  # fmt: skip

BAD = [  # what PyRadiomics refuses too
    (setting(binwidth=25), "unknown key binwidth; did you mean binWidth"),
    (setting(binWidth=0), "setting: binWidth is 0: it must be more than 0"),
    (setting(binWidth=-3.5), "it must be more than 0"),
    (setting(binWidth="wide"), "binWidth is 'wide': give a number"),
    (setting(binCount=2.5), "binCount is 2.5: give a whole number"),
    (setting(binCount=True), "binCount is True: give a whole number"),
    (setting(normalize="yes"), "normalize is 'yes': give true or false"),
    (setting(normalize=1), "normalize is 1: give true or false"),
    (setting(force2Ddimension=3), "force2Ddimension is 3: it must be at most 2"),
    (setting(minimumROIDimensions=0), "it must be at least 1"),
    (setting(distances=[1, 0]), "distances is 0: it must be more than 0"),
    (setting(distances=1), r"distances is 1: give a list, such as \[1\]"),
    (setting(sigma=[1, "a"]), "sigma is 'a': give a number"),
    (setting(resegmentMode="percent"), "unknown resegmentMode percent"),
    (setting(interpolator="sitkBspline"), "unknown interpolator sitkBspline; did you mean sitkBSpline"),
    (setting(interpolator=11), "interpolator is 11"),
    (setting(wavelet="coif99"), "unknown wavelet coif99; did you mean coif"),
    (setting(weightingNorm="euclid"), "unknown weightingNorm euclid; did you mean euclidean"),
    (setting(lbp2DMethod="unifrom"), "did you mean uniform"),
    ({"settings": {"binWidth": 25}}, "unknown section settings; did you mean setting"),
    ({"imageType": {"Log": {"sigma": [1]}}}, "unknown image type Log; did you mean LoG"),
    ({"imageType": None}, "imageType must hold"),
    ({"imageType": {"Original": None}}, "imageType Original is empty"),
    ({"setting": None}, "setting must hold"),
    ({"imageType": {"LoG": {"sigmas": [1]}}}, "imageType LoG: unknown key sigmas; did you mean sigma"),
    ({"imageType": {"LoG": {"sigma": 3}}}, r"imageType LoG: sigma is 3: give a list, such as \[3\]"),
    ({"featureClass": {"glcmm": []}}, "unknown feature class glcmm; did you mean glcm"),
    ({"featureClass": {"glcm": ["Contrst"]}}, "unknown feature of glcm Contrst; did you mean Contrast"),
    ({"featureClass": {"glcm": "Contrast"}}, "featureClass glcm must be a list"),
    ({"featureClass": None}, "featureClass must hold"),
]  # fmt: skip

LATER = [  # what PyRadiomics' schema lets pass and its extractor fails on
    (setting(binWidth=None), "binWidth is empty: give it a value"),
    (setting(resampledPixelSpacing=[1, 1]), "resampledPixelSpacing has 2 values: give three"),
    (setting(resegmentRange=[1, 2, 3]), "resegmentRange has 3 values"),
    (setting(wavelet="morl"), "unknown wavelet morl"),
    ({"voxelSetting": {"kernelRadius": 2}}, "voxelSetting asks for maps of features"),
    ({}, "the file must hold"),
]


@pytest.mark.parametrize("content", GOOD, ids=str)
def test_what_pyradiomics_accepts_is_accepted(content):
    theirs(content)
    settings_file.parse(content, where="it")


@pytest.mark.parametrize(("content", "sentence"), BAD, ids=str)
def test_what_pyradiomics_refuses_is_refused_in_one_sentence(content, sentence):
    with pytest.raises(Exception, match="."):
        theirs(content)
    with pytest.raises(RadiogramError, match=f"^mine.yaml: .*{sentence}"):
        settings_file.parse(content, where="mine.yaml")


@pytest.mark.parametrize(("content", "sentence"), LATER, ids=str)
def test_what_would_fail_later_is_refused_at_once(content, sentence):
    with pytest.raises(RadiogramError, match=f"^mine.yaml: .*{sentence}"):
        settings_file.parse(content, where="mine.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("setting: {binWidth: 25", "mine.yaml is not a readable settings file at line"),
        ("setting: {binWidth: 25, binWidth: 5}", "binWidth is written twice"),
        ("- a list", "mine.yaml: the file must hold"),
        ("", "mine.yaml: the file must hold"),
    ],
)
def test_unreadable_file_is_said(tmp_path, text, sentence):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(RadiogramError, match=sentence):
        Settings.read(tmp_path / "mine.yaml")


def test_missing_file_is_said(tmp_path):
    with pytest.raises(RadiogramError, match=r"There is no settings file .*gone\.yaml"):
        Settings.read(tmp_path / "gone.yaml")


def test_scientific_notation_without_a_point_is_a_number(tmp_path):
    (tmp_path / "mine.yaml").write_text("setting: {geometryTolerance: 1e-3}")
    assert Settings.read(tmp_path / "mine.yaml").geometry_tolerance == 1e-3


def test_whole_sigma_keeps_pyradiomics_name_of_the_image():
    from helpers.imaging.radiomics import filters

    found = settings_file.parse({"imageType": {"LoG": {"sigma": [2, 3.0]}}}, where="it")
    assert filters.names(found) == ["log-sigma-2-mm-3D", "log-sigma-3-0-mm-3D"]


def test_every_key_of_pyradiomics_schema_is_known():
    import radiomics

    schema = yaml.safe_load((Path(radiomics.__file__).parent / "schemas" / "paramSchema.yaml").read_text())
    assert set(schema["mapping"]["setting"]["mapping"]) == set(settings_file.KEYS)
