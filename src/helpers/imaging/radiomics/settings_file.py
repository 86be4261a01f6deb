"""PyRadiomics' settings files: sections setting, imageType and featureClass in YAML or JSON, every key checked."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pywt
import yaml

from helpers.errors import RadiogramError
from helpers.imaging.radiomics.settings import CLASSES, IMAGE_TYPES, Settings

INTERPOLATORS = tuple(
    f"sitk{name}"
    for name in (
        "NearestNeighbor", "Linear", "BSpline", "Gaussian", "LabelGaussian", "HammingWindowedSinc",
        "CosineWindowedSinc", "WelchWindowedSinc", "LanczosWindowedSinc", "BlackmanWindowedSinc",
    )
)  # fmt: skip
WEIGHTINGS = ("euclidean", "manhattan", "infinity", "no_weighting")
SECTIONS = ("setting", "imageType", "featureClass")


@dataclass(frozen=True)
class Key:
    """One key of PyRadiomics' schema: our field, its kind, its range, its choices, and whether null means something."""

    field: str
    kind: str  # bool, int, float, ints, floats, or text
    low: float | None = None
    above: float | None = None  # the smallest value, exclusive
    high: float | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False


# PyRadiomics 3.0.1, radiomics/schemas/paramSchema.yaml
KEYS: dict[str, Key] = {
    "minimumROIDimensions": Key("minimum_roi_dimensions", "int", low=1, high=3),
    "minimumROISize": Key("minimum_roi_size", "int", above=0, nullable=True),
    "geometryTolerance": Key("geometry_tolerance", "float", above=0, nullable=True),
    "correctMask": Key("correct_mask", "bool"),
    "additionalInfo": Key("", "bool"),
    "label": Key("label", "int", above=0),
    "label_channel": Key("label_channel", "int", low=0),
    "binWidth": Key("bin_width", "float", above=0),
    "binCount": Key("bin_count", "int", above=0, nullable=True),
    "normalize": Key("normalize", "bool"),
    "normalizeScale": Key("normalize_scale", "float", above=0),
    "removeOutliers": Key("remove_outliers", "float", above=0, nullable=True),
    "resampledPixelSpacing": Key("resampled_pixel_spacing", "floats", low=0, nullable=True),
    "interpolator": Key("interpolator", "text", choices=INTERPOLATORS, nullable=True),
    "padDistance": Key("pad_distance", "int", low=0),
    "distances": Key("distances", "ints", above=0),
    "force2D": Key("force2d", "bool"),
    "force2Ddimension": Key("force2d_dimension", "int", low=0, high=2),
    "resegmentRange": Key("resegment_range", "floats", nullable=True),
    "resegmentMode": Key("resegment_mode", "text", choices=("absolute", "relative", "sigma")),
    "resegmentShape": Key("resegment_shape", "bool"),
    "preCrop": Key("pre_crop", "bool"),
    "sigma": Key("sigma", "floats", above=0),
    "start_level": Key("start_level", "int", low=0),
    "level": Key("level", "int", above=0),
    "wavelet": Key("wavelet", "text", choices=tuple(pywt.wavelist(kind="discrete"))),
    "gradientUseSpacing": Key("gradient_use_spacing", "bool"),
    "lbp2DRadius": Key("lbp2d_radius", "float", above=0),
    "lbp2DSamples": Key("lbp2d_samples", "int", low=1),
    "lbp2DMethod": Key("lbp2d_method", "text", choices=("default", "ror", "uniform", "var")),
    "lbp3DLevels": Key("lbp3d_levels", "int", low=1),
    "lbp3DIcosphereRadius": Key("lbp3d_icosphere_radius", "float", above=0),
    "lbp3DIcosphereSubdivision": Key("lbp3d_icosphere_subdivision", "int", low=0),
    "voxelArrayShift": Key("voxel_array_shift", "int"),
    "symmetricalGLCM": Key("symmetrical_glcm", "bool"),
    "weightingNorm": Key("weighting_norm", "text", choices=WEIGHTINGS, nullable=True),
    "gldm_a": Key("gldm_a", "int", low=0),
}


def read(path: Path) -> Settings:
    """Settings of a file as PyRadiomics takes it: no featureClass asks for every class, no imageType for Original.

    Raises RadiogramError naming the file and the key for what PyRadiomics refuses, or would fail on later.
    """
    return parse(_content(path), where=path.name)


def parse(content: Any, *, where: str) -> Settings:
    """Settings of the mapping that a settings file holds; `where` names the file in sentences."""
    sections = _mapping(content, where=where, what="the file")
    if "voxelSetting" in sections:
        raise RadiogramError(
            f"{where}: voxelSetting asks for maps of features, which Radiogram does not extract: remove that section."
        )
    for name in sections:
        _known(name, SECTIONS, where=where, what="section")
    return Settings(
        image_types=_image_types(sections.get("imageType", {}), where=where),
        classes=_classes(sections.get("featureClass", {}), where=where),
        **_settings(sections.get("setting", {}), where=where, what="setting"),
    )


