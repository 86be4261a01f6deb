"""Deep features of a lesion: its largest slices through a 2-D network that was trained on photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from importlib import metadata
from typing import Any

import numpy as np
import SimpleITK as sitk

from helpers.errors import RadiogramError
from helpers.imaging import weights
from helpers.imaging.slices import axial, largest_slices, patches
from helpers.parameters import Deep

__all__ = [
    "axial",
    "engine",
    "feature_count",
    "features",
    "features_of",
    "largest_slices",
    "patches",
    "sentence",
    "settings",
    "weights_record",
]

Window = tuple[float, float] | None  # intensities of black and white

WIDTHS = {  # known without importing timm, which takes seconds
    "convnext_tiny": {"pooled": 768, "logits": 1000},
    "resnet50": {"pooled": 2048, "logits": 1000},
}
CITED = {"convnext": "liu2022", "resnet": "he2016"}  # by what the name of a backbone holds
ENGINE = 2  # raised when a change here changes a feature


def weights_record(deep: Deep) -> dict[str, str]:
    """name, sha256, license and source of the weights a study uses; "random" has neither hash nor license.

    Raises RadiogramError when the weights or the runtime cannot be had, the backbone takes no images of that size, or
    logits are asked of weights without a classifier: call it before the first case.
    """
    if deep.runtime == "openvino":
        _openvino_version()
    if deep.backbone not in WIDTHS:
        _check_size(deep)
    found = weights.weights_record(deep)
    if deep.layer == "logits" and deep.weights != "random":
        _check_classifier(deep)
    return found


def engine(deep: Deep, seed: int) -> dict[str, Any]:
    """Versions and weights that decide the numbers; part of every key of the store, beside the parameters."""
    random = deep.weights == "random"
    source = f"random {seed}" if random else weights.file_digest(weights.weights_path(deep.backbone, deep.weights))
    versions = {name: metadata.version(name) for name in ("torch", "timm", "simpleitk")}
    if deep.runtime == "openvino":
        versions["openvino"] = _openvino_version()
    return {"engine": ENGINE, "weights": source, **versions}


def settings(deep: Deep) -> dict[str, Any]:
    """The parameters that decide the numbers, beside `engine`; features kept before there were layers are pooled ones."""
    return deep.model_dump(mode="json", exclude={"weights"} | ({"layer"} if deep.layer == "pooled" else set()))


def features(scan: sitk.Image, lesion: sitk.Image, *, deep: Deep, window: Window, seed: int) -> dict[str, float]:
    """deep_0, deep_1, ...: the network's `deep.layer`, pooled over the slices; `lesion` is 0/1 on that grid.

    With `mean_max` pooling deep_max_0, ... follow the means. The squares of one lesion share their batches with no
    other's, and the network runs on one thread: the same floats whatever else is computed, in whatever order.
    """
    from helpers.imaging.deep_backend import forward

    vectors = forward(deep, seed)(patches(scan, lesion, deep=deep, window=window))
    return {f"deep_{name}": float(value) for name, value in _pooled(vectors, deep.pooling)}


def features_of(
    lesions: Sequence[tuple[sitk.Image, sitk.Image, Window]], *, deep: Deep, seed: int, threads: int = 1
) -> list[dict[str, float]]:
    """`features` of many (scan, lesion, window), such as a case's sequences and readers, in their order.

    Lesions run side by side on `threads`; the network is loaded once and the floats are those of `features`.
    """
    from helpers.imaging.deep_backend import forward

    forward(deep, seed)  # before the threads ask for it
    one = partial(_features_of_one, deep=deep, seed=seed)
    if threads == 1:
        return [one(lesion) for lesion in lesions]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, lesions))


def sentence(deep: Deep, versions: Mapping[str, str]) -> str:
    """How the features were computed, for the methods of a report; `versions` by package name."""
    trained = {"random": "with random, untrained weights", "imagenet": "pretrained on ImageNet"}
    pooled = {"mean": "averaged", "max": "reduced to the maximum", "mean_max": "reduced to the mean and the maximum"}
    cited = next((f" [@{key}]" for name, key in CITED.items() if name in deep.backbone), "")
    several = deep.slices > 1 or deep.slices_rule == "2.5d_planes"
    return (
        f"Deep features are {_layer(deep)} of `{deep.backbone}`{cited} in timm {versions.get('timm', '')}, "
        f"{trained.get(deep.weights, 'with weights read from a local file')}, run by {_run_by(deep, versions)}, on the "
        f"{_slices_shown(deep)}, cropped {deep.margin:g} mm around the lesion and resized to {deep.size} x {deep.size} "
        f"pixels{', ' + pooled[deep.pooling] + ' over slices' if several else ''}."
    )


@lru_cache
def feature_count(backbone: str, pooling: str = "mean", layer: str = "pooled") -> int:
    """Deep features a sequence. Raises RadiogramError for an unknown backbone, or logits of one without classifier."""
    return _width(backbone, layer) * (2 if pooling == "mean_max" else 1)


def _openvino_version() -> str:
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError as error:
        raise RadiogramError(
            "deep.runtime openvino needs the package openvino, which is not installed: run `pip install openvino` in "
            "this environment, or set deep.runtime=torch."
        ) from error


def _check_size(deep: Deep) -> None:
    configured = weights.default_configuration(deep.backbone)
    side = configured.get("input_size", (3, deep.size, deep.size))[-1]
    if configured.get("fixed_input_size") and side != deep.size:
        raise RadiogramError(
            f"deep.size: {deep.backbone} takes images of {side} x {side} pixels and no others: set deep.size={side}."
        )


@lru_cache
def _check_classifier(deep: Deep) -> None:
    """Only filling the network tells whether a file fits it; the run asks again for its provenance."""
    from helpers.imaging.deep_backend import load_backbone

    load_backbone(deep, seed=0)


def _width(backbone: str, layer: str) -> int:
    if backbone in WIDTHS:
        return WIDTHS[backbone][layer]
    from helpers.imaging.deep_backend import width

    return width(backbone, layer)


def _features_of_one(lesion: tuple[sitk.Image, sitk.Image, Window], *, deep: Deep, seed: int) -> dict[str, float]:
    scan, mask, window = lesion
    return features(scan, mask, deep=deep, window=window, seed=seed)


def _pooled(vectors: np.ndarray, pooling: str) -> list[tuple[str, float]]:
    """(name, value) of one lesion's vectors (squares, width); max over squares alone keeps the plain numbers as names."""
    parts = {"mean": vectors.mean(axis=0), "max": vectors.max(axis=0)}
    if pooling != "mean_max":
        return [(str(i), value) for i, value in enumerate(parts[pooling])]
    means = [(str(i), value) for i, value in enumerate(parts["mean"])]
    return means + [(f"max_{i}", value) for i, value in enumerate(parts["max"])]


def _run_by(deep: Deep, versions: Mapping[str, str]) -> str:
    name = {"torch": "PyTorch", "openvino": "OpenVINO"}[deep.runtime]
    precision = {"float32": "single", "bfloat16": "bfloat16"}[deep.precision]
    return " ".join(filter(None, (name, versions.get(deep.runtime), f"in {precision} precision")))


def _layer(deep: Deep) -> str:
    if deep.layer == "pooled":
        return "the pooled activations"
    number = feature_count(deep.backbone, layer="logits")
    return f"the {number:,} outputs of the classifier (logits, before any softmax)"


def _slices_shown(deep: Deep) -> str:
    kind = "slice" if deep.slices_rule == "2.5d_planes" else "axial slice"
    number = "" if deep.slices == 1 else f"{deep.slices} "
    colors = "" if deep.slices_rule == "largest" else ", each with its two neighbors as the color channels"
    planes = ", in each of the axial, coronal and sagittal planes" if deep.slices_rule == "2.5d_planes" else ""
    return f"{number}{kind}{'' if deep.slices == 1 else 's'} of largest lesion area{colors}{planes}"
