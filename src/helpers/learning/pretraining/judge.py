"""The linear probe of a study's encoder, on its own training patients."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from helpers.imaging import volumes
from helpers.learning.pretraining import pretrain
from helpers.learning.pretraining import probe as probing
from helpers.learning.pretraining.corpus import positions
from helpers.study import Study


def probe(study: Study, listed: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Table `probe`: the pretrained encoder against random ones and the volume alone, on training patients."""
    rows = labeled(listed, cases)
    (images, lesions), parameters = images_of(study, rows), study.parameters
    return probing.probe(
        images,
        lesions,
        rows["lesion_ml"].to_numpy(dtype=float),
        rows,
        endpoints=[endpoint.name for endpoint in parameters.cohort.endpoints],
        pretrained=pretrain.encoder(study),
        untrained=partial(pretrain.empty, parameters),
        labels=parameters.pretraining.probe_labels,
        seed=parameters.seed,
    )


def labeled(listed: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Training cases with a volume, and what both tables say of them, in the order of their names."""
    training = cases[cases["part"] == "train"]
    return training.merge(listed, on="case", suffixes=("", "_volume")).sort_values("case", ignore_index=True)


def images_of(study: Study, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(n, sequences, z, y, x) of the sequences that the encoder learned from, NaN where a case has none, and the lesions."""
    wanted, images, lesions = positions(study.parameters), [], []
    for file in rows["file"]:
        volume = volumes.load(study, file)
        there = volume.present[wanted][:, None, None, None]
        images.append(np.where(there, volume.images[wanted], np.float32(np.nan)))
        lesions.append(volume.lesion)
    return np.stack(images), np.stack(lesions)
