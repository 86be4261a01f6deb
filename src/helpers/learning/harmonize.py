"""Harmonization: what each center adds to the features, learned from training rows by ComBat and taken out of all rows.

Nothing here looks at an outcome. The batch is the center, and everything is learned anew wherever a model is fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from helpers.errors import RadiogramError
from helpers.learning.clinical import Coding, coding
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Parameters
from helpers.statistics import combat
from helpers.statistics.combat import Combat

WHAT = "harmonization"
# A center with fewer training patients has no spread to speak of, and folds would leave it without patients.
FEWEST = 5
# One row has no spread: a center of which a fold holds one is left as it is there.
FEWEST_ROWS = 2
CHOICES = (
    "set harmonization.unseen=none (its features are left as they are) or location (its own mean is taken out, from its "
    "images but never their outcomes), or harmonization.method=none"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Harmonizer(Fitted):
    """Shift and scale of every center of the training rows; without two centers to compare, features stay as they are.

    `design` says which columns of the coded `preserve` variables are held, those that center and others do not tell.
    """

    names: tuple[str, ...]
    combat: Combat | None
    coding: Coding | None
    design: NDArray[np.int64]
    prior: str
    unseen: str

    def transform(self, rows: Rows) -> Rows:
        """The rows of new patients, harmonized; raises RadiogramError for those it was fitted on, and for an unseen center.

        With `unseen` at location the shift of a new center is taken from its rows among these: how a patient's features
        move then depends on who comes along.
        """
        self.refuse(rows.patient.tolist())
        return self.harmonized(rows)

    def apparent(self, rows: Rows) -> Rows:
        """The rows it was fitted on, harmonized."""
        self.require_seen(rows)
        return self.harmonized(rows)

    def harmonized(self, rows: Rows, names: Iterable[str] | None = None) -> Rows:
        """Rows whose features are harmonized, and their repeats by the same numbers; of `names` alone where they are given.

        For those who have checked whose rows these are: signatures, which are fitted on the same patients.
        """
        wanted = list(self.names if names is None else names)
        if self.combat is None or not wanted:
            return rows
        place = pd.Index(self.names).get_indexer(wanted)
        shift, scale = self._moves(rows, wanted, place)
        options = {"shift": shift, "scale": scale, "covariates": self._covariates(rows), "features": place}
        columns = None if names is None else pd.Index(wanted, dtype=object)
        frames = [self._moved(frame, wanted, columns, **options) for frame in (rows.features, *rows.repeats)]
        return replace(rows, features=frames[0], repeats=tuple(frames[1:]))

    def to_json(self, names: Iterable[str]) -> dict[str, Any]:
        """What moves the named features, to be done elsewhere: less shift, over scale, both in units of sd around the mean."""
        if self.combat is None:
            return {"method": "none: fewer than two centers"}
        at = pd.Index(self.names).get_indexer(list(names))
        found = self.combat
        centers = {
            name: {"shift": found.shift[i, at].tolist(), "scale": found.scale[i, at].tolist()}
            for i, name in enumerate(found.batches)
        }
        told = {"mean": found.mean[at].tolist(), "sd": found.sd[at].tolist(), "centers": centers}
        terms = [] if self.coding is None else [self.coding.columns[i].term for i in self.design]
        kept = {term: found.coefficients[i, at].tolist() for i, term in enumerate(terms)}
        return {"method": "combat", "prior": self.prior, "reference": found.reference, "unseen": self.unseen} | (
            told | {"preserved": kept}
        )

    def _moves(self, rows: Rows, names: list[str], place: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """Shift and scale (n, p) of every row; 0 and 1 where features stay as they are."""
        shift, scale = np.zeros((len(rows), place.size)), np.ones((len(rows), place.size))
        centers = _centers(rows)
        for center in sorted(set(centers.tolist())):
            own = centers == center
            if center in self.combat.batches:
                i = self.combat.batches.index(center)
                shift[own], scale[own] = self.combat.shift[i, place], self.combat.scale[i, place]
            elif (rows.part[own] != "train").any():
                shift[own] = self._of_unseen(rows.take(own), center, names, place)
            # A training center that a fold or sample happened not to hold: refusing would end the run by the luck of a draw.
        return shift, scale

    def _of_unseen(self, rows: Rows, center: str, names: list[str], place: np.ndarray) -> FloatArray | float:
        if self.unseen == "refuse":
            raise RadiogramError(unseen_sentence(center, self.combat.batches))
        if self.unseen == "none":
            return 0.0
        if len(rows) < FEWEST:
            raise RadiogramError(
                f"Center {center} was not in training and has {len(rows)} cases here, fewer than the {FEWEST} from which "
                "harmonization.unseen=location takes its mean: set harmonization.unseen=none."
            )
        values = rows.features.reindex(columns=names).to_numpy(dtype=np.float64)
        free = self.combat.standardized(values, covariates=self._covariates(rows), features=place)
        known = np.isfinite(free)
        return np.where(known, free, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)

    def _covariates(self, rows: Rows) -> FloatArray | None:
        return None if self.coding is None else self.coding._design(rows)[:, self.design]

    def _moved(self, frame: pd.DataFrame, names: list[str], columns: pd.Index | None, **options: Any) -> pd.DataFrame:
        """The frame with the named features moved, of those columns or of its own; as one array, which stays fast."""
        columns = frame.columns if columns is None else columns
        values = frame.reindex(columns=columns).to_numpy(dtype=np.float64, copy=True)
        moved = self.combat.moved(frame.reindex(columns=names).to_numpy(dtype=np.float64), **options)
        place = columns.get_indexer(names)
        values[:, place[place >= 0]] = moved[:, place >= 0]
        return pd.DataFrame(values, columns=columns, index=frame.index)


def fit(rows: Rows, names: Sequence[str], *, parameters: Parameters) -> Harmonizer | None:
    """Learn the centers of training rows from the named features; None when harmonization.method is none.

    A center of which there is one row here stays as it is. Raises RadiogramError for rows outside part train.
    """
    settings = parameters.harmonization
    require_training(rows, WHAT)
    if settings.method == "none":
        return None
    coded = coding(rows, settings.preserve) if settings.preserve else None
    centers = _centers(rows)
    known, counts = np.unique(centers, return_counts=True)
    inside = np.isin(centers, known[counts >= FEWEST_ROWS])
    found, design = None, np.zeros(0, dtype=np.int64)
    if np.unique(centers[inside]).size > 1:
        covariates = np.empty((len(rows), 0)) if coded is None else coded.apparent(rows)
        design = independent(centers[inside], covariates[inside])
        values = rows.features[list(names)].to_numpy(dtype=np.float64)[inside]
        # A reference that a fold happens not to hold cannot lead there.
        reference = settings.reference if settings.reference in set(centers[inside].tolist()) else None
        options = {"prior": settings.prior, "reference": reference}
        found = combat.fit(values, centers[inside], covariates=covariates[inside][:, design], **options)
    return Harmonizer(
        what=WHAT,
        seen=rows.patients,
        names=tuple(names),
        combat=found,
        coding=coded,
        design=design,
        prior=settings.prior,
        unseen=settings.unseen,
    )


def independent(center: np.ndarray, covariates: FloatArray) -> NDArray[np.int64]:
    """Columns (c,) of covariates (n, k) that neither the centers (n,) nor the columns before them tell."""
    held = (center[:, None] == np.unique(center)).astype(np.float64)
    kept = []
    for column in range(covariates.shape[1]):
        wider = np.column_stack([held, covariates[:, column]])
        if np.linalg.matrix_rank(wider) > held.shape[1]:
            held, kept = wider, [*kept, column]
    return np.array(kept, dtype=np.int64)


def require(rows: Rows, *, parameters: Parameters) -> None:
    """Raises RadiogramError before any fitting when these training rows cannot be harmonized as the parameters say."""
    settings = parameters.harmonization
    if settings.method == "none":
        return
    require_preserved(parameters)
    require_centers(_centers(rows), parameters=parameters)
    if settings.preserve:
        coded = coding(rows, settings.preserve)
        kept = independent(_centers(rows), coded.apparent(rows)).tolist()
        lost = [column.term for i, column in enumerate(coded.columns) if i not in kept]
        if lost:
            raise RadiogramError(
                f"harmonization.preserve: {lost[0]} is told by the center, or by the other variables, and cannot be kept "
                "apart from it: take it out of harmonization.preserve."
            )


def require_preserved(parameters: Parameters) -> None:
    """Raises RadiogramError when harmonization.preserve names the endpoint, or what is no clinical variable."""
    endpoints = [endpoint.name for endpoint in parameters.cohort.endpoints]
    for name in parameters.harmonization.preserve:
        if name in endpoints:
            raise RadiogramError(
                f"harmonization.preserve names the endpoint {name}: harmonization may not know what is to be predicted, "
                "since a new patient's is not known; take it out."
            )
        if name not in parameters.cohort.clinical:
            raise RadiogramError(f"harmonization.preserve names {name}, which is not among cohort.clinical.")


def require_centers(training: np.ndarray, *, parameters: Parameters, new: Iterable[str] = ()) -> None:
    """Raises RadiogramError when the centers (n,) of the training cases cannot be told from each other, or a new one is unseen."""
    known, counts = np.unique(training, return_counts=True)
    reference = parameters.harmonization.reference
    if known.size < 2:
        raise RadiogramError(
            f"harmonization.method is combat, but all training cases are from {known[0]}: with one center there is "
            "nothing to harmonize; set harmonization.method=none."
        )
    small = [(center, n) for center, n in zip(known.tolist(), counts.tolist(), strict=True) if n < FEWEST]
    if small:
        center, n = small[0]
        raise RadiogramError(
            f"Center {center} has {n} training cases, fewer than the {FEWEST} that its shift and scale can be learned from: "
            "merge it with another center, take it out, or set harmonization.method=none."
        )
    if reference is not None and reference not in known:
        raise RadiogramError(f"harmonization.reference is {reference}; the training centers are {', '.join(known)}.")
    unseen = sorted(set(new) - set(known.tolist()))
    if unseen and parameters.harmonization.unseen == "refuse":
        raise RadiogramError(unseen_sentence(unseen[0], known))


def unseen_sentence(center: str, known: Iterable[str]) -> str:
    """Why a center that was not in training is refused, and what can be chosen."""
    return (
        f"Center {center} was not among the centers that harmonization was fitted on ({', '.join(known)}), so that nothing is "
        f"known of its shift: {CHOICES}."
    )


def _centers(rows: Rows) -> NDArray[np.str_]:
    if rows.center is None:
        raise RadiogramError("harmonization.method is combat, but table cases has no column center.")
    return rows.center
