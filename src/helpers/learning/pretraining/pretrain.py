"""The pretraining of a study: fitted without labels on training patients alone, kept, and loaded again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from helpers.errors import RadiogramError
from helpers.learning.fitted import fingerprint
from helpers.learning.networks.vit3d import Encoder
from helpers.learning.pretraining.corpus import Corpus, Image, collect
from helpers.learning.pretraining.examples import pictures
from helpers.learning.pretraining.objectives import OBJECTIVES, Complete, RestoreContrast
from helpers.learning.pretraining.task import Shown, Task, loader
from helpers.learning.training import trainer
from helpers.parameters import Parameters
from helpers.study import Study
from helpers.tables import DECLARED, write_whole

RULES = "2"  # of the pretraining; grows when the same images and parameters give other weights
WEIGHTS, ABOUT, SEEN, KEPT = (
    "encoder.safetensors",
    "encoder.json",
    "restored.npy",
    "pretraining",
)  # in the folder of models
PICTURES = 3  # held-out images that are shown as they were restored
PARTS = {"train": "train", "inner": "held out"}
HELD = 2  # groups held out at least, and learned from


def fit(study: Study, listed: pd.DataFrame, cases: pd.DataFrame, *, mapper: Callable) -> pd.DataFrame:
    """Table `pretraining`, a row an epoch and part; the encoder is left in the study's folder of models.

    `listed` is the table volumes, `cases` those included. Everything is drawn from the seed, and nothing is done again that
    an unchanged pretraining left. Patients (or folders) held out only judge; the epoch of the lowest loss on them is kept.
    Raises RadiogramError for images that are not there, or sizes that do not fit.
    """
    corpus = collect(study, listed, cases, mapper=mapper)
    training, held = split(corpus.images, share=study.parameters.networks.inner_fraction, seed=study.parameters.seed)
    key = _key(study.parameters, training, held)
    about = _about(study)
    if about is None or about["key"] != key:
        about = _pretrain(study, corpus, training, held, key=key)
    rows = pd.DataFrame(about["epochs"]).reindex(columns=list(DECLARED["pretraining"].names))
    return rows.astype({name: float for name in rows if name not in ("objective", "epoch", "part")})


def encoder(study: Study) -> Encoder:
    """The pretrained encoder, its weights as they were left. Raises RadiogramError where there is none, or another."""
    about, path = _about(study), _folder(study) / WEIGHTS
    if about is None:
        raise RadiogramError(
            "There is no pretrained encoder yet: run the notebook 05_pretraining, or set weights: random for the network."
        )
    made = empty(study.parameters)
    if about["sizes"] != _sizes(study.parameters):
        raise RadiogramError(
            "The pretrained encoder has other sizes than volumes.size and the group pretraining ask for: run the notebook "
            "05_pretraining again."
        )
    made.load_state_dict(load_file(path))
    return made.eval()


def about(study: Study) -> dict[str, Any]:
    """What is known of the pretrained encoder: key, sizes, objective, sequences, counts of images, sha256, and patients seen.

    Raises RadiogramError where there is none.
    """
    found = _about(study)
    if found is None:
        raise RadiogramError("There is no pretrained encoder yet: run the notebook 05_pretraining.")
    return found


def restored(study: Study) -> np.ndarray:
    """(n, 3, y, x): slices of held-out images as they are, as shown and as restored, left by `fit`."""
    return np.load(_folder(study) / SEEN)


def empty(parameters: Parameters) -> Encoder:
    """An encoder of the sizes of the study, its weights drawn by torch's generator."""
    settings = parameters.pretraining
    return Encoder(parameters.volumes.size, settings.patch, settings.width, settings.depth, settings.heads)


def split(images: tuple[Image, ...], *, share: float, seed: int) -> tuple[list[Image], list[Image]]:
    """(learned from, held out): `share` of the patients or folders, two at least, is only judged on.

    Raises RadiogramError where there are fewer than four.
    """
    groups = np.unique([image.group for image in images])
    if groups.size < 2 * HELD:
        raise RadiogramError(
            f"The pretraining has images of {groups.size} patients: it needs {2 * HELD}, of which {HELD} are held out."
        )
    count = min(max(round(share * groups.size), HELD), groups.size - HELD)
    held = set(np.random.default_rng([seed, 5]).permutation(groups)[:count].tolist())
    return [i for i in images if i.group not in held], [i for i in images if i.group in held]


