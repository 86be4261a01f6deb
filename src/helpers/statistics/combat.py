"""ComBat: each batch's shift and scale of every feature, shared among features by empirical Bayes, and taken out.

Johnson 2007 (doi 10.1093/biostatistics/kxj037), for images Fortin 2018 (doi 10.1016/j.neuroimage.2017.11.024). Fitting
and applying are apart, so that what was learned from some rows can be applied to others of the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import FloatArray
from .combat_bayes import nonparametric, parametric

PRIORS = {"parametric": parametric, "nonparametric": nonparametric}
# A spread within batches this small beside the values is rounding: there is nothing to scale by.
LEAST_SPREAD = 1e-12


@dataclass(frozen=True, eq=False)
class Combat:
    """What was learned of b batches and p features.

    `mean` (p,) and `sd` (p,) are of the features without batches, `coefficients` (c, p) those of the covariates, `shift` and
    `scale` (b, p) each batch's own, in units of `sd`: the scale is of standard deviations. `adjusted` (p,) is False for
    features that are left as they are: not measured twice in every batch, or without spread within batches.
    """

    batches: tuple[str, ...]
    reference: str | None
    mean: FloatArray
    sd: FloatArray
    coefficients: FloatArray
    shift: FloatArray
    scale: FloatArray
    adjusted: NDArray[np.bool_]

    def apply(
        self,
        values: ArrayLike,
        batch: ArrayLike,
        *,
        covariates: ArrayLike | None = None,
        features: ArrayLike = slice(None),
    ) -> FloatArray:
        """Values (n, p) of rows of known batches (n,), without their batch's shift and scale; new rows or those fitted on.

        `features` are positions where values have only those columns. Raises ValueError for a batch that was not fitted.
        """
        batch = np.asarray(batch, dtype=str)
        unknown = sorted(set(batch.tolist()) - set(self.batches))
        if unknown:
            raise ValueError(f"batch {unknown[0]} was not among those that ComBat was fitted on")
        place = np.array([self.batches.index(name) for name in batch.tolist()], dtype=np.int64)
        shift, scale = self.shift[:, features][place], self.scale[:, features][place]
        return self.moved(values, shift, scale, covariates=covariates, features=features)

    def standardized(
        self, values: ArrayLike, *, covariates: ArrayLike | None = None, features: ArrayLike = slice(None)
    ) -> FloatArray:
        """Values (n, p) less what the features' mean and the covariates say, in standard deviations."""
        values = np.asarray(values, dtype=np.float64)
        return (values - self._expected(len(values), covariates, features)) / self.sd[features]

    def moved(
        self,
        values: ArrayLike,
        shift: ArrayLike,
        scale: ArrayLike,
        *,
        covariates: ArrayLike | None = None,
        features: ArrayLike = slice(None),
    ) -> FloatArray:
        """Values (n, p) less a shift and over a scale, both (n, p) or (p,) and in units of `sd`."""
        values = np.asarray(values, dtype=np.float64)
        free = (self.standardized(values, covariates=covariates, features=features) - shift) / scale
        harmonized = free * self.sd[features] + self._expected(len(values), covariates, features)
        # Where nothing moves, nothing is rounded either.
        still = (np.asarray(shift) == 0) & (np.asarray(scale) == 1)
        return np.where(still | ~self.adjusted[features], values, harmonized)

    def _expected(self, rows: int, covariates: ArrayLike | None, features: ArrayLike) -> FloatArray:
        return self.mean[features] + _covariates(covariates, rows) @ self.coefficients[:, features]


def fit(
    values: ArrayLike,
    batch: ArrayLike,
    *,
    covariates: ArrayLike | None = None,
    prior: str = "parametric",
    reference: str | None = None,
) -> Combat:
    """Learn every batch's shift and scale from values (n, p) of batches (n,).

    What `covariates` (n, c) explain stays in the values. With a `reference`, its rows stay as they are and the others are
    brought to them. A value that is missing (NaN) counts nowhere. Raises ValueError for one batch only, a batch of one
    row, a reference that is no batch, and covariates that the batches or each other already tell.
    """
    values, batch = np.asarray(values, dtype=np.float64), np.asarray(batch, dtype=str)
    values = np.where(np.isfinite(values), values, np.nan)
    batches = tuple(sorted(set(batch.tolist())))
    member = np.array([batch == name for name in batches]).T.reshape(len(values), -1)
    _require(batches, member, reference)
    design = np.hstack([member, _covariates(covariates, len(values))])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the covariates are confounded with the batches or with each other")
    beta = _regression(design, values)
    known = np.array([np.isfinite(values[of]).sum(axis=0) for of in member.T]).min(axis=0) >= 2
    spread = _spread((values - design @ beta)[slice(None) if reference is None else batch == reference])
    adjusted = known & (spread > LEAST_SPREAD * np.abs(beta).max(axis=0))
    share = member.mean(axis=0) if reference is None else np.array([name == reference for name in batches])
    ones = np.ones((len(batches), values.shape[1]))
    found = Combat(
        batches,
        reference,
        mean=share @ beta[: len(batches)],
        sd=np.where(adjusted, spread, 1.0),
        coefficients=beta[len(batches) :],
        shift=0 * ones,
        scale=ones,
        adjusted=adjusted,
    )
    return _with_batches(found, values, batch, covariates=covariates, prior=prior)


def _spread(left: FloatArray) -> FloatArray:
    """Root mean square (p,) of what the regression left over (n, p); the published divisor is n."""
    count = np.maximum(np.isfinite(left).sum(axis=0), 1)
    return np.sqrt(np.nansum(left**2, axis=0) / count)


def _with_batches(
    found: Combat, values: FloatArray, batch: np.ndarray, *, covariates: ArrayLike | None, prior: str
) -> Combat:
    """Each batch's shift and scale, by empirical Bayes over the adjusted features; the reference keeps 0 and 1."""
    standardized = found.standardized(values, covariates=covariates)[:, found.adjusted]
    for i, name in enumerate(found.batches):
        if name != found.reference and found.adjusted.any():
            shift, variance = PRIORS[prior](standardized[batch == name])
            found.shift[i, found.adjusted], found.scale[i, found.adjusted] = shift, np.sqrt(variance)
    return found


def _covariates(given: ArrayLike | None, rows: int) -> FloatArray:
    return np.empty((rows, 0)) if given is None else np.asarray(given, dtype=np.float64).reshape(rows, -1)


def _require(batches: tuple[str, ...], member: NDArray[np.bool_], reference: str | None) -> None:
    if len(batches) < 2:
        raise ValueError("ComBat needs at least two batches")
    for name, count in zip(batches, member.sum(axis=0), strict=True):
        if count < 2:
            raise ValueError(f"batch {name} has one row, and one row has no spread")
    if reference is not None and reference not in batches:
        raise ValueError(f"the reference {reference} is none of the batches")


def _regression(design: FloatArray, values: FloatArray) -> FloatArray:
    """Least squares (c, p); a feature with missing values by the rows that have it."""
    missing = ~np.isfinite(values)
    beta = np.linalg.lstsq(design, np.where(missing, 0.0, values), rcond=None)[0]
    for feature in np.flatnonzero(missing.any(axis=0)):
        has = ~missing[:, feature]
        beta[:, feature] = np.linalg.lstsq(design[has], values[has, feature], rcond=None)[0] if has.any() else 0.0
    return beta
