"""What is measured and how, in PyRadiomics' own terms: one frozen value for a study's parameters or a settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.parameters import Radiomics

IMAGE_TYPES = {  # a study's names of PyRadiomics' image types
    "original": "Original",
    "log": "LoG",
    "wavelet": "Wavelet",
    "square": "Square",
    "squareroot": "SquareRoot",
    "logarithm": "Logarithm",
    "exponential": "Exponential",
    "gradient": "Gradient",
    "lbp2d": "LBP2D",
    "lbp3d": "LBP3D",
}
CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")  # PyRadiomics' order
OURS = ("image_types", "classes", "maximum_levels")  # not among PyRadiomics' settings


@dataclass(frozen=True)
class Settings:
    """PyRadiomics 3.0.1's settings, with its defaults and its names in snake case; lengths in mm, spacings x, y, z.

    `image_types` holds (Original, LoG, Wavelet, ...; settings of that image type alone), in order; `classes` holds
    (shape, shape2D, firstorder, glcm, ...; features asked for, () for all that are not deprecated), in order.
    """

    image_types: tuple[tuple[str, Mapping[str, Any]], ...] = (("Original", {}),)
    classes: tuple[tuple[str, tuple[str, ...]], ...] = field(
        default=tuple((name, ()) for name in CLASSES if name != "shape2D")
    )
    bin_width: float = 25.0
    bin_count: int | None = None
    normalize: bool = False
    normalize_scale: float = 1.0
    remove_outliers: float | None = None
    resampled_pixel_spacing: tuple[float, ...] | None = None
    interpolator: str | None = "sitkBSpline"
    pre_crop: bool = False
    pad_distance: int = 5
    distances: tuple[int, ...] = (1,)
    force2d: bool = False
    force2d_dimension: int = 0
    resegment_range: tuple[float, ...] | None = None
    resegment_mode: str = "absolute"
    resegment_shape: bool = False
    label: int = 1
    label_channel: int = 0
    minimum_roi_dimensions: int = 2
    minimum_roi_size: int | None = None
    geometry_tolerance: float | None = None
    correct_mask: bool = False
    voxel_array_shift: int = 0
    symmetrical_glcm: bool = True
    weighting_norm: str | None = None
    gldm_a: int = 0
    sigma: tuple[float, ...] = ()  # as written: PyRadiomics calls the image of 1 log-sigma-1, that of 1.0 log-sigma-1-0
    wavelet: str = "coif1"
    level: int = 1
    start_level: int = 0
    gradient_use_spacing: bool = True
    lbp2d_radius: float = 1.0
    lbp2d_samples: int = 8
    lbp2d_method: str = "uniform"
    lbp3d_levels: int = 2
    lbp3d_icosphere_radius: float = 1.0
    lbp3d_icosphere_subdivision: int = 1
    maximum_levels: int | None = None  # ours: more gray levels than this in a lesion is refused

    def of(self, overrides: Mapping[str, Any]) -> Settings:
        """These settings with those of one image type laid over them (snake-case names)."""
        return replace(self, **overrides) if overrides else self

    @classmethod
    def read(cls, path: Path | str) -> Settings:
        """PyRadiomics' own settings file, YAML or JSON. Raises RadiogramError: one sentence with the file and the key."""
        from helpers.imaging.radiomics import settings_file

        return settings_file.read(Path(path))

    @classmethod
    def of_study(cls, radiomics: Radiomics) -> Settings:
        """The settings that a study's own parameters amount to, for sequences without a settings file."""
        own = {"log": {"sigma": tuple(map(float, radiomics.log_sigma))}}
        types = dict.fromkeys(radiomics.image_types)
        bins = {"bin_width": radiomics.bin_width} if radiomics.bin_width else {}
        return cls(
            image_types=tuple((IMAGE_TYPES[name], own.get(name, {})) for name in types),
            classes=tuple((name, ()) for name in dict.fromkeys(radiomics.classes)),
            bin_count=radiomics.bin_count,
            maximum_levels=radiomics.maximum_levels,
            **bins,
        )

    @property
    def crops(self) -> bool:
        """Whether filters see only the surroundings of each mask: after resampling, and after `preCrop`."""
        return self.resamples or self.pre_crop

    @property
    def resamples(self) -> bool:
        return self.resampled_pixel_spacing is not None and self.interpolator is not None

    def canonical(self) -> dict[str, Any]:
        """Every value in plain types, for the key of a store and for provenance."""
        return _plain(asdict(self))

    def pyradiomics(self) -> dict[str, Any]:
        """These settings as PyRadiomics' parameter dictionary: setting, imageType and featureClass."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in OURS}
        return {
            "setting": {**_foreign(own), "additionalInfo": False},
            "imageType": {name: _foreign(overrides) for name, overrides in self.image_types},
            "featureClass": {name: list(features) for name, features in self.classes},
        }


def _foreign(values: Mapping[str, Any]) -> dict[str, Any]:
    """PyRadiomics' names, and its types: lists for tuples."""
    from helpers.imaging.radiomics.settings_file import KEYS

    names = {key.field: name for name, key in KEYS.items() if key.field}
    return {names[field]: _plain(value) for field, value in values.items() if field in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