def _content(path: Path) -> Any:
    if not path.is_file():
        raise RadiogramError(f"There is no settings file {path}: correct radiomics.settings or the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, json.JSONDecodeError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", None)
        problem = getattr(error, "problem", None) or getattr(error, "msg", None) or "not text"
        at = f" at line {line}" if line else ""
        raise RadiogramError(f"{path.name} is not a readable settings file{at}: {problem}.") from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        written = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in written if written.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is written twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _mapping(value: Any, *, where: str, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or (not value and what == "the file"):
        raise RadiogramError(f"{where}: {what} must hold `name: value` lines, as PyRadiomics' settings files do.")
    return value


def _known(name: Any, known: Iterable[str], *, where: str, what: str) -> str:
    if name in (known := list(known)):
        return name
    lowered = {k.lower(): k for k in known}
    near = [lowered[k] for k in difflib.get_close_matches(str(name).lower(), list(lowered), n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known[:12])}."
    raise RadiogramError(f"{where}: unknown {what} {name}; {hint}")


def _image_types(section: Any, *, where: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    types = _mapping(section, where=where, what="imageType")
    found = []
    for name, own in types.items():
        _known(name, IMAGE_TYPES.values(), where=where, what="image type")
        if own is None:
            raise RadiogramError(
                f"{where}: imageType {name} is empty: write `{name}: {{}}` for no settings of its own."
            )
        found.append((name, _settings(own, where=where, what=f"imageType {name}")))
    return tuple(found) or (("Original", {}),)


def _classes(section: Any, *, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    classes = _mapping(section, where=where, what="featureClass")
    found = []
    for name, wanted in classes.items():
        _known(name, CLASSES, where=where, what="feature class")
        if not isinstance(wanted, list | None):
            raise RadiogramError(f"{where}: featureClass {name} must be a list of features, or empty for all of them.")
        for feature in wanted or ():
            _known(feature, _features(name), where=where, what=f"feature of {name}")
        found.append((name, tuple(dict.fromkeys(wanted or ()))))
    return tuple(found) or tuple((name, ()) for name in CLASSES)


def _features(name: str) -> list[str]:
    from helpers.imaging.radiomics import features

    return features.known(name)


def _settings(section: Any, *, where: str, what: str) -> dict[str, Any]:
    found = {}
    for name, value in _mapping(section, where=where, what=what).items():
        key = KEYS[_known(name, KEYS, where=f"{where}: {what}", what="key")]
        read = _value(value, key, where=f"{where}: {what}: {name}")
        if key.field:
            found[key.field] = read
    return found


def _value(value: Any, key: Key, *, where: str) -> Any:
    if value is None:
        if key.nullable or key.kind == "bool":
            return None if key.nullable else False
        raise RadiogramError(f"{where} is empty: give it a value, or remove the line for PyRadiomics' default.")
    if key.kind in ("ints", "floats"):
        if not isinstance(value, list):
            raise RadiogramError(f"{where} is {value!r}: give a list, such as [{value}].")
        numbers = tuple(_number(item, key, where=where) for item in value)
        return _of_length(numbers, key, where=where)
    if key.kind in ("int", "float"):
        return _number(value, key, where=where)
    if key.kind == "bool":
        if not isinstance(value, bool):
            raise RadiogramError(f"{where} is {value!r}: give true or false.")
        return value
    return _text(value, key, where=where)


def _number(value: Any, key: Key, *, where: str) -> float | int:
    whole = key.kind.startswith("int")
    if isinstance(value, str) and not whole:
        value = _from_text(value)  # YAML 1.1 reads 1e-3 as text
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits:
        raise RadiogramError(f"{where} is {value!r}: give a {'whole number' if whole else 'number'}.")
    limits = [
        (key.low is not None and value < key.low, f"at least {key.low}"),
        (key.above is not None and value <= key.above, f"more than {key.above}"),
        (key.high is not None and value > key.high, f"at most {key.high}"),
    ]
    for broken, rule in limits:
        if broken:
            raise RadiogramError(f"{where} is {value}: it must be {rule}.")
    return value


def _from_text(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def _of_length(numbers: tuple[float, ...], key: Key, *, where: str) -> tuple[float, ...]:
    """What PyRadiomics' schema lets pass and its extractor then fails on."""
    if key.field == "resampled_pixel_spacing" and len(numbers) != 3:
        raise RadiogramError(f"{where} has {len(numbers)} values: give three, in mm (x, y, z), 0 to keep one as it is.")
    if key.field == "resegment_range" and len(numbers) not in (1, 2):
        raise RadiogramError(
            f"{where} has {len(numbers)} values: give the lower limit, or the lower and the upper one."
        )
    if key.field == "distances" and not numbers:
        raise RadiogramError(f"{where} is an empty list: give at least one distance in voxels.")
    return numbers


def _text(value: Any, key: Key, *, where: str) -> str:
    if key.field == "interpolator" and isinstance(value, int) and 1 <= value <= 10:
        return INTERPOLATORS[value - 1]
    if not isinstance(value, str):
        raise RadiogramError(f"{where} is {value!r}: give one of {', '.join(key.choices[:10])}.")
    head, _, name = where.rpartition(": ")
    return _known(value, key.choices, where=head, what=name)
