"""What a classifier reads: the selected features of an input's blocks and its clinical variables, standardized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from helpers.learning.clinical import Coding, coding
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.learning.signatures import FeatureSignature
from helpers.parameters import ContestInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Design(Fitted):
    """Selections of an input's blocks, and its coded variables with their scale; `sd` is 0 where a variable never varied."""

    selections: tuple[FeatureSignature, ...]
    coding: Coding
    mean: FloatArray
    sd: FloatArray

    @property
    def features(self) -> list[str]:
        """Names of the features read; one that two blocks share is read once."""
        return list(dict.fromkeys(name for each in self.selections for name in each.coefficients["feature"]))

    @property
    def columns(self) -> int:
        return len(self.features) + int((self.sd > 0).sum())

    def transform(self, rows: Rows) -> FloatArray:
        """(n, columns) of new patients; raises RadiogramError for those it was fitted on."""
        self.refuse(rows.patient.tolist())
        return self._matrix(rows)

    def apparent(self, rows: Rows) -> FloatArray:
        """(n, columns) of the rows it was fitted on."""
        self.require_seen(rows)
        return self._matrix(rows)

    def _matrix(self, rows: Rows) -> FloatArray:
        columns = {}
        for each in self.selections:
            columns |= dict(zip(each.coefficients["feature"], each._selected(rows).T, strict=True))
        varying = self.sd > 0
        coded = (self.coding._design(rows)[:, varying] - self.mean[varying]) / self.sd[varying]
        return np.column_stack([np.empty((len(rows), 0)), *columns.values(), coded])


def fit(each: ContestInput, rows: Rows, chosen: Mapping[str, FeatureSignature]) -> Design:
    """The design of an input from training rows and the selections of its blocks on the same rows.

    Raises RadiogramError for rows outside part train, and for a selection that was learned from others.
    """
    require_training(rows, f"design of {each.name}")
    selections = tuple(chosen[block] for block in each.blocks)
    for selection in selections:
        selection.require_seen(rows)
    coded = coding(rows, None if each.clinical else ())
    values = coded.apparent(rows)
    mean, sd = values.mean(axis=0), values.std(axis=0)
    sd = np.where(sd > 1e-12 * np.maximum(np.abs(mean), 1.0), sd, 0.0)
    return Design(
        what=f"design of {each.name}", seen=rows.patients, selections=selections, coding=coded, mean=mean, sd=sd
    )
