"""What each block of the nomogram adds in training: likelihood-ratio tests on the out-of-fold scores.

The area under the ROC curve is not compared here by DeLong's test: with nested models on the patients they were
fitted to its null distribution is not normal and the test misses real gains (Demler 2012, doi 10.1002/sim.5328). The
scores are out-of-fold, since in-sample scores would pass any test. Patients still share the models that scored them, and
in simulation the test of a useless score rejected in about 15 % instead of 5 % (Hoefling and Tibshirani 2008, doi
10.1214/07-AOAS152): so a score has its statistic and no P.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2

from helpers.learning.fitted import FloatArray
from helpers.learning.nomogram import Nomogram
from helpers.learning.regression import firth
from helpers.learning.rows import Rows
from helpers.statistics.logistic import logistic
from helpers.statistics.thresholds import OutOfFold

CLINICAL = "clinical"
COLUMNS = ["block", "terms", "statistic", "df", "p"]


def added_value(rows: Rows, nomogram: Nomogram, scores: Mapping[str, OutOfFold]) -> pd.DataFrame:
    """block, terms, statistic, df, p (NaN for a score): every block dropped from the nomogram, all clinical variables as one block.

    `rows` and `scores` are those the nomogram was fitted on. Where it carries Firth's penalty the test is the penalized
    likelihood-ratio test (Heinze & Schemper 2002, doi 10.1002/sim.1047). Raises RadiogramError for other rows.
    """
    kept = nomogram.regression.kept
    x = nomogram.fitted_design(rows, scores)[:, kept]
    design = np.column_stack([np.ones(len(rows)), (x - x.mean(axis=0)) / x.std(axis=0)])
    columns = [column for column, used in zip(nomogram.columns, kept, strict=True) if used]
    owner = np.array(
        [column.term if column.term in nomogram.signatures else CLINICAL for column in columns], dtype=object
    )
    found = []
    for block in dict.fromkeys(owner):
        remaining = np.array([True, *(owner != block)])
        statistic = 2 * _gain(design, rows.truth, remaining, method=nomogram.regression.method)
        terms = [column.term for column, name in zip(columns, owner, strict=True) if name == block]
        p = float(chi2.sf(statistic, len(terms))) if block == CLINICAL else np.nan
        found.append((block, ", ".join(terms), statistic, len(terms), p))
    return pd.DataFrame(found, columns=COLUMNS)


def _gain(design: FloatArray, truth: np.ndarray, remaining: np.ndarray, *, method: str) -> float:
    """Log-likelihood lost when only the remaining columns of the design are free."""
    if method == "Firth":
        return firth(design, truth)[2] - firth(design, truth, free=remaining)[2]
    return logistic(design, truth).log_likelihood - logistic(design[:, remaining], truth).log_likelihood
