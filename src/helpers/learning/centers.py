"""Every center judged by models that never saw it: the whole pipeline is fitted without the center, then frozen.

Training patients only: a center that also has test patients is left out, and judged, with its training patients, so that the
test part stays what the final model alone is judged on. A center with no training patient is new to the final model already,
and its frozen predictions are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from helpers.errors import RadiogramError
from helpers.learning import dlrn, harmonize
from helpers.learning.dlrn import DLRN
from helpers.learning.endpoint import prepared
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Parameters

LEFT_OUT, FROZEN = "left out", "frozen"
STAGE = "08_centers"


@dataclass(frozen=True, eq=False)
class Unseen:
    """The n patients of one center, with the probability (n,) of every model that never saw the center.

    `kind` is left out (models fitted without it) or frozen (the final models, which no patient of it trained). Without
    probabilities the `note` says why.
    """

    center: str
    kind: str
    truth: np.ndarray
    probabilities: Mapping[str, FloatArray] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Confounding:
    """How far the training center alone tells the outcome: Cramer's V (0 to 1) with its chi-square P, and the event rates."""

    v: float
    p: float
    lowest: tuple[str, int, int]  # center, events, patients
    highest: tuple[str, int, int]

    @property
    def told(self) -> bool:
        """Whether it is more than chance, so that harmonization and models may mistake one for the other."""
        return bool(self.p < 0.05)


def unseen_centers(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
) -> list[Unseen]:
    """Every center, in order of name, by models that never saw it; `predictions` is the table of the final models.

    Raises RadiogramError as `model_endpoint` does, and where harmonization refuses an unseen center.
    """
    rows, _ = prepared(cases, features, endpoint=endpoint, parameters=parameters, seed=seed)
    require_choice(parameters)
    fit = partial(dlrn.fit, parameters=parameters, seed=seed)
    fewest = parameters.validation.center_events
    found = list(leave_one_center_out(rows, fit, fewest=fewest))
    models = {model for each in found for model in each.probabilities}
    own = predictions[(predictions["endpoint"] == endpoint) & (predictions["kind"] == "frozen")]
    own = own[own["model"].isin(models)] if models else own
    return sorted([*found, *never_trained(own, cases, rows.center, fewest=fewest)], key=lambda each: each.center)


def leave_one_center_out(rows: Rows, fit: Callable[[Rows], DLRN], *, fewest: int) -> Iterator[Unseen]:
    """Fit on the training rows of all centers but one, judge that one, in turn; nothing where there is one center only.

    A center with fewer than `fewest` of either class, or without which too few are left to fit, has a note in place of
    probabilities. Raises RadiogramError for rows outside part train.
    """
    require_training(rows, "leave-one-center-out model")
    centers = sorted(set(rows.center.tolist()))
    for center in centers if len(centers) > 1 else ():
        inside = rows.center == center
        truth = rows.truth[inside]
        note = too_few(truth, fewest)
        if note:
            yield Unseen(center, LEFT_OUT, truth, note=note)
            continue
        # To the harmonization of the others it is what a new hospital would be.
        held = rows.take(inside)
        held = replace(held, part=np.full(len(held), f"external:{center}"))
        try:
            with threadpool_limits(1):
                model = fit(rows.take(~inside))
        except (RadiogramError, ArithmeticError):
            note = "the other centers have too few patients to fit the models"
            yield Unseen(center, LEFT_OUT, truth, note=note)
            continue
        yield Unseen(center, LEFT_OUT, truth, model.probabilities(held))


def never_trained(frozen: pd.DataFrame, cases: pd.DataFrame, training: np.ndarray, *, fewest: int) -> Iterator[Unseen]:
    """Centers without a training patient, by the frozen predictions (rows of table `predictions`) of the final models."""
    center = frozen["case"].map(cases.set_index("case")["center"].astype(str))
    for name, own in frozen[~center.isin(set(training.tolist()))].groupby(center, sort=True):
        first = own[own["model"] == own["model"].iloc[0]].sort_values("case")
        truth = first["truth"].to_numpy(dtype=np.int64)
        note = too_few(truth, fewest)
        by_model = own.sort_values("case").groupby("model", sort=False)["probability"]
        values = {} if note else {model: of.to_numpy(dtype=np.float64) for model, of in by_model}
        yield Unseen(str(name), FROZEN, truth, values, note)


def too_few(truth: np.ndarray, fewest: int) -> str:
    """Why a center gets no AUC; empty where it does."""
    events = int(truth.sum())
    if events in (0, truth.size):
        return f"no AUC: all patients are {'with' if events else 'without'} the event"
    if min(events, truth.size - events) < fewest:
        return f"no AUC: fewer than {fewest} {'events' if events < fewest else 'without the event'}"
    return ""


def require_choice(parameters: Parameters) -> None:
    """Raises RadiogramError when centers are to be left out and harmonization would refuse each of them."""
    settings = parameters.harmonization
    if settings.method != "none" and settings.unseen == "refuse":
        raise RadiogramError(
            f"Notebook {STAGE} leaves out each center in turn, and harmonization refuses a center that it was not fitted on: "
            f"{harmonize.CHOICES}, or take {STAGE} out of notebooks."
        )


def require(cases: pd.DataFrame, parameters: Parameters) -> None:
    """Raises RadiogramError, before anything runs, for centers that cannot be harmonized or left out as the study asks."""
    if parameters.harmonization.method == "none":
        return
    harmonize.require_preserved(parameters)
    training = (cases["part"] == "train").to_numpy()
    if not training.any():
        return
    centers = cases["center"].astype(str).to_numpy(dtype=str)
    harmonize.require_centers(centers[training], parameters=parameters, new=centers[~training].tolist())
    if STAGE in parameters.notebooks:
        require_choice(parameters)


def confounding(rows: Rows) -> Confounding | None:
    """How far the centers of training rows differ in their share of events; None with one center or one class."""
    require_training(rows, "table of centers and outcomes")
    centers = sorted(set(rows.center.tolist()))
    counts = np.array([[np.sum(rows.truth[rows.center == c] == k) for k in (1, 0)] for c in centers])
    if len(centers) < 2 or not counts.sum(axis=0).all():
        return None
    statistic, p, _, _ = stats.chi2_contingency(counts, correction=False)
    share = counts[:, 0] / counts.sum(axis=1)
    ends = [(centers[i], int(counts[i, 0]), int(counts[i].sum())) for i in (share.argmin(), share.argmax())]
    # Two classes: the smaller dimension less one is 1.
    return Confounding(float(np.sqrt(statistic / counts.sum())), float(p), *ends)
