"""Tiny scans, masks and parameters for the tests of imaging."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from helpers.imaging.extract import ImageRow
from helpers.parameters import Parameters
from helpers.study import load


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Parameters]:
    """Parameters of a study of one sequence T1, quick to extract; overrides as on the command line."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "cohort: {sequences: [T1]}\n"
        "radiomics: {image_types: [original], classes: [shape, firstorder, glcm]}\n"
        "deep: {enabled: false}\n"
        "imaging: {minimum_voxels: 8}\n"
    )
    return lambda *overrides: load(path, overrides=overrides).parameters


def texture(shape: tuple[int, int, int] = (16, 20, 18), *, seed: int = 0) -> np.ndarray:
    """A blurred noise "head" of mean 1000 in dark air, z y x, float32."""
    rng = np.random.default_rng(seed)
    inside = np.zeros(shape)
    inside[:, 2:-2, 2:-2] = 1000 + 400 * ndimage.gaussian_filter(rng.standard_normal(shape), 1)[:, 2:-2, 2:-2]
    return (inside + rng.uniform(1, 5, shape)).astype(np.float32)


def ball(shape: tuple[int, int, int] = (16, 20, 18), *, radius: float = 4.0) -> np.ndarray:
    """A ball in the middle, z y x, uint8."""
    offsets = [np.arange(n) - n // 2 for n in shape]
    z, y, x = np.meshgrid(*offsets, indexing="ij")
    return (z**2 + y**2 + x**2 <= radius**2).astype(np.uint8)


def volume(array: np.ndarray, *, spacing: tuple[float, float, float] = (1.0, 1.2, 2.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    if image.GetDimension() == 3:
        image.SetSpacing(spacing)
    return image


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """save("name", array or image) -> the file."""

    def _save(name: str, content: np.ndarray | sitk.Image, **options) -> Path:
        path = tmp_path / f"{name}.nii.gz"
        sitk.WriteImage(volume(content, **options) if isinstance(content, np.ndarray) else content, str(path))
        return path

    return _save


@pytest.fixture
def row(save) -> Callable[..., ImageRow]:
    """A row of case P1: image and mask, good unless given otherwise."""

    def _row(image=None, mask=None, *, reader="reader1", sequence="T1", case="P1") -> ImageRow:
        image = texture() if image is None else image
        mask = ball() if mask is None else mask
        paths = [
            content if isinstance(content, Path) else save(f"{case}_{sequence}_{reader}_{kind}", content)
            for kind, content in (("image", image), ("mask", mask))
        ]
        return ImageRow(case, sequence, reader, *map(str, paths))

    return _row


@pytest.fixture
def builders():
    """The builders themselves: .texture, .ball, .volume."""
    from types import SimpleNamespace

    return SimpleNamespace(texture=texture, ball=ball, volume=volume)
