"""Clinical variables: each is a noisy, one-way view of the latent clinical risk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.cohort.phantom.chance import stream
from helpers.errors import RadiogramError


@dataclass(frozen=True)
class Variable:
    """How a variable follows from a standard normal score whose correlation with the clinical risk is `loading`."""

    loading: float
    value: Callable[[np.ndarray], np.ndarray]
    link: str


def _steps(labels: tuple[str, ...], cuts: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda score: np.array(labels, dtype=object)[np.searchsorted(cuts, score)]


VARIABLES: dict[str, Variable] = {
    "age": Variable(0.6, lambda s: np.clip(np.round(57 + 12 * s), 18, 90), "years; older at higher risk"),
    "sex": Variable(0.0, _steps(("female", "male"), (-0.15,)), "no link to risk"),
    "kps": Variable(
        0.6, lambda s: np.clip(10 * np.round(8 - 1.1 * s), 40, 100), "Karnofsky score; lower at higher risk"
    ),
    "ki67": Variable(0.6, lambda s: np.clip(np.round(18 * np.exp(0.7 * s)), 1, 90), "percent; higher at higher risk"),
    "mgmt": Variable(0.5, _steps(("methylated", "unmethylated"), (-0.1,)), "unmethylated at higher risk"),
    "idh": Variable(0.6, _steps(("mutant", "wild type"), (-0.9,)), "wild type at higher risk"),
    "days_since_rt": Variable(
        0.6, lambda s: np.clip(np.round(150 * np.exp(-0.7 * s)), 14, 3000), "days; shorter at higher risk"
    ),
    "ebv_dna": Variable(
        0.6,
        lambda s: np.where(s < -0.5, 0.0, np.round(1100 * np.exp(1.4 * s))),
        "copies/ml; higher at higher risk, 0 where undetectable",
    ),
    "t_stage": Variable(0.5, _steps(("T1", "T2", "T3", "T4"), (-1.2, -0.4, 0.7)), "higher at higher risk"),
    "n_stage": Variable(0.55, _steps(("N0", "N1", "N2", "N3"), (-1.1, -0.1, 0.9)), "higher at higher risk"),
}


def variables(risk: np.ndarray, names: tuple[str, ...], *, missing_fraction: float, seed: int) -> pd.DataFrame:
    """One column a name from the latent clinical risk of n patients; values go missing completely at random.

    Each variable has its own stream of random numbers: naming one more does not change the others.
    Raises RadiogramError for a name that the phantom does not know.
    """
    check(names)
    return pd.DataFrame({name: _column(name, risk, missing_fraction, seed) for name in names})


def check(names: tuple[str, ...]) -> None:
    """Raises RadiogramError for the first name that the phantom cannot generate."""
    for name in names:
        if name not in VARIABLES:
            raise RadiogramError(
                f"cohort.clinical names {name}, which the phantom cannot generate: choose among {', '.join(VARIABLES)}."
            )


def _column(name: str, risk: np.ndarray, missing_fraction: float, seed: int) -> pd.Series:
    variable = VARIABLES[name]
    own, lost = stream(seed, f"clinical {name}").spawn(2)
    rest = np.sqrt(1 - variable.loading**2)
    values = variable.value(variable.loading * risk + rest * own.standard_normal(len(risk)))
    missing = lost.random(len(risk)) < missing_fraction
    values[missing] = None if values.dtype == object else np.nan
    return pd.Series(values, dtype=values.dtype)  # words stay objects, whatever pandas would infer