def _pretrain(study: Study, corpus: Corpus, training: list[Image], held: list[Image], *, key: str) -> dict[str, Any]:
    parameters, folder = study.parameters, _folder(study)
    settings = parameters.pretraining
    objective = _objective(parameters)
    make = partial(_loader, parameters=parameters, patches=_patches(objective))
    rows = trainer.run(
        Task(objective, rate=settings.learning_rate),
        make(training, shuffled=True),
        make(held, shuffled=False),
        folder=folder / KEPT,
        epochs=settings.epochs,
        patience=None,
        seed=parameters.seed,
        settings=parameters.networks,
        key=key,
        label="pretraining",
        lower="pretraining.batch or volumes.size",
    )
    weights = {name: tensor.contiguous() for name, tensor in objective.encoder.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(weights, path))
    seen = pictures(objective, make(held, shuffled=False).dataset, count=PICTURES)
    write_whole(folder / SEEN, partial(_save, seen))
    found = _record(study, corpus, rows, training=training, held=held, key=key)
    write_whole(folder / ABOUT, lambda path: path.write_text(json.dumps(found, indent=1), encoding="utf-8"))
    return found


def _loader(images: list[Image], *, parameters: Parameters, patches: int, shuffled: bool) -> Any:
    purpose = "views" if shuffled else "held"
    files = [image.file for image in images]
    shown = Shown(files, size=parameters.volumes.size, patches=patches, seed=parameters.seed, purpose=purpose)
    device = trainer.device_of(parameters.networks)
    return loader(shown, batch=parameters.pretraining.batch, shuffled=shuffled, device=device)


def _record(
    study: Study, corpus: Corpus, rows: pd.DataFrame, *, training: list[Image], held: list[Image], key: str
) -> dict[str, Any]:
    names = DECLARED["pretraining"].names
    table = rows.assign(objective=study.parameters.pretraining.objective, part=rows["part"].map(PARTS))
    path = _folder(study) / WEIGHTS
    return {
        "key": key,
        "sizes": _sizes(study.parameters),
        "objective": study.parameters.pretraining.objective,
        "sequences": list(study.parameters.pretraining.sequences),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "volumes": corpus.volumes,
        "repeated": corpus.repeated,
        "testing": corpus.testing,
        "unusable": len(corpus.unusable),
        "images": len(training),
        "held_out": len(held),
        "groups": len({image.group for image in (*training, *held)}),
        "patients": sorted(corpus.patients),
        "fingerprint": fingerprint(corpus.patients),
        "kept": int(rows.loc[rows["kept"], "epoch"].iloc[0]),
        "epochs": json.loads(table.reindex(columns=list(names)).to_json(orient="records")),
    }


def _objective(parameters: Parameters) -> RestoreContrast | Complete:
    """The objective with weights drawn from the seed, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parameters.seed)
        return OBJECTIVES[parameters.pretraining.objective](empty(parameters), parameters.pretraining)


def _patches(objective: RestoreContrast | Complete) -> int:
    """How many patches need an order; 0 where views are drawn instead."""
    return len(objective.encoder.positions) if isinstance(objective, Complete) else 0


def _sizes(parameters: Parameters) -> dict[str, Any]:
    settings = parameters.pretraining
    return {"size": list(parameters.volumes.size), **settings.model_dump(include={"patch", "width", "depth", "heads"})}


def _key(parameters: Parameters, training: list[Image], held: list[Image]) -> str:
    """SHA-256 of everything that decides the weights."""
    content = {
        "rules": RULES,
        "torch": torch.__version__,
        "seed": parameters.seed,
        "settings": parameters.pretraining.model_dump(mode="json", exclude={"folder", "probe_labels"}),
        "size": list(parameters.volumes.size),
        "precision": parameters.networks.precision,
        "device": trainer.device_of(parameters.networks),
        "images": [[image.file.name for image in part] for part in (training, held)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _save(values: np.ndarray, path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, values)


def _folder(study: Study) -> Path:
    return study.folder / "models"


def _about(study: Study) -> dict[str, Any] | None:
    path = _folder(study) / ABOUT
    there = path.is_file() and (_folder(study) / WEIGHTS).is_file()
    return json.loads(path.read_text(encoding="utf-8")) if there else None
