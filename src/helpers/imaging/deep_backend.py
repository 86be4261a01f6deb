"""The network behind the deep features: built once a process, run on one thread, a few of one lesion's squares at a time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import timm
import torch

from helpers.errors import RadiogramError
from helpers.imaging.weights import color_scale, default_configuration, load, weights_path
from helpers.parameters import Deep

Forward = Callable[[np.ndarray], np.ndarray]  # (squares, channels, size, size) of 0 to 1 -> (squares, width), float32

BATCH = 4  # more is slower on a processor: activations leave its cache


@lru_cache(maxsize=2)
def forward(deep: Deep, seed: int) -> Forward:
    """The network as a function of a lesion's squares; loaded once a process, and safe to call from several threads.

    Raises RadiogramError as `load_backbone` does.
    """
    network = load_backbone(deep, seed)
    run = (_openvino if deep.runtime == "openvino" else _torch)(network, deep)
    mean, sd = (np.array(part, dtype=np.float32)[:, None, None] for part in color_scale(deep.backbone))

    def of(squares: np.ndarray) -> np.ndarray:
        colored = np.ascontiguousarray((squares - mean) / sd)
        # What shares a batch can decide the last bits, so a lesion's squares are never put together with another's.
        return np.concatenate([run(colored[i : i + BATCH]) for i in range(0, len(colored), BATCH)])

    return of


def load_backbone(deep: Deep, seed: int) -> torch.nn.Module:
    """The network in evaluation mode: without classifier for the layer `pooled`, with its own for `logits`.

    Raises RadiogramError for an unknown backbone or weights that are not there, do not fit or lack the classifier.
    """
    default_configuration(deep.backbone)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = timm.create_model(deep.backbone, pretrained=False, **_ending(deep.layer))
    if deep.weights != "random":
        load(network, weights_path(deep.backbone, deep.weights))
    return network.eval()


def width(backbone: str, layer: str = "pooled") -> int:
    """Length of that layer of the network, from its shapes alone. Raises RadiogramError where it has none."""
    size = default_configuration(backbone).get("input_size", (3, 224, 224))
    with torch.device("meta"), torch.inference_mode():
        network = timm.create_model(backbone, pretrained=False, **_ending(layer)).eval()
        last = network(torch.empty(1, *size))
    if last.ndim != 2:
        raise RadiogramError(f"deep.backbone: {backbone} ends in no vector of features: choose another.")
    if layer == "logits" and network.num_classes == 0:
        raise RadiogramError(f"deep.layer: {backbone} has no classifier: set deep.layer=pooled, or choose another.")
    return last.shape[1]


def _ending(layer: str) -> dict[str, int]:
    return {"num_classes": 0} if layer == "pooled" else {}


def _torch(network: torch.nn.Module, deep: Deep) -> Forward:
    dtype = getattr(torch, deep.precision)
    network = _through_onednn(network) if torch.backends.mkldnn.is_available() else network
    network = network.to(dtype)

    def run(batch: np.ndarray) -> np.ndarray:
        torch.set_num_threads(1)  # of the calling thread, so here and not once a process
        with torch.inference_mode():
            return network(torch.from_numpy(batch).to(dtype)).float().numpy()

    return run


class _Linear(torch.nn.Linear):
    """A linear layer by oneDNN, as the convolutions are: torch leaves it to MKL, half as fast on AMD's processors."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def _through_onednn(network: torch.nn.Module) -> torch.nn.Module:
    for module in network.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = _Linear
    return network


def _openvino(network: torch.nn.Module, deep: Deep) -> Forward:
    """Compiled for each number of squares a batch can have: at most `BATCH`."""
    compiled = lru_cache(maxsize=BATCH)(lambda count: _compiled(network, deep, count))

    def run(batch: np.ndarray) -> np.ndarray:
        request = compiled(len(batch)).create_infer_request()
        return np.array(request.infer([batch])[0], dtype=np.float32)

    return run


def _compiled(network: torch.nn.Module, deep: Deep, count: int):  # noqa: ANN202 (openvino's type is not there without it)
    sys.modules["openvino_telemetry"] = None  # it would send a hospital's use to its makers unasked
    import openvino

    shape = (count, 3, deep.size, deep.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the trace that openvino asks of torch is deprecated there
        model = openvino.convert_model(network, example_input=torch.zeros(shape))
    model.reshape(list(shape))
    precision = {"float32": "f32", "bfloat16": "bf16"}[deep.precision]
    # Pinned threads of several worker processes would share one core.
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    return openvino.Core().compile_model(model, "CPU", {**options, "INFERENCE_PRECISION_HINT": precision})
