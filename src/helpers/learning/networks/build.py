"""The network that a study names, built; and its row of the table of architectures."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from helpers import prose
from helpers.errors import RadiogramError
from helpers.learning.networks import medicalnet
from helpers.learning.networks.batch import Shape
from helpers.learning.networks.encoder3d import Encoder3d
from helpers.learning.networks.fusion3d import fused
from helpers.learning.networks.network import Net
from helpers.parameters import Network, Parameters

# Where an encoder (channels, width) is made, and where a whole network is; imported when it is asked for.
ENCODERS = {
    "resnet10": ("resnet3d", "resnet10"),
    "resnet50": ("resnet3d", "resnet50"),
    "resnet10_monai": ("resnet_monai", "MonaiResNet10"),
    "vgg11": ("vgg3d", "vgg11"),
    "vgg16": ("vgg3d", "vgg16"),
    "mresnet": ("mresnet", "MresNet"),
    "densenet121": ("densenet3d", "DenseNet3d"),
}
WHOLE = {"convnext": "convnext", "transformer": "guided"}
RANDOM = {"weights": "random", "sha256": "", "license": ""}


def build(network: Network, shape: Shape, *, parameters: Parameters) -> Net:
    """A network for batches of this shape: logits (n, endpoints of the shape).

    Sequences of the shape that the network does not name are not read. Random weights come from torch's global
    generator, which the caller seeds.

    Raises RadiogramError for inputs that the architecture cannot take, and for weights that are absent, refused or do
    not fit.
    """
    if network.architecture in WHOLE:
        room = import_module(f"helpers.learning.networks.{WHOLE[network.architecture]}")
        return room.build(network, shape, parameters=parameters)
    _require_images_alone(network)
    sequences = _positions(network, shape)
    encoder = _encoder(network, 1 if network.fusion == "late" else len(sequences), parameters.networks.width)
    net = fused(
        encoder,
        fusion=network.fusion,
        sequences=sequences,
        endpoints=len(shape.endpoints),
        dropout=parameters.networks.dropout,
        given=network.weights != "random",
    )
    net.definition = f"{encoder.definition}; {parameters.networks.width} channels after the first layer."
    return net


def record(network: Network, net: Net, shape: Shape, *, parameters: Parameters) -> dict[str, Any]:
    """A row of table `architectures`; `trained` counts the parameters that learn."""
    frozen = {id(p) for p in net.trunk()} if parameters.networks.trunk_rate == 0 else set()
    sizes = [(p.numel(), p.requires_grad and id(p) not in frozen) for p in net.parameters()]
    return {
        "model": network.name,
        "architecture": network.architecture,
        "definition": net.definition,
        "inputs": _inputs(network, shape),
        "parameters": sum(size for size, _ in sizes),
        "trained": sum(size for size, learns in sizes if learns),
        **_provenance(network, parameters),
    }


def _encoder(network: Network, channels: int, width: int) -> Encoder3d:
    room, name = ENCODERS[network.architecture]
    make = getattr(import_module(f"helpers.learning.networks.{room}"), name)
    if network.weights == "random":
        return make(channels, width)
    path = medicalnet.weights_path(network.weights, network.name)
    if width != medicalnet.WIDTH:
        raise RadiogramError(
            f"networks.models, {network.name}, weights: MedicalNet's networks have {medicalnet.WIDTH} channels after the "
            f"first layer and networks.width is {width}: set networks.width to {medicalnet.WIDTH}, or weights to random."
        )
    encoder = make(channels, width)
    published = encoder.published()
    if published is None:
        raise RadiogramError(
            f"networks.models, {network.name}, weights: no weights are published for {network.architecture}: set them to "
            "random, or take resnet10, resnet10_monai or resnet50, which have MedicalNet's."
        )
    medicalnet.load(published, path, network=network.name)
    return encoder


def _positions(network: Network, shape: Shape) -> tuple[int, ...]:
    """Where the network's sequences are among the batch's. Raises RadiogramError for one that the study does not have."""
    wanted = network.sequences or shape.sequences
    unknown = [sequence for sequence in wanted if sequence not in shape.sequences]
    if unknown:
        raise RadiogramError(
            f"networks.models, {network.name}, sequences: {', '.join(unknown)} is not among the study's sequences "
            f"({', '.join(shape.sequences)}): correct the name, or add it to cohort.sequences."
        )
    return tuple(shape.sequences.index(sequence) for sequence in wanted)


def _require_images_alone(network: Network) -> None:
    if network.inputs != ("images",) or network.guide != "none":
        what = "guide" if network.guide != "none" else "inputs"
        raise RadiogramError(
            f"networks.models, {network.name}, {what}: a {network.architecture} reads images alone, without a guide: take "
            "the architecture transformer, or bring clinical variables in by a fusion (networks.fusions)."
        )


def _inputs(network: Network, shape: Shape) -> str:
    """What enters, in words: sequences and how they are fused, other inputs, and the volume."""
    sequences = ", ".join(network.sequences or shape.sequences)
    fusion = f" ({network.fusion} fusion)" if network.architecture in ENCODERS else ""
    words = {
        "images": f"{sequences}{fusion}, {' x '.join(map(str, shape.size))} voxels",
        "clinical": prose.count(len(shape.clinical), "clinical term"),
        "plan": prose.count(len(shape.plan), "number of the plan", "numbers of the plan"),
    }
    guide = f"; guided by the {network.guide}" if network.guide != "none" else ""
    return "; ".join(words[kind] for kind in words if kind in network.inputs) + guide


def _provenance(network: Network, parameters: Parameters) -> dict[str, str]:
    """weights, sha256 and license."""
    if network.weights == "random":
        return dict(RANDOM)
    if network.architecture in ENCODERS:
        return medicalnet.record(medicalnet.weights_path(network.weights, network.name))
    if network.architecture == "transformer":
        return {**RANDOM, "weights": "encoder of this study's own pretraining"}
    return _of_backbone(network, parameters)


def _of_backbone(network: Network, parameters: Parameters) -> dict[str, str]:
    from helpers.imaging.weights import weights_record

    deep = parameters.deep.model_copy(update={"backbone": parameters.networks.backbone, "weights": network.weights})
    found = weights_record(deep)
    return {"weights": found["name"], "sha256": found["sha256"], "license": found["license"]}
