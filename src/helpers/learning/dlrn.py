"""The deep-learning radiomics nomogram (DLRN) as one object: signatures, their out-of-fold scores, the nomogram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from scipy.special import expit

from helpers.errors import RadiogramError
from helpers.learning import crossfit, folds, harmonize, nomogram, signatures, stability
from helpers.learning.fitted import Fitted, FloatArray
from helpers.learning.nomogram import Nomogram
from helpers.learning.recalibration import Recalibration, recalibrate
from helpers.learning.rows import Rows, require_training
from helpers.learning.signatures import ClinicalSignature, FeatureSignature, Signature
from helpers.parameters import Parameters
from helpers.statistics.thresholds import OutOfFold

NOMOGRAM = "nomogram"


@dataclass(frozen=True, kw_only=True, eq=False)
class DLRN(Fitted):
    """Signatures fitted on all training rows, and what was learned from their out-of-fold scores."""

    signatures: Mapping[str, Signature]
    recalibrations: Mapping[str, Recalibration]
    nomogram: Nomogram | None
    notes: tuple[str, ...]

    def scores(self, rows: Rows) -> dict[str, FloatArray]:
        """Score (n,) of every signature for new patients."""
        return {name: signature.score(rows) for name, signature in self.signatures.items()}

    def probabilities(self, rows: Rows) -> dict[str, FloatArray]:
        """Probability (n,) by every signature and by the nomogram; raises RadiogramError for patients it saw."""
        scores = self.scores(rows)
        combined = {} if self.nomogram is None else {NOMOGRAM: expit(self.nomogram.linear_predictor(rows, scores))}
        return self._recalibrated(scores) | combined

    def apparent(self, rows: Rows) -> dict[str, FloatArray]:
        """Probability (n,) of the rows it was fitted on: optimistic."""
        scores = {name: signature.apparent(rows) for name, signature in self.signatures.items()}
        combined = {} if self.nomogram is None else {NOMOGRAM: expit(self.nomogram.apparent(rows, scores))}
        return self._recalibrated(scores) | combined

    def resampled(self, rows: Rows) -> dict[str, FloatArray]:
        """Probability (n,) of the training rows its bootstrap sample was drawn from, seen or not: for optimism alone."""
        scores = {name: signature.resampled(rows) for name, signature in self.signatures.items()}
        combined = {} if self.nomogram is None else {NOMOGRAM: expit(self.nomogram.resampled(rows, scores))}
        return self._recalibrated(scores) | combined

    @property
    def selected(self) -> dict[str, tuple[str, ...]]:
        """Features that every selecting signature kept."""
        return selected(self.signatures)

    def _recalibrated(self, scores: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {name: self.recalibrations[name].probability(score) for name, score in scores.items()}

    def to_json(self) -> dict[str, Any]:
        """Everything needed to score a patient elsewhere, and no patient's identifier."""
        scales = {name: [r.intercept, r.slope] for name, r in self.recalibrations.items()}
        return {
            "signatures": [signature.to_json() for signature in self.signatures.values()],
            "recalibrations": scales,
            "nomogram": None if self.nomogram is None else self.nomogram.to_json(),
            "notes": list(self.notes),
            "patients": self.fingerprint,
        }


def selected(fitted: Mapping[str, Signature]) -> dict[str, tuple[str, ...]]:
    """Features kept by each signature that selects: the clinical one does not."""
    selecting = {name: s for name, s in fitted.items() if isinstance(s, FeatureSignature)}
    return {name: tuple(s.coefficients["feature"]) for name, s in selecting.items()}


def wanted(parameters: Parameters) -> list[str]:
    """Signatures to fit: those asked for, and those the nomogram reads (clinical enters it as variables)."""
    modeling = parameters.modeling
    return list(dict.fromkeys([*modeling.signatures, *(name for name in modeling.nomogram if name != "clinical")]))


def require_fittable(rows: Rows, *, parameters: Parameters) -> None:
    """Raises RadiogramError before any fitting: rows outside part train, too few of a class, nothing to fit on."""
    require_training(rows, "DLRN")
    harmonize.require(rows, parameters=parameters)
    for name in wanted(parameters):
        signatures.require_material(name, rows)
        if name != "clinical":
            stability.require_repeats(rows, selection=parameters.selection)
    if "clinical" in parameters.modeling.nomogram and rows.clinical.columns.empty:
        raise RadiogramError(
            "modeling.nomogram lists clinical, but cohort.clinical is empty: "
            "name variables there, or take clinical out."
        )
    if not wanted(parameters) and not parameters.modeling.nomogram:
        raise RadiogramError("modeling.signatures and modeling.nomogram are both empty: there is no model to fit.")
    folds.require_classes(rows, folds=parameters.modeling.folds)


def fit(rows: Rows, *, parameters: Parameters, seed: int, purpose: str = "inner") -> DLRN:
    """Cross-fit every signature, fit the nomogram on those scores, and refit every signature on all rows.

    Raises RadiogramError for rows outside part train, or with a class smaller than the folds.
    """
    require_training(rows, "DLRN")
    oof, final = {}, {}
    for name in wanted(parameters):
        one = partial(signatures.fit, name, parameters=parameters, seed=seed)
        oof[name] = crossfit.cross_fit(rows, one, folds=parameters.modeling.folds, seed=seed, purpose=purpose)
        final[name] = one(rows)
    return assemble(rows, oof, final, parameters=parameters)


def assemble(
    rows: Rows, oof: Mapping[str, OutOfFold], final: Mapping[str, Signature], *, parameters: Parameters
) -> DLRN:
    """The DLRN from out-of-fold scores of the rows and the signatures refitted on all of them."""
    modeling = parameters.modeling
    constant = [name for name in modeling.nomogram if name in final and final[name].constant and name != "clinical"]
    entering = {name: oof[name] for name in modeling.nomogram if name != "clinical" and name not in constant}
    variables = tuple(rows.clinical.columns) if "clinical" in modeling.nomogram else ()
    level = parameters.statistics.level
    combined = nomogram.fit(rows, entering, clinical=variables, level=level) if modeling.nomogram else None
    notes = [f"The nomogram leaves {name} out: its signature kept no feature." for name in constant]
    penalized = [
        name for name, s in final.items() if isinstance(s, ClinicalSignature) and s.regression.method == "Firth"
    ]
    notes += [
        f"The classes separate by the {name} variables: the signature carries Firth's penalty." for name in penalized
    ]
    return DLRN(
        what="DLRN",
        seen=rows.patients,
        signatures=dict(final),
        recalibrations={name: recalibrate(score, what=name) for name, score in oof.items()},
        nomogram=combined,
        notes=(*notes, *(f"Nomogram: {note}" for note in (combined.notes if combined else ()))),
    )
