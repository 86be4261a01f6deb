"""Canaries: models that know only what should not suffice, the lesion's volume or the patient's center."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from helpers.learning import regression
from helpers.learning.fitted import FloatArray, Scorer
from helpers.learning.imputing import Imputer, imputer
from helpers.learning.regression import Regression
from helpers.learning.rows import Rows, require_training

VOLUME, CENTER = "volume", "center"


@dataclass(frozen=True, kw_only=True, eq=False)
class CenterOnly(Scorer):
    """The log odds of the endpoint in each center, and in all together for a center that was never seen."""

    odds: Mapping[str, float]
    overall: float

    def _values(self, rows: Rows) -> FloatArray:
        return np.array([self.odds.get(str(center), self.overall) for center in rows.clinical[CENTER]], dtype=float)


@dataclass(frozen=True, kw_only=True, eq=False)
class VolumeOnly(Scorer):
    """Logistic regression on one column of features, the volume; the median stands in where it is missing."""

    imputer: Imputer
    regression: Regression

    def _values(self, rows: Rows) -> FloatArray:
        return self.regression.linear_predictor(self.imputer._filled(rows).features.to_numpy())


def center_only(rows: Rows) -> CenterOnly:
    """Fit on training rows whose clinical variables hold `center`. Half an event and half a nonevent are added to each
    center, so that a small one has finite odds."""
    require_training(rows, "center canary")
    centers = rows.clinical[CENTER].astype(str).to_numpy()
    odds = {center: _log_odds(rows.truth[centers == center]) for center in np.unique(centers).tolist()}
    return CenterOnly(what="center canary", seen=rows.patients, odds=odds, overall=_log_odds(rows.truth))


def _log_odds(truth: np.ndarray) -> float:
    return float(logit((truth.sum() + 0.5) / (len(truth) + 1)))


def volume_only(rows: Rows) -> VolumeOnly:
    """Fit on training rows whose one feature is the volume."""
    require_training(rows, "volume canary")
    filler = imputer(rows)
    fitted = regression.fit(filler.apparent(rows).features.to_numpy(), rows.truth)
    return VolumeOnly(what="volume canary", seen=rows.patients, imputer=filler, regression=fitted)


FITS: dict[str, Callable[[Rows], Scorer]] = {VOLUME: volume_only, CENTER: center_only}
