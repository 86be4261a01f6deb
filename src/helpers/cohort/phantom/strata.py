"""What is known of a synthetic patient that no model reads: the grade that pathology gives after the operation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.cohort.phantom.chance import stream
from helpers.errors import RadiogramError


@dataclass(frozen=True)
class Stratum:
    """A rising category: correlations of its score with heterogeneity, clinical risk and vascularity, cuts, and values."""

    loadings: tuple[float, float, float]
    cuts: tuple[float, ...]
    values: tuple[float, ...]


STRATA: dict[str, Stratum] = {
    # WHO grade 2, 3 or 4: most tumors with the first endpoint are of grade 4, some without it are too, and age rises with it.
    "grade": Stratum((0.75, 0.35, 0.25), (-0.6, 0.0), (2.0, 3.0, 4.0)),
}


def columns(latents: np.ndarray, names: tuple[str, ...], *, seed: int) -> pd.DataFrame:
    """One column a name from the latents (n, 4: heterogeneity, clinical risk, vascularity, volume), each with its own chance.

    Raises RadiogramError for a name that the phantom does not know.
    """
    check(names)
    return pd.DataFrame({name: _column(STRATA[name], name, latents, seed) for name in names}, index=range(len(latents)))


def check(names: tuple[str, ...]) -> None:
    """Raises RadiogramError for the first name that the phantom cannot generate."""
    for name in names:
        if name not in STRATA:
            raise RadiogramError(
                f"cohort.strata names {name}, which the phantom cannot generate: choose among {', '.join(STRATA)}."
            )


def _column(stratum: Stratum, name: str, latents: np.ndarray, seed: int) -> np.ndarray:
    loadings = np.array(stratum.loadings)
    own = stream(seed, f"stratum {name}").standard_normal(len(latents))
    score = latents[:, :3] @ loadings + np.sqrt(1 - loadings @ loadings) * own
    return np.array(stratum.values)[np.searchsorted(stratum.cuts, score)]
