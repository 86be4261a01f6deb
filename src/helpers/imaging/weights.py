"""Pre-trained weights from a hub or a file, whatever layout of names they were saved in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import RadiogramError
from helpers.imaging.store import digest
from helpers.parameters import Deep

if TYPE_CHECKING:
    import torch

# torchvision's names of ConvNeXt blocks -> timm's.
TORCHVISION_BLOCK = {
    "block.0": "conv_dw",
    "block.2": "norm",
    "block.3": "mlp.fc1",
    "block.5": "mlp.fc2",
    "layer_scale": "gamma",
}
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UNOPENED = "cannot be opened as weights: give a file of tensors saved by torch.save or safetensors"


def weights_record(deep: Deep) -> dict[str, str]:
    """name, sha256, license and source of the weights a study uses; "random" has neither hash nor license.

    Raises RadiogramError when the weights cannot be had: call it before the first case.
    """
    if deep.weights == "random":
        return {"name": f"{deep.backbone}, random", "sha256": "", "license": "", "source": "random initialization"}
    path = weights_path(deep.backbone, deep.weights)
    hub = deep.weights == "imagenet"
    configured = default_configuration(deep.backbone) if hub else {}
    license_ = configured.get("license", "") or "not stated"
    return {
        "name": configured.get("hf_hub_id") or path.name,
        "sha256": file_digest(path),
        "license": license_,
        "source": "timm's hub" if hub else "local file",
    }


@lru_cache
def file_digest(path: Path) -> str:
    return digest(path)


def weights_path(backbone: str, weights: str) -> Path:
    """The file of weights: `imagenet` is fetched from timm's hub unless already cached, else a local path.

    Raises RadiogramError naming the file and where to put it.
    """
    if weights == "imagenet":
        return _from_hub(backbone)
    path = Path(weights).expanduser()
    if not path.is_file():
        remedy = "give the path of a weights file, imagenet, or random"
        raise RadiogramError(f"deep.weights: there is no file {path}; {remedy}.")
    return path


@lru_cache
def _from_hub(backbone: str) -> Path:
    import huggingface_hub

    repository = default_configuration(backbone).get("hf_hub_id", "")
    if not repository:
        remedy = "give a file with --set deep.weights=/path/to/it"
        raise RadiogramError(f"deep.weights: timm has no hub weights for {backbone}; {remedy}.")
    try:
        return Path(huggingface_hub.hf_hub_download(repository, "model.safetensors"))
    except Exception as error:  # the hub's client raises its own, requests', httpx' and OSErrors when offline
        raise RadiogramError(
            f"deep.weights: imagenet weights of {backbone} cannot be fetched ({type(error).__name__}); on a machine "
            f"with internet download model.safetensors of {repository} from huggingface.co, copy it here, "
            "and add --set deep.weights=/path/to/model.safetensors."
        ) from error


def default_configuration(backbone: str) -> dict[str, Any]:
    """timm's description of a backbone's default weights. Raises RadiogramError for an unknown backbone."""
    import timm

    if not timm.is_model(backbone):
        near = difflib.get_close_matches(backbone, timm.list_models(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise RadiogramError(f"deep.backbone: timm knows no model {backbone}.{hint}")
    found = timm.get_pretrained_cfg(backbone, allow_unregistered=False)
    return found.to_dict() if found else {}


def color_scale(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of red, green and blue, of 0 to 1, that the backbone's default weights were trained with."""
    configured = default_configuration(backbone)
    return configured.get("mean") or IMAGENET_MEAN, configured.get("std") or IMAGENET_SD


def load(model: torch.nn.Module, path: Path) -> None:
    """Fill a timm model from a file, in timm's, torchvision's or Facebook's layout of names.

    A classifier in the file is left out where the model has none. Raises RadiogramError for a file that cannot be
    opened safely, does not fit, or lacks the classifier that the model has.
    """
    state = to_timm(_tensors(path), model)
    expected = model.state_dict()
    missing = [name for name in expected if name not in state]
    if missing and all(_of_classifier(name, model) for name in missing):
        raise RadiogramError(
            f"deep.layer: logits are the outputs of a classifier, and {path.name} has none: give weights with their "
            "classifier, or set deep.layer=pooled."
        )
    misfits = [name for name, tensor in state.items() if name in expected and tensor.shape != expected[name].shape]
    if missing or misfits:
        raise RadiogramError(
            f"deep.weights: {path.name} does not fit the backbone ({len(missing)} tensors are missing and "
            f"{len(misfits)} have another shape, the first being {(missing + misfits)[0]}): "
            "choose the backbone that the weights belong to."
        )
    model.load_state_dict({name: state[name] for name in expected})


def to_timm(state: Mapping[str, Any], model: torch.nn.Module) -> dict[str, Any]:
    """Names and shapes as timm has them; the layout is told by a name that only it has."""
    if "features.0.0.weight" in state:
        return {_from_torchvision(name): _flat_scale(name, tensor) for name, tensor in state.items()}
    if "downsample_layers.0.0.weight" in state:
        from timm.models.convnext import checkpoint_filter_fn

        return checkpoint_filter_fn(dict(state), model)
    return dict(state)


def _of_classifier(name: str, model: torch.nn.Module) -> bool:
    own = getattr(model, "default_cfg", {}).get("classifier") or ()
    return any(name.startswith(f"{layer}.") for layer in ([own] if isinstance(own, str) else own))


def _from_torchvision(name: str) -> str:
    name = name.replace("classifier.0.", "head.norm.").replace("classifier.2.", "head.fc.")
    match = re.match(r"features\.(\d+)\.(\d+)\.(.+)", name)
    if not match:
        return name
    group, index, rest = int(match[1]), match[2], match[3]
    if group == 0:
        return f"stem.{index}.{rest}"
    if group % 2 == 0:
        return f"stages.{group // 2}.downsample.{index}.{rest}"
    for theirs, ours in TORCHVISION_BLOCK.items():
        rest = rest.replace(theirs, ours)
    return f"stages.{group // 2}.blocks.{index}.{rest}"


def _flat_scale(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1) if name.endswith("layer_scale") else tensor


def _tensors(path: Path) -> dict[str, Any]:
    """Tensors by name; nothing in the file is executed."""
    if path.suffix == ".safetensors":
        return _opened(path, _safetensors)
    state = _opened(path, _pickled)
    for wrapper in ("model", "state_dict", "model_state"):
        state = state[wrapper] if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping) else state
    if not isinstance(state, Mapping) or not state:
        raise RadiogramError(f"deep.weights: {path.name} {UNOPENED}.")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _opened(path: Path, opener: Any) -> Any:
    try:
        return opener(path)
    except Exception as error:  # pickle, zip, safetensors and torch each raise their own
        raise RadiogramError(f"deep.weights: {path.name} {UNOPENED}.") from error


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(path)


def _pickled(path: Path) -> Any:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)
