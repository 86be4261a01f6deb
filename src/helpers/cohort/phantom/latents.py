"""The latents of the phantom, the labels they cause, and how well anybody could do."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from helpers.cohort.phantom import clinical, strata
from helpers.cohort.phantom.chance import stream
from helpers.errors import RadiogramError
from helpers.parameters import Endpoint, Parameters

# Log odds a standard deviation of (heterogeneity, clinical risk, vascularity), for the first and the second endpoint.
WEIGHTS = np.array([[2.05, 1.5, 0.0], [0.9, 1.2, 2.05]])

# Lesion volume is a nuisance with a mild link: the correlation of its logarithm with heterogeneity.
VOLUME_LINK = 0.25
MEDIAN_ML, SPREAD, RANGE_ML = 19.0, 0.45, (8.0, 50.0)

# Field of view (ml) for which lesions have these volumes; a smaller head gets proportionally smaller lesions.
REFERENCE_ML = 48 * 2.5 * 80 * 2.2 * 72 * 2.2 / 1000

RESERVED = ("case", "patient", "center", "part")

# Numbers of the plan: the prescription in Gy as the scanner plans it, and the two usual numbers of fractions for it.
PRESCRIPTION, FRACTIONS = 60.0, (30.0, 33.0)


@dataclass(frozen=True)
class Phantom:
    """A synthetic cohort.

    cases: one row a case: case, patient, center, endpoints (int8; the last float64, NaN where unknown), clinical variables, numbers
    of the plan, strata. No part: that is drawn later.
    truth: one row a case x endpoint: case, endpoint, heterogeneity, clinical_risk, vascularity (standard normal),
    probability, bayes_auc, volume_ml.
    """

    cases: pd.DataFrame
    truth: pd.DataFrame


def draw(parameters: Parameters) -> Phantom:
    """Draw the cohort that the parameters describe; the same seed gives the same cohort.

    Raises RadiogramError for an unknown clinical variable, a column named twice, more centers than patients, or unknown labels of
    the only endpoint.
    """
    _check(parameters)
    options, seed = parameters.phantom, parameters.seed
    latents = stream(seed, "latents").standard_normal((options.patients, 4))
    width = max(3, len(str(options.patients)))
    names = [f"phantom-{i + 1:0{width}d}" for i in range(options.patients)]
    cases = pd.DataFrame({"case": names, "patient": names, "center": _centers(options.patients, options.centers, seed)})
    truth = [_truth(parameters, k, latents).assign(case=names) for k in range(len(parameters.cohort.endpoints))]
    for k, (endpoint, rows) in enumerate(zip(parameters.cohort.endpoints, truth, strict=True)):
        chance = stream(seed, f"labels {k}").random(options.patients)
        label = (chance < rows["probability"]).astype("int8")
        cases[endpoint.name] = label if endpoint.cut is None else _measured(label, endpoint, seed=seed)
    if options.unknown:
        lost = stream(seed, "unknown labels").random(options.patients) < options.unknown
        last = parameters.cohort.endpoints[-1].name
        cases[last] = cases[last].astype(float).mask(lost)
    columns = clinical.variables(
        latents[:, 1], parameters.cohort.clinical, missing_fraction=options.missing_fraction, seed=seed
    )
    known = strata.columns(latents, parameters.cohort.strata, seed=seed)
    return Phantom(pd.concat([cases, columns, _plan(parameters), known], axis=1), pd.concat(truth, ignore_index=True))


def predictor_sd(parameters: Parameters, endpoint: int) -> float:
    """Standard deviation over the population of the log odds of an endpoint (0 or 1)."""
    return parameters.phantom.signal * float(np.linalg.norm(_weights(parameters, endpoint)))


def _weights(parameters: Parameters, endpoint: int) -> np.ndarray:
    return WEIGHTS[endpoint] * (1.0, parameters.phantom.clinical_signal, 1.0)


def intercept(sd: float, prevalence: float) -> float:
    """The log odds at average latents for which a population with log odds of this spread has this prevalence."""
    grid, mass = _population(sd)
    return brentq(lambda a: mass @ expit(a + grid) - prevalence, -60.0, 60.0)


def best_auc(sd: float, prevalence: float, *, noise: float = 0.0) -> float:
    """AUC over the whole population of ranking by the true probability, blurred by normal `noise` on the log odds.

    The log odds are normal, so this is an integral over a grid and carries no sampling error. It is 0.5 when sd is 0.
    """
    grid, mass = _population(sd)
    probability = expit(intercept(sd, prevalence) + grid)
    positive, negative = mass * probability, mass * (1 - probability)
    difference = grid[:, None] - grid[None, :]
    higher = ndtr(difference / (noise * np.sqrt(2))) if noise > 0 else (np.sign(difference) + 1) / 2
    return float(positive @ higher @ negative / (positive.sum() * negative.sum()))


def _population(sd: float, points: int = 1001) -> tuple[np.ndarray, np.ndarray]:
    """A grid of the centered log odds and the population's mass at each point."""
    standard = np.linspace(-7, 7, points)
    mass = np.exp(-(standard**2) / 2)
    return sd * standard, mass / mass.sum()


