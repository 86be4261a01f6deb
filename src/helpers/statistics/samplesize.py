"""Sample size for developing a binary prediction model, by Riley's three criteria.

Riley et al. 2019 (doi 10.1002/sim.7992) and 2020 (doi 10.1136/bmj.m441), as in R's pmsampsize. Parameters
are the candidates considered, not those selected: with radiomics features the answer is large, and honest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

MARGIN_OPTIMISM = 0.05


@dataclass(frozen=True)
class SampleSize:
    """Patients each criterion asks for, and the largest of them with its events."""

    shrinkage: int
    optimism: int
    intercept: int
    required: int
    events: float
    events_per_parameter: float
    r2: float
    max_r2: float


def max_r2(prevalence: float) -> float:
    """Largest Cox-Snell R squared at a prevalence (Riley 2019)."""
    _check_share(prevalence, "prevalence")
    null = prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence)
    return float(-np.expm1(2 * null))


def c_to_r2(c: float, prevalence: float) -> float:
    """Cox-Snell R squared implied by an area c (Riley 2020, doi 10.1002/sim.8806).

    Linear predictors normal with equal variance in events and nonevents; integrated, where R simulates.
    Raises ValueError unless 0.5 <= c < 1 and 0 < prevalence < 1.
    """
    _check_share(prevalence, "prevalence")
    if not 0.5 <= c < 1:
        raise ValueError(f"c must lie in [0.5, 1), not {c}")
    shift = np.sqrt(2) * special.ndtri(c)
    x = np.linspace(-12, 12, 4001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    # logit P(event | x) is linear in x under equal variances, so its likelihood is known exactly.
    of_event = special.log_expit(shift * (x + shift) - shift**2 / 2 + special.logit(prevalence))
    of_nonevent = special.log_expit(-(shift * x - shift**2 / 2 + special.logit(prevalence)))
    fitted = prevalence * of_event + (1 - prevalence) * of_nonevent
    log_likelihood = float(np.trapezoid(density * fitted, x))
    null = prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence)
    return float(-np.expm1(-2 * (log_likelihood - null)))


def development_sample_size(
    *,
    parameters: int,
    prevalence: float,
    r2: float | None = None,
    c: float | None = None,
    shrinkage: float = 0.9,
    margin: float = 0.05,
) -> SampleSize:
    """Patients needed to develop a model of `parameters` candidates at a prevalence, given r2 or an area c.

    Criteria: expected shrinkage of at least `shrinkage`; optimism in Nagelkerke's R squared below 0.05; the
    overall risk within `margin`. Raises ValueError unless exactly one of r2 and c is given, within its range.
    """
    _check_share(prevalence, "prevalence")
    _check_share(shrinkage, "shrinkage")
    _check_share(margin, "margin")
    if parameters < 1:
        raise ValueError(f"at least one candidate parameter is needed, not {parameters}")
    if (r2 is None) == (c is None):
        raise ValueError("give either r2 or c")
    explained = c_to_r2(c, prevalence) if r2 is None else r2
    ceiling = max_r2(prevalence)
    if not 0 < explained < ceiling:
        raise ValueError(f"R squared must lie in (0, {ceiling:.4f}) at this prevalence, not {explained:.4f}")
    first = _shrunken(parameters, explained, shrinkage)
    second = _shrunken(parameters, explained, explained / (explained + MARGIN_OPTIMISM * ceiling))
    third = int(np.ceil((1.96 / margin) ** 2 * prevalence * (1 - prevalence)))
    required = max(first, second, third)
    events = required * prevalence
    return SampleSize(first, second, third, required, events, events / parameters, explained, ceiling)


def _shrunken(parameters: int, r2: float, shrinkage: float) -> int:
    """Patients at which the expected uniform shrinkage factor is `shrinkage`."""
    if r2 >= shrinkage:
        raise ValueError("R squared must stay below the shrinkage factor")
    return int(np.ceil(parameters / ((shrinkage - 1) * np.log1p(-r2 / shrinkage))))


def _check_share(value: float, name: str) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
