"""The same cases measured again with their voxels shuffled, by the same machinery and kept in the same store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pandas as pd

from helpers import tables
from helpers.imaging import extract
from helpers.imaging.feature_rows import FeatureRows
from helpers.study import Study


def table(
    study: Study, images: pd.DataFrame, cases: Iterable[str], *, mapper: Callable[[Callable, Iterable], Iterator]
) -> pd.DataFrame:
    """The table `control_features`: each control of `controls.voxels` in the mask of reader1, ordered by case.

    `cases` are those that were measured, and `mapper` as for extract.features. A case that cannot be measured with
    its voxels shuffled is left out.
    """
    controls = study.parameters.controls.voxels
    if not controls:
        return tables.empty("control_features")
    selection = study.parameters.selection.model_copy(update={"reproducibility": "none"})
    parameters = study.parameters.model_copy(update={"selection": selection})
    main = images[(images["reader"] == extract.MAIN) & images["case"].isin(set(cases))]
    items = [extract.image_rows(frame) for _, frame in main.groupby("case", sort=True)]
    task = partial(extract.case_features, parameters=parameters, store=study.store, controls=controls)
    found = FeatureRows()
    for outcome in mapper(task, items):
        for reader, values in outcome.value.features if outcome.error is None else ():
            if reader in controls:
                found.add(outcome.value.case, reader, values)
    return found.frame().rename(columns={"reader": "control"})