def _truth(parameters: Parameters, k: int, latents: np.ndarray) -> pd.DataFrame:
    options = parameters.phantom
    prevalence = (options.prevalence, options.second_prevalence)[k]
    sd = predictor_sd(parameters, k)
    odds = intercept(sd, prevalence) + options.signal * latents[:, :3] @ _weights(parameters, k)
    columns = {
        "endpoint": parameters.cohort.endpoints[k].name,
        "heterogeneity": latents[:, 0],
        "clinical_risk": latents[:, 1],
        "vascularity": latents[:, 2],
        "probability": expit(odds),
        "bayes_auc": best_auc(sd, prevalence),
        "volume_ml": _volume(latents, parameters),
    }
    frame = pd.DataFrame(columns)
    frame.insert(0, "case", "")
    return frame


def _measured(label: pd.Series, endpoint: Endpoint, *, seed: int) -> pd.Series:
    """Numbers above 0 that lie on the label's side of the endpoint's cut, in tenths of it."""
    steps = stream(seed, f"measured {endpoint.name}")
    above, below = steps.integers(0, 40, len(label)), steps.integers(1, 10, len(label))
    return pd.Series(endpoint.cut * np.where(label == 1, 1 + above / 10, 1 - below / 10), index=label.index).round(6)


def _volume(latents: np.ndarray, parameters: Parameters) -> np.ndarray:
    score = VOLUME_LINK * latents[:, 0] + np.sqrt(1 - VOLUME_LINK**2) * latents[:, 3]
    field = np.prod(parameters.phantom.shape) * np.prod(parameters.phantom.spacing) / 1000
    return np.clip(MEDIAN_ML * np.exp(SPREAD * score), *RANGE_ML) * min(1.0, field / REFERENCE_ML)


def _plan(parameters: Parameters) -> pd.DataFrame:
    """Prescription and fractions of each plan, linked to nothing."""
    patients = parameters.phantom.patients
    fractions = stream(parameters.seed, "fractions").choice(FRACTIONS, patients)
    numbers = {"prescription": np.full(patients, PRESCRIPTION), "fractions": fractions}
    for name in parameters.cohort.plan:
        if name not in numbers:
            raise RadiogramError(
                f"cohort.plan names {name}, which the phantom does not have: it has {', '.join(numbers)}."
            )
    return pd.DataFrame({name: numbers[name] for name in parameters.cohort.plan}, index=range(patients))


def _centers(patients: int, centers: int, seed: int) -> np.ndarray:
    """Centers of unequal size, each with at least one patient, in random order."""
    weights = 0.7 ** np.arange(centers)
    sizes = 1 + np.floor((patients - centers) * weights / weights.sum()).astype(int)
    sizes[0] += patients - sizes.sum()
    names = np.repeat([f"center {letter}" for letter in ascii_uppercase[:centers]], sizes).astype(object)
    return stream(seed, "centers").permutation(names)


def _check(parameters: Parameters) -> None:
    cohort, options = parameters.cohort, parameters.phantom
    clinical.check(cohort.clinical)
    strata.check(cohort.strata)
    own = (*cohort.clinical, *cohort.plan, *cohort.strata)
    names = [*RESERVED, *(endpoint.name for endpoint in cohort.endpoints), *own]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RadiogramError(
            f"The phantom has two columns called {twice[0]}: rename an endpoint or a clinical variable."
        )
    if len(cohort.endpoints) > len(WEIGHTS):
        raise RadiogramError(
            f"The phantom has one or two endpoints, and cohort.endpoints names {len(cohort.endpoints)}."
        )
    if options.unknown and len(cohort.endpoints) == 1:
        raise RadiogramError(
            f"phantom.unknown is {options.unknown}, but the study has one endpoint: a patient without it has nothing to tell."
        )
    if options.centers > min(options.patients, len(ascii_uppercase)):
        raise RadiogramError(f"phantom.centers is {options.centers}: at most 26, and not more than phantom.patients.")
    if options.informative_features > options.features:
        raise RadiogramError(
            f"phantom.informative_features is {options.informative_features}, more than phantom.features"
            f" ({options.features})."
        )
