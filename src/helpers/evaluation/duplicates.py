"""Duplicates by features: two patients whose measurements are the same, or closer than two patients ever are.

Features are turned into normal scores over all patients, so that neither units nor a few extreme values decide. The
distance of two patients is the root of half their mean squared difference: 1 for a typical pair. Squared, it is a
weighted sum of chi-squares, approximated by one with the effective number of features as its degrees of freedom (Box
1954, doi 10.1214/aoms/1177728786). The limit is the distance below which any pair of a cohort of this size would
come in fewer than one of a hundred cohorts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, rankdata

from helpers.learning.fitted import FloatArray
from helpers.learning.rows import FIRST_READER
from helpers.tables import DECLARED, empty

FALSE_ALARM = 0.01
# However many features there are: at a quarter of the usual distance, a resemblance is no accident.
WIDEST = 0.25
# With fewer features, two patients may well share every value.
FEWEST = 5
# Relative difference up to which two values are the same number, written or computed twice.
SAME = 1e-6
IDENTICAL, NEAR = "identical features", "nearly identical features"


def twins(cases: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Table `feature_twins`: pairs of cases of different patients closer than the limit, closest first.

    Identical clinical rows are no proof and are not looked at. With fewer than 5 varying features, or 3 cases, no row.
    """
    first = features[features["reader"] == FIRST_READER].set_index("case").drop(columns="reader")
    first = first.reindex([case for case in cases["case"] if case in first.index])
    values = first.to_numpy(dtype=np.float64)
    values = values[:, _usable(values)]
    if values.shape[1] < FEWEST or len(values) < 3:
        return empty("feature_twins")
    scores = normal_scores(values)
    distance, limit = distances(scores), nearness(scores)
    patient = cases.set_index("case")["patient"].astype(str).reindex(first.index).to_numpy()
    a, b = np.nonzero(np.triu(distance < limit, 1) & (patient[:, None] != patient[None, :]))
    kinds = [IDENTICAL if _same(values[i], values[j]) else NEAR for i, j in zip(a, b, strict=True)]
    columns = (first.index[a], first.index[b], distance[a, b], np.full(a.size, limit), kinds)
    found = pd.DataFrame(dict(zip(DECLARED["feature_twins"].names, columns, strict=True)))
    return found.sort_values(["distance", "case_a", "case_b"], kind="stable").reset_index(drop=True)


def pairs(cases: pd.DataFrame, *found: pd.DataFrame | None) -> pd.DataFrame | None:
    """part_a, part_b, kind, case_a, case_b of pairs of different patients, from tables of such pairs; None without any table.

    cases: those of the study; a pair with an excluded case is left out.
    """
    given = [each[["case_a", "case_b", "kind"]] for each in found if each is not None]
    if not given:
        return None
    both, known = pd.concat(given, ignore_index=True), cases.set_index("case")
    both = both[both["case_a"].isin(known.index) & both["case_b"].isin(known.index)]
    a, b = known.loc[both["case_a"]], known.loc[both["case_b"]]
    parts = pd.DataFrame({"part_a": a["part"].to_numpy(), "part_b": b["part"].to_numpy()}, index=both.index)
    return pd.concat([parts, both], axis=1)[a["patient"].to_numpy() != b["patient"].to_numpy()]


def _usable(values: FloatArray) -> np.ndarray:
    """Columns (p,) that are complete and take at least as many values as there are half as many cases."""
    complete = np.isfinite(values).all(axis=0)
    distinct = np.array([np.unique(column).size for column in values.T])
    return complete & (distinct >= max(2, len(values) / 2))


def normal_scores(values: FloatArray) -> FloatArray:
    """Ranks of each column (n, p) as quantiles of a standard normal, with mean 0 and standard deviation 1."""
    scores = norm.ppf((rankdata(values, axis=0) - 0.5) / len(values))
    return (scores - scores.mean(axis=0)) / scores.std(axis=0)


def distances(scores: FloatArray) -> FloatArray:
    """(n, n): root of half the mean squared difference of normal scores (n, p)."""
    inner = scores @ scores.T / scores.shape[1]
    square = (np.diag(inner)[:, None] + np.diag(inner)[None, :]) / 2 - inner
    return np.sqrt(np.clip(square, 0.0, None))


def effective_features(scores: FloatArray) -> float:
    """How many independent features would vary as much: squared trace over the trace of the squared correlation matrix."""
    inner = scores @ scores.T / len(scores)  # (n, n), with the nonzero eigenvalues of the (p, p) correlations
    return float(np.trace(inner) ** 2 / (inner**2).sum())


def nearness(scores: FloatArray) -> float:
    """The distance below which two different patients are taken for one."""
    pairs, freedom = len(scores) * (len(scores) - 1) / 2, effective_features(scores)
    return min(float(np.sqrt(chi2.ppf(FALSE_ALARM / pairs, freedom) / freedom)), WIDEST)


def _same(a: FloatArray, b: FloatArray) -> bool:
    return bool(np.allclose(a, b, rtol=SAME, atol=0.0))
