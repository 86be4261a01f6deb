"""Cases of a table as batches of tensors: volumes from the store, columns coded and scaled by what training rows say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from helpers import prose
from helpers.errors import RadiogramError
from helpers.imaging import volumes
from helpers.imaging.volumes import CaseVolume
from helpers.learning.networks.batch import Batch
from helpers.learning.training.inputs import Inputs
from helpers.study import Study

HELD = 0.5  # share of a case's memory limit that volumes may take to be read only once
_SHELVES: dict[str, Shelf] = {}


class Shelf:
    """Volumes by the name of their file, read once while they take less than so many bytes, else each time."""

    def __init__(self, load: Callable[[str], CaseVolume], *, budget: float) -> None:
        self._load, self._budget = load, budget
        self._held: dict[str, CaseVolume] = {}
        self._bytes = 0

    def __reduce__(self) -> tuple[Callable[..., Shelf], tuple[object, ...]]:
        """Empty elsewhere: another process of the same training reads for itself."""
        return partial(Shelf, budget=self._budget), (self._load,)

    def __getitem__(self, file: str) -> CaseVolume:
        if file in self._held:
            return self._held[file]
        found = self._load(file)
        size = sum(array.nbytes for array in vars(found).values())
        if self._bytes + size <= self._budget:
            self._held[file] = found
            self._bytes += size
        return found


def shelf(study: Study) -> Shelf:
    """The volumes of a study, shared by the trainings that this process does one after the other."""
    place = str(study.store)
    if place not in _SHELVES:
        budget = HELD * study.parameters.execution.case_gigabytes * 1e9
        _SHELVES[place] = Shelf(partial(volumes.load, study), budget=budget)
    return _SHELVES[place]


class Cases(Dataset):
    """n cases for one network: a position, or several, give a Batch and the positions."""

    def __init__(self, cases: pd.DataFrame, inputs: Inputs, *, study: Study) -> None:
        self.case = cases["case"].astype(str).tolist()
        self.patient = cases["patient"].astype(str).tolist()
        self._files = cases["file"].tolist()
        self._shelf, self._inputs = shelf(study), inputs
        order = study.parameters.cohort.sequences
        self._channels = [order.index(name) for name in inputs.shape.sequences]
        self._columns = _columns(cases, inputs)
        self._blank = study.parameters.volumes.outside == "blank"
        self._checked: set[int] = set()

    def __len__(self) -> int:
        return len(self.case)

    def __getitem__(self, position: int) -> tuple[Batch, Tensor]:
        return self.__getitems__([position])

    def __getitems__(self, positions: Sequence[int]) -> tuple[Batch, Tensor]:
        """Raises RadiogramError for a volume of another size than the study's, or with values that are no numbers."""
        held = [self._volume(position) for position in positions]
        channels, index = self._channels, torch.as_tensor(positions)
        present = torch.from_numpy(np.stack([each.present[channels] for each in held]).astype(bool))
        images = torch.from_numpy(np.stack([each.images[channels] for each in held]))
        maps = {
            n: torch.from_numpy(np.stack([getattr(each, n) for each in held])) for n in ("lesion", "dose", "target")
        }
        images = images * maps["lesion"][:, None] if self._blank else images
        irradiated = torch.from_numpy(np.stack([each.irradiated for each in held]).astype(bool))
        columns = {name: values[index] for name, values in self._columns.items()}
        return Batch(images=images, present=present, irradiated=irradiated, **maps, **columns), index

    def _volume(self, position: int) -> CaseVolume:
        found = self._shelf[self._files[position]]
        if position not in self._checked:
            require_size(found, self._inputs.shape.size, case=self.case[position])
            self._checked.add(position)
        return found


def require_size(volume: CaseVolume, size: tuple[int, int, int], *, case: str) -> None:
    """Raises RadiogramError for a volume that is not of the study's size, or holds what is no number."""
    own = volume.images.shape[1:]
    if own != tuple(size):
        spelled, wanted = (" x ".join(map(str, numbers)) for numbers in (own, size))
        raise RadiogramError(
            f"The volume of case {case} has {spelled} voxels and volumes.size is {wanted}: all must be of one size; run "
            "the study's extraction again."
        )
    if not np.isfinite(volume.images).all():
        raise RadiogramError(f"The volume of case {case} has values that are no numbers: check its images.")


def loader(cases: Cases, *, batch: int, training: bool = False) -> DataLoader:
    """Batches of cases, shuffled for training; a single case is not left over there, as nothing can be normalized in it."""
    lonely = training and batch > 1 and len(cases) > batch and len(cases) % batch == 1
    return DataLoader(cases, batch_size=batch, shuffle=training, drop_last=lonely, collate_fn=_as_it_is)


def missing_sequences(cases: pd.DataFrame, sequences: Sequence[str], *, name: str) -> list[str]:
    """Sentences on sequences of a network that some training cases lack. Raises RadiogramError for one that all lack."""
    held = cases["sequences"].str.split(", ")
    counts = {sequence: sum(sequence not in own for own in held) for sequence in sequences}
    for sequence, count in counts.items():
        if count == len(cases):
            raise RadiogramError(
                f"networks.models, {name}: no training patient has the sequence {sequence}; leave it out of the network's "
                "sequences, or of cohort.sequences."
            )
    share = {sequence: prose.percent(count, len(cases)) for sequence, count in counts.items() if count}
    return [f"{name}: {sequence} is missing in {of} training cases, and masked." for sequence, of in share.items()]


def _as_it_is(found: tuple[Batch, Tensor]) -> tuple[Batch, Tensor]:
    return found


def _columns(cases: pd.DataFrame, inputs: Inputs) -> dict[str, Tensor]:
    clinical, known = inputs.clinical(cases)
    plan, planned = inputs.plan(cases)
    labels = inputs.labels(cases)
    numbers = {"clinical": clinical, "plan": plan, "labels": np.nan_to_num(labels)}
    masks = {"known": known, "planned": planned, "labeled": np.isfinite(labels)}
    return {
        **{name: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float32)) for name, v in numbers.items()},
        **{name: torch.from_numpy(np.ascontiguousarray(v, dtype=bool)) for name, v in masks.items()},
    }
