"""MedicalNet's weights from a local file: opened without running anything in it, renamed, and fitted or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from helpers.errors import RadiogramError
from helpers.imaging.weights import file_digest

WIDTH = 64  # of every published file
LICENSE = "MIT, as MedicalNet is published"
WRAPPERS = ("state_dict", "model", "model_state")
PREFIXES = ("module.", "net.", "encoder.")  # module. is that of torch's DataParallel, which MedicalNet was trained in
NOT_WANTED = ("conv_seg.", "fc.", "head.")  # heads of other tasks
FILES = "resnet_10.pth, resnet_10_23dataset.pth or resnet_50.pth of MedicalNet (github.com/Tencent/MedicalNet)"


def load(published: nn.Module, path: Path, *, network: str) -> None:
    """Fill a 3-D ResNet that has MedicalNet's names from `path`, a file of torch.save or safetensors.

    Layouts: MedicalNet's own ({"state_dict": {"module.conv1.weight": ...}}, segmentation head and all), MONAI's (the
    names alone) and either as safetensors. Where the network takes several sequences as channels and the file one, the
    first layer's weights are repeated and divided by their number: equal images give what one image gave.

    Raises RadiogramError for a file that is not there, wants to run code, holds no tensors, or does not fit.
    """
    state = _named(_tensors(path, network), published)
    expected = published.state_dict()
    optional = {name for name in expected if name.endswith("num_batches_tracked")}
    _require_fit(state, expected, optional, path=path, network=network)
    published.load_state_dict({**expected, **state})


def record(path: Path) -> dict[str, str]:
    """weights, sha256 and license for the table of architectures."""
    return {"weights": path.name, "sha256": file_digest(path), "license": LICENSE}


def weights_path(weights: str, network: str) -> Path:
    """The local file. Raises RadiogramError where there is none."""
    path = Path(weights).expanduser()
    if not path.is_file():
        raise RadiogramError(f"{_of(network)} there is no file {path}; give the path of {FILES}, or random.")
    return path


def repeated(stem: Tensor, channels: int) -> Tensor:
    """First-layer weights (width, 1, z, y, x) for so many channels, divided by their number."""
    return stem.repeat(1, channels, 1, 1, 1) / channels


def _named(state: Mapping[str, Tensor], published: nn.Module) -> dict[str, Tensor]:
    """Names as MedicalNet's ResNet has them, heads left out, and the first layer for as many channels as there are."""
    kept = {}
    for name, tensor in state.items():
        bare = _bare(name)
        if not bare.startswith(NOT_WANTED):
            kept[bare] = tensor
    stem, channels = kept.get("conv1.weight"), published.conv1.in_channels
    if stem is not None and stem.ndim == 5 and stem.shape[1] == 1:
        kept["conv1.weight"] = repeated(stem, channels)
    return kept


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _require_fit(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], optional: set[str], *, path: Path, network: str
) -> None:
    missing = [name for name in expected if name not in state and name not in optional]
    misfits = [name for name in expected if name in state and state[name].shape != expected[name].shape]
    beyond = [name for name in state if name not in expected]
    if missing or misfits or beyond:
        raise RadiogramError(
            f"{_of(network)} {path.name} does not fit the network ({len(missing)} of its tensors are missing from the "
            f"file, {len(misfits)} have another shape, and the file has {len(beyond)} of no use, the first of all being "
            f"{(misfits + missing + beyond)[0]}): choose the architecture that the weights belong to."
        )


def _tensors(path: Path, network: str) -> dict[str, Tensor]:
    state = _safetensors(path, network) if path.suffix == ".safetensors" else _unpickled(path, network)
    for wrapper in WRAPPERS:
        state = state[wrapper] if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping) else state
    if not isinstance(state, Mapping) or not state or not all(isinstance(t, Tensor) for t in state.values()):
        raise RadiogramError(f"{_of(network)} {path.name} holds no dictionary of tensors: give {FILES}.")
    return dict(state)


def _unpickled(path: Path, network: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each raise their own
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            raise RadiogramError(
                f"{_of(network)} {path.name} was refused: beside tensors it holds {wanted[1]}, which could run code when "
                "opened; save its tensors alone, torch.save(model.state_dict(), file), where you trust it."
            ) from error
        raise RadiogramError(f"{_of(network)} {path.name} cannot be opened as weights: give {FILES}.") from error


def _safetensors(path: Path, network: str) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise RadiogramError(f"{_of(network)} {path.name} cannot be opened as weights: give {FILES}.") from error


def _of(network: str) -> str:
    return f"networks.models, {network}, weights:"
