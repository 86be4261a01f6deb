"""Which settings each sequence of a study is measured with: its settings file, or the study's own parameters."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from helpers import prose
from helpers.errors import RadiogramError
from helpers.imaging import labels
from helpers.imaging.radiomics import reference
from helpers.imaging.radiomics.settings import Settings
from helpers.parameters import Parameters

DEFAULT = "default"


def of_sequence(sequence: str, parameters: Parameters) -> Settings:
    """The settings of a sequence, as its masks reach the engine: aligned, and 1 where the lesion is.

    Raises RadiogramError for a settings file that cannot be read.
    """
    radiomics = parameters.radiomics
    path = file_of(sequence, parameters)
    found = Settings.of_study(radiomics) if path is None else _read(path)
    if not radiomics.enabled:
        return replace(found, image_types=(), classes=())
    return replace(
        found,
        label=1,
        label_channel=0,
        correct_mask=False,
        geometry_tolerance=None,
        maximum_levels=radiomics.maximum_levels,
    )


def file_of(sequence: str, parameters: Parameters) -> Path | None:
    """The settings file of a sequence, where there is one."""
    files = parameters.radiomics.settings
    return files.get(sequence, files.get(DEFAULT))


def normalization(sequence: str, parameters: Parameters) -> str:
    """The study's own normalization of a sequence; "none" keeps its units."""
    methods = parameters.imaging.normalize
    return methods.get(sequence, methods.get(DEFAULT, "zscore"))


def physical(sequence: str, parameters: Parameters) -> bool:
    """Whether radiomics of a sequence are measured in its physical units."""
    own = of_sequence(sequence, parameters)
    return parameters.radiomics.enabled and normalization(sequence, parameters) == "none" and not own.normalize


def check(parameters: Parameters) -> None:
    """Refuse settings files that do not fit the study: unknown sequences, and steps that would be taken twice.

    Raises RadiogramError.
    """
    sequences, files = parameters.cohort.sequences, parameters.radiomics.settings
    for name in files:
        if name != DEFAULT and name not in sequences:
            near = difflib.get_close_matches(name, sequences, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sequences)}, and {DEFAULT}."
            raise RadiogramError(f"radiomics.settings names no sequence of the study with {name}; {hint}")
    for sequence in sequences:
        path = file_of(sequence, parameters)
        if path is not None:
            _check_once(sequence, path, _read(path), parameters)
            missing = reference.lacking(_read(path)) if parameters.radiomics.engine == "pyradiomics" else ""
            if missing:
                raise RadiogramError(f"PyRadiomics cannot compute {missing} ({path.name}): set radiomics.engine=fast.")


def words(parameters: Parameters) -> list[str]:
    """A sentence for each settings file: whose radiomics it decides, and what it asks for."""
    found: dict[Path, list[str]] = {}
    for sequence in parameters.cohort.sequences:
        path = file_of(sequence, parameters)
        if path is not None:
            found.setdefault(path, []).append(sequence)
    return [
        f"Radiomics of {prose.listing(sequences)} followed the PyRadiomics settings file `{path.name}`: "
        f"{', '.join(_asked(_read(path)))}."
        for path, sequences in found.items()
    ]


def _asked(own: Settings) -> list[str]:
    spacing = " x ".join(f"{step:g}" if step else "(as scanned)" for step in own.resampled_pixel_spacing or ())
    sigmas = [f"{sigma:g}" for kind, more in own.image_types if kind == "LoG" for sigma in own.of(more).sigma]
    images = [f"LoG (sigma {', '.join(sigmas)} mm)" if kind == "LoG" else kind for kind, _ in own.image_types]
    said = {
        "intensities normalized": own.normalize,
        f"voxels resampled to {spacing} mm": own.resamples,
        "cropped around the lesion before filtering": own.pre_crop and not own.resamples,
        "the lesion resegmented by intensity": own.resegment_range is not None,
        f"{own.bin_count} gray levels" if own.bin_count else f"gray levels of width {own.bin_width:g}": True,
        "in 2D": own.force2d,
        f"images {prose.listing(images)}": True,
        f"classes {prose.listing([name for name, _ in own.classes])}": True,
    }
    return [text for text, holds in said.items() if holds]


def _check_once(sequence: str, path: Path, own: Settings, parameters: Parameters) -> None:
    method, spacing = normalization(sequence, parameters), parameters.imaging.spacing
    if own.normalize and method != "none":
        raise RadiogramError(
            f"{sequence} would be normalized twice, by {path.name} and by imaging.normalize ({method}): "
            f"set imaging.normalize.{sequence}=none, or normalize: false in {path.name}."
        )
    if own.resamples and spacing is not None:
        raise RadiogramError(
            f"{sequence} would be resampled twice, by {path.name} and by imaging.spacing: "
            f"set imaging.spacing=null, or remove resampledPixelSpacing from {path.name}."
        )
    values = labels.chosen(parameters.imaging.mask_label, sequence)
    if own.label not in (1, *values):
        raise RadiogramError(
            f"{path.name} measures label {own.label}, and imaging.mask_label is {', '.join(map(str, values))}: "
            f"set imaging.mask_label={own.label}, or correct {path.name}."
        )
    if own.label_channel:
        raise RadiogramError(
            f"{path.name} takes channel {own.label_channel} of masks, and masks of a study have one: "
            f"save that channel as a mask of its own, and remove label_channel from {path.name}."
        )


def _read(path: Path) -> Settings:
    if not path.is_file():
        raise RadiogramError(f"There is no settings file {path}: correct radiomics.settings.")
    stat = path.stat()
    return _kept(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _kept(path: Path, changed: int, size: int) -> Settings:
    """A file is read once as long as it does not change."""
    return Settings.read(path)
