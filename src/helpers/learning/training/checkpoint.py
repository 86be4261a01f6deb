"""A finished training on disk: weights, inputs, epochs and log odds, with the key of everything they depend on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.errors import RadiogramError
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.networks import build
from helpers.learning.networks.batch import Batch, Shape
from helpers.learning.networks.network import Net
from helpers.learning.training import inputs as input_room
from helpers.learning.training.dataset import Cases
from helpers.learning.training.inputs import Inputs
from helpers.parameters import Network
from helpers.study import Study
from helpers.tables import write_whole

WEIGHTS, RECORD = "weights.safetensors", "training.json"
PRETRAINED = "pretrained"  # weights of a transformer: the encoder that this study pretrained


@dataclass(frozen=True, eq=False)
class Trained:
    """What one training leaves: log odds (n, endpoints) of the cases it never saw, and how it went."""

    model: str
    fold: int
    seed: int
    inputs: Inputs
    shift: tuple[float, ...]  # added to the logits: see losses.prior_shift
    cases: tuple[str, ...]
    log_odds: FloatArray
    epochs: pd.DataFrame
    architecture: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded(Fitted):
    """A trained network with the inputs it was trained with; `seen` are the patients who shaped it."""

    net: Net
    inputs: Inputs
    shift: tuple[float, ...]
    study: Study

    @property
    def shape(self) -> Shape:
        return self.inputs.shape

    def batch(self, cases: Sequence[str]) -> Batch:
        """The cases as this network sees them, in their order. Raises RadiogramError for a case without a volume."""
        positions = {case: i for i, case in enumerate(self._data.case)}
        absent = [case for case in cases if case not in positions]
        if absent:
            raise RadiogramError(f"Case {absent[0]} has no volume: networks cannot be shown it.")
        return self._data.__getitems__([positions[case] for case in cases])[0]

    @torch.no_grad()
    def score(self, cases: Sequence[str]) -> FloatArray:
        """Frozen log odds (n, endpoints); raises RadiogramError for the cases of a patient it was trained on."""
        patients = dict(zip(self._data.case, self._data.patient, strict=True))
        self.refuse(patients[case] for case in cases if case in patients)
        torch.set_num_threads(1)
        return self.net(self.batch(cases)).double().numpy() + np.array(self.shift)

    @cached_property
    def _data(self) -> Cases:
        cases = joined(self.study.tables.read("cases"), self.study.tables.read("volumes"))
        return Cases(cases, self.inputs, study=self.study)


def joined(cases: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Cases that have a volume, with its row, in the order of `cases`."""
    own = [name for name in volumes if name not in cases or name == "case"]
    return cases.merge(volumes[own], on="case", how="inner", validate="one_to_one")


def place(study: Study, *, model: str, fold: int, seed: int) -> Path:
    """The folder of one training; folds and seeds count from 0."""
    return study.folder / "models" / "networks" / model / f"fold{fold}-seed{seed}"


def built(study: Study, network: Network, shape: Shape, *, seed: int) -> Net:
    """A network before training, its random weights from `seed` alone; a transformer starts from the study's encoder if so asked."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build.build(network, shape, parameters=study.parameters)
    if network.architecture == "transformer" and network.weights == PRETRAINED and "images" in network.inputs:
        from helpers.learning.pretraining import pretrain

        net.branches.images.encoder.load_state_dict(pretrain.encoder(study).state_dict())
    return net


def write(folder: Path, net: Net, trained: Trained, *, key: str) -> None:
    """Weights before their record, and the record of others gone before that: the two always belong together."""
    from safetensors.torch import save_file

    (folder / RECORD).unlink(missing_ok=True)
    state = {name: tensor.detach().contiguous().clone() for name, tensor in net.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(state, path))
    told = {
        "key": key,
        "inputs": trained.inputs.to_json(),
        "shift": list(trained.shift),
        "cases": list(trained.cases),
        "log_odds": trained.log_odds.tolist(),
        "epochs": trained.epochs.to_dict("records"),
        "architecture": trained.architecture,
    }
    write_whole(folder / RECORD, lambda path: path.write_text(json.dumps(told, indent=1)))


def read(study: Study, *, model: str, fold: int, seed: int, key: str | None = None) -> Trained | None:
    """A finished training; None where there is none, or none of that `key`."""
    path = place(study, model=model, fold=fold, seed=seed) / RECORD
    if not path.is_file():
        return None
    told = json.loads(path.read_text())
    if key is not None and (told["key"] != key or not (path.parent / WEIGHTS).is_file()):
        return None
    return Trained(
        model=model,
        fold=fold,
        seed=seed,
        inputs=input_room.from_json(told["inputs"], what=f"network {model}, fold {fold + 1}"),
        shift=tuple(told["shift"]),
        cases=tuple(told["cases"]),
        log_odds=np.array(told["log_odds"], dtype=np.float64),
        epochs=pd.DataFrame(told["epochs"]),
        architecture=told["architecture"],
    )


def load(study: Study, *, model: str, fold: int, seed: int) -> Loaded:
    """A trained network, evaluating, on the CPU. Raises RadiogramError for one that was not trained, or is damaged."""
    trained = read(study, model=model, fold=fold, seed=seed)
    if trained is None:
        raise RadiogramError(
            f"Network {model} has no training of fold {fold + 1} and seed {seed + 1}: run 06_networks, or the whole report."
        )
    network = named(study, model).model_copy(update={"weights": "random"})  # those it started from are not needed
    net = built(study, network, trained.inputs.shape, seed=0)
    _fill(net, place(study, model=model, fold=fold, seed=seed) / WEIGHTS, model=model)
    own = {"what": trained.inputs.what, "seen": trained.inputs.seen}
    return Loaded(net=net.eval(), inputs=trained.inputs, shift=trained.shift, study=study, **own)


def named(study: Study, model: str) -> Network:
    """The network of that name among the study's. Raises RadiogramError when there is none."""
    found = [network for network in study.parameters.networks.models if network.name == model]
    if not found:
        known = ", ".join(network.name for network in study.parameters.networks.models)
        raise RadiogramError(f"No network is called {model} in networks.models, which has {known}.")
    return found[0]


def _fill(net: Net, path: Path, *, model: str) -> None:
    """Raises RadiogramError for weights that are not there, damaged, or of another network."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        net.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RadiogramError(
            f"The weights {path} do not fit network {model}, or cannot be read: delete that folder and run 06_networks again."
        ) from error
