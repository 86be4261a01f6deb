"""The networks of a study explained: what those who made a prediction looked at, and whether it hangs on their weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.imaging import volumes
from helpers.imaging.volumes import CaseVolume
from helpers.learning.explain import choose, randomization
from helpers.learning.explain.saliency import Looked, looked
from helpers.learning.training import checkpoint
from helpers.learning.training.checkpoint import Loaded
from helpers.parameters import Network
from helpers.progress import Progress
from helpers.study import Study
from helpers.tables import DECLARED

MEASURED = 16  # cases of each network and endpoint whose saliency is measured, those shown among them
CHECKED = 4  # of them, cases on which weights are drawn anew
IRRADIATED = ("dose", "target")  # guides that a plan brings
AGREEMENT = 0.01  # by how much the explained networks' probability may differ from the one in the table


@dataclass(frozen=True)
class Shown:
    """A case as the figure shows it: one slice of it, with the lesion, and the maps by method."""

    endpoint: str
    model: str
    number: int
    outcome: str
    probability: float
    sequence: str
    image: NDArray[np.float32]  # (y, x)
    lesion: NDArray[np.float32]  # (y, x), share of the voxel
    pixel: tuple[float, float]  # mm along y and x
    maps: dict[str, NDArray[np.float32]]  # (y, x), between 0 and 1: 1 is the highest of the whole volume
    inside: dict[str, float]
    guide: str = "none"  # what guided the network
    guide_map: NDArray[np.float32] | None = None  # (y, x), share of the prescription or of the target; None without one


@dataclass(frozen=True)
class Explained:
    """Tables `saliency` and `randomization`, and the cases of the figure."""

    saliency: pd.DataFrame
    randomization: pd.DataFrame
    shown: list[Shown]


def explain(study: Study) -> Explained:
    """Every network that explanation.models names (the first if it names none), endpoint by endpoint.

    Needs the tables predictions, thresholds, cases and volumes, and the trainings of 06_networks. Raises RadiogramError for a
    network that the study does not have or that sees no images, and where the networks on disk are not those that predicted.
    """
    frozen = study.tables.read("thresholds").set_index(["endpoint", "model"])["threshold"]
    predictions = study.tables.read("predictions")
    asked = [(network, endpoint) for network in networks(study) for endpoint in _endpoints(study, network)]
    pieces = []
    for network, endpoint in asked:
        own = choose.judged(predictions, endpoint=endpoint, model=network.name)
        if (endpoint, network.name) in frozen.index and len(own):
            threshold = float(frozen.loc[endpoint, network.name])
            rows = choose.numbered(own, threshold=threshold, cases=study.parameters.explanation.cases)
            pieces.append(_explained(study, measured(rows), threshold=threshold))
    if not pieces:
        raise RadiogramError(
            "No network of explanation.models has predictions and a threshold: run 06_networks and 06_statistics."
        )
    tables = (pd.concat([p[i] for p in pieces], ignore_index=True) for i in (0, 1))
    return Explained(*tables, [case for piece in pieces for case in piece[2]])


def networks(study: Study) -> list[Network]:
    """The networks that are explained. Raises RadiogramError for an unknown one, and for one that sees no images."""
    models, asked = study.parameters.networks.models, study.parameters.explanation.models
    seeing = [network for network in models if "images" in network.inputs]
    if not asked and not seeing:
        raise RadiogramError("No network of this study sees images: take 09_explanation out of notebooks.")
    found = [checkpoint.named(study, name) for name in asked] or seeing[:1]
    for network in found:
        if network not in seeing:
            raise RadiogramError(f"explanation.models names {network.name}, which sees no images: leave it out.")
    return found


def measured(rows: pd.DataFrame, most: int = MEASURED) -> pd.DataFrame:
    """The rows shown and, up to `most` of them, others spread evenly over the order of risk; in order of case."""
    shown = rows[rows["number"].notna()]
    others = rows[rows["number"].isna()].sort_values(["probability", "case"])
    room = max(most - len(shown), 0)
    if len(others) > room:
        others = others.iloc[np.linspace(0, len(others) - 1, room).round().astype(int)]
    return pd.concat([shown, others]).sort_values("case", ignore_index=True)


def _endpoints(study: Study, network: Network) -> tuple[str, ...]:
    return tuple(
        e.name for e in study.parameters.cohort.endpoints if not network.endpoints or e.name in network.endpoints
    )


@dataclass
class _Sum:
    """Over the networks that never saw a case: their log odds, and the votes of their maps."""

    rows: pd.DataFrame
    log_odds: NDArray[np.float64]
    networks: NDArray[np.int64]
    inside: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    share: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    maps: dict[str, dict[int, NDArray[np.float32]]] = field(default_factory=dict)

    def add(self, places: NDArray[np.int64], log_odds: NDArray[np.float64], found: dict[str, Looked]) -> None:
        self.log_odds[places] += log_odds
        self.networks[places] += 1
        for method, own in found.items():
            inside = np.full(len(self.rows), np.nan)
            inside[places] = own.inside
            self.inside.setdefault(method, []).append(inside)
            self.share.setdefault(method, np.full(len(self.rows), np.nan))[places] = own.volume_share
            held = self.maps.setdefault(method, {})
            for place, map_ in zip(places.tolist(), own.maps, strict=True):
                if pd.notna(self.rows["number"].iloc[place]):
                    held[place] = held.get(place, 0) + map_


def _explained(study: Study, rows: pd.DataFrame, *, threshold: float) -> tuple[pd.DataFrame, pd.DataFrame, list[Shown]]:
    """Tables saliency and randomization of one network and endpoint, and its cases of the figure."""
    endpoint, model = rows["endpoint"].iloc[0], rows["model"].iloc[0]
    total = _Sum(rows, np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64))
    check, sequences = None, ()
    for loaded in _trained(study, model):
        sequences = loaded.shape.sequences
        places = np.flatnonzero(~rows["patient"].isin(loaded.seen))
        if len(places):
            for some in np.array_split(places, -(-len(places) // study.parameters.networks.batch)):
                total.add(some, *_looked(loaded, rows.iloc[some], threshold=threshold))
            check = check if check is not None else _check(loaded, rows.iloc[places], study, threshold=threshold)
    _require_same(total, model)
    saliency = pd.concat([_table(total, method) for method in total.inside], ignore_index=True)
    checked = check.assign(endpoint=endpoint, model=model)[list(DECLARED["randomization"].names)]
    return saliency, checked, _shown(study, total, sequences)


def _trained(study: Study, model: str) -> Iterator[Loaded]:
    """Every training of a network, one after the other."""
    places = [(f, s) for f in range(study.parameters.modeling.folds) for s in range(study.parameters.networks.seeds)]
    torch.set_num_threads(1)  # sums of several threads differ in their last digits
    with Progress(f"explanation of {model}", len(places)) as progress:
        for fold, seed in places:
            started = time.monotonic()
            yield checkpoint.load(study, model=model, fold=fold, seed=seed)
            progress.add(time.monotonic() - started, lost=False)


def _looked(loaded: Loaded, rows: pd.DataFrame, *, threshold: float) -> tuple[NDArray[np.float64], dict[str, Looked]]:
    position = loaded.shape.endpoints.index(rows["endpoint"].iloc[0])
    log_odds, found = looked(
        loaded.net, loaded.batch(rows["case"].tolist()), endpoint=position, sign=_sign(rows, threshold)
    )
    return log_odds + loaded.shift[position], dict(found)


def _sign(rows: pd.DataFrame, threshold: float) -> torch.Tensor:
    return torch.from_numpy(np.where(rows["probability"] >= threshold, 1.0, -1.0).astype(np.float32))


def _check(loaded: Loaded, rows: pd.DataFrame, study: Study, *, threshold: float) -> pd.DataFrame:
    """The randomization check of one training, on some of the cases that it never saw."""
    some = measured(rows, CHECKED).iloc[:CHECKED]
    position = loaded.shape.endpoints.index(rows["endpoint"].iloc[0])
    batch = loaded.batch(some["case"].tolist())
    return randomization.cascade(
        loaded.net, batch, endpoint=position, sign=_sign(some, threshold), seed=study.parameters.seed
    )


def _require_same(total: _Sum, model: str) -> None:
    """Raises RadiogramError where the networks explained did not make the predictions."""
    probability = expit(total.log_odds / np.maximum(total.networks, 1))
    far = np.abs(probability - total.rows["probability"]) > AGREEMENT
    if far.any() or not total.networks.all():
        raise RadiogramError(
            f"The trainings of {model} in models/networks are not those that predicted: run 06_networks again."
        )


def _table(total: _Sum, method: str) -> pd.DataFrame:
    """Rows of table `saliency`: the mean map of the networks whose map says something."""
    inside = np.array(total.inside[method])
    said = np.isfinite(inside).sum(axis=0)
    mean = np.where(said > 0, np.nansum(inside, axis=0) / np.maximum(said, 1), np.nan)
    table = total.rows.assign(method=method, inside=mean, volume_share=total.share[method])
    return table[list(DECLARED["saliency"].names)]


def _shown(study: Study, total: _Sum, sequences: Sequence[str]) -> list[Shown]:
    """The numbered cases, on the network's first sequence that they have."""
    files = study.tables.read("volumes").set_index("case")["file"]
    order = [study.parameters.cohort.sequences.index(name) for name in sequences]
    guide = checkpoint.named(study, total.rows["model"].iloc[0]).guide
    rows = total.rows[total.rows["number"].notna()].sort_values("number")
    means = {method: _table(total, method)["inside"] for method in total.maps}
    shown = []
    for place, row in zip(rows.index, rows.itertuples(), strict=True):
        volume = volumes.load(study, files[row.case])
        channel = next((i for i in order if volume.present[i]), order[0])
        maps = {method: held[place] for method, held in total.maps.items()}
        about = (row.endpoint, row.model, int(row.number), row.outcome, float(row.probability))
        inside = {method: float(values[place]) for method, values in means.items()}
        z = _middle(volume, maps)
        guided = guide in IRRADIATED and bool(volume.irradiated[IRRADIATED.index(guide)])
        shown.append(
            Shown(*about, study.parameters.cohort.sequences[channel], *_slice(volume, channel, maps, z), inside,
                  guide, getattr(volume, guide)[z] if guided else None)
        )  # fmt: skip
    return shown


def _middle(volume: CaseVolume, maps: dict[str, NDArray[np.float32]]) -> int:
    """The slice where the lesion is largest; without a lesion, where the first map is strongest."""
    area = volume.lesion.sum(axis=(1, 2))
    return int(np.argmax(area if area.any() else next(iter(maps.values())).sum(axis=(1, 2))))


def _slice(volume: CaseVolume, channel: int, maps: dict[str, NDArray[np.float32]], z: int) -> tuple:
    """Image, lesion, pixel and maps of a slice."""
    x, y, _ = np.linalg.norm(volume.affine[:3, :3], axis=0)
    own = {m: (map_[z] / map_.max() if map_.max() > 0 else map_[z]).astype(np.float32) for m, map_ in maps.items()}
    return volume.images[channel, z], volume.lesion[z], (float(y), float(x)), own
