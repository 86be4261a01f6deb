"""Signatures: first-stage scores, each the linear predictor of a logistic regression with its whole selection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from helpers.errors import RadiogramError
from helpers.learning import harmonize, regression, selection, stability
from helpers.learning.clinical import Coding, coding
from helpers.learning.fitted import FloatArray, Scorer
from helpers.learning.harmonize import Harmonizer
from helpers.learning.lasso import Lasso, lasso
from helpers.learning.regression import Regression
from helpers.learning.rows import Rows, require_training
from helpers.learning.selection import Scaler
from helpers.learning.stability import Gate
from helpers.parameters import Parameters, Selection


@dataclass(frozen=True, kw_only=True, eq=False)
class Signature(Scorer):
    """A fitted first stage. `coefficients` has feature, coefficient (standardized scale), mean, sd."""

    name: str

    @property
    def constant(self) -> bool:
        """Whether the score is the same for everyone."""
        return self.coefficients.empty

    @property
    def coefficients(self) -> pd.DataFrame:
        raise NotImplementedError

    def gaps(self, rows: Rows) -> int:
        """Rows that lack a value the score needs, for which a training value stands in."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """What another program needs to compute the score, and the fingerprint of the patients it saw."""
        table = self.coefficients.to_dict(orient="records")
        values = {"intercept": self.intercept, "coefficients": table}
        return {"signature": self.name, **values, "patients": self.fingerprint}


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSignature(Signature):
    """Harmonization, gate, redundancy filter, scaler and LASSO; without a surviving feature, the intercept alone."""

    funnel: pd.DataFrame
    gate: Gate | None
    scaler: Scaler
    lasso: Lasso | None
    intercept: float
    harmonizer: Harmonizer | None = None

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        values = np.zeros(0) if self.lasso is None else self.lasso.coefficients
        columns = {"feature": self.scaler.names, "coefficient": values, "mean": self.scaler.mean, "sd": self.scaler.sd}
        return pd.DataFrame(columns).loc[values != 0].reset_index(drop=True)

    @property
    def reproducibility(self) -> pd.DataFrame:
        """feature, icc, low, high, kept; empty without a gate."""
        return self.gate.table if self.gate else pd.DataFrame(columns=["feature", "icc", "low", "high", "kept"])

    @property
    def curve(self) -> pd.DataFrame:
        return self.lasso.curve_table() if self.lasso else pd.DataFrame()

    @property
    def path(self) -> pd.DataFrame:
        return self.lasso.path_table() if self.lasso else pd.DataFrame()

    def gaps(self, rows: Rows) -> int:
        chosen = rows.features.reindex(columns=self.coefficients["feature"]).to_numpy(dtype=np.float64)
        return int((~np.isfinite(chosen)).any(axis=1).sum())

    def to_json(self) -> dict[str, Any]:
        moved = (
            {} if self.harmonizer is None else {"harmonization": self.harmonizer.to_json(self.coefficients["feature"])}
        )
        return super().to_json() | moved

    def _selected(self, rows: Rows) -> FloatArray:
        """Selected features (n, k) as the LASSO saw them: standardized, the training mean for a missing value."""
        table = self.coefficients
        if self.harmonizer is not None:
            rows = self.harmonizer.harmonized(rows, table["feature"])
        raw = rows.features.reindex(columns=table["feature"]).to_numpy(dtype=np.float64)
        values = (raw - table["mean"].to_numpy()) / table["sd"].to_numpy()
        return np.where(np.isfinite(values), values, 0.0)

    def _values(self, rows: Rows) -> FloatArray:
        terms = self._selected(rows) * self.coefficients["coefficient"].to_numpy()
        # Summed row by row, so that a score never depends on which other rows are scored with it.
        return self.intercept + terms.sum(axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClinicalSignature(Signature):
    """Logistic regression on the prespecified clinical variables."""

    coding: Coding
    regression: Regression
    mean: FloatArray
    sd: FloatArray

    @property
    def intercept(self) -> float:
        return float(self.regression.coefficients[0] + self.mean @ self.regression.coefficients[1:])

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        values = self.regression.coefficients[1:] * self.sd
        terms = [column.term for column in self.coding.columns]
        table = pd.DataFrame({"feature": terms, "coefficient": values, "mean": self.mean, "sd": self.sd})
        return table.loc[self.regression.kept].reset_index(drop=True)

    def gaps(self, rows: Rows) -> int:
        return int(rows.clinical[[v.name for v in self.coding.variables]].isna().any(axis=1).sum())

    def _values(self, rows: Rows) -> FloatArray:
        design = self.coding._design(rows)
        return self.regression.coefficients[0] + (design * self.regression.coefficients[1:]).sum(axis=1)


def fit(name: str, rows: Rows, *, parameters: Parameters, seed: int) -> FeatureSignature | ClinicalSignature:
    """The signature of that name (radiomics, deep or clinical) from training rows alone.

    Raises RadiogramError for rows outside part train, and for a signature that has nothing to be fitted on.
    """
    require_training(rows, f"{name} signature")
    require_material(name, rows)
    if name == "clinical":
        return _clinical(rows)
    moved = harmonize.fit(rows, rows.names(name), parameters=parameters)
    rows = rows if moved is None else moved.apparent(rows)
    return replace(_from_features(name, rows, parameters=parameters, seed=seed), harmonizer=moved)


def require_material(name: str, rows: Rows) -> None:
    """Raises RadiogramError when the rows have nothing that the signature could be fitted on."""
    if name == "clinical" and rows.clinical.columns.empty:
        raise RadiogramError(
            "modeling.signatures lists clinical, but cohort.clinical is empty: "
            "name variables there, or take clinical out."
        )
    if name != "clinical" and not rows.names(name):
        raise RadiogramError(
            f"modeling lists the signature {name}, but table features has no {name} feature: "
            f"take {name} out of modeling.signatures and modeling.nomogram, or give such features."
        )


def _from_features(name: str, rows: Rows, *, parameters: Parameters, seed: int) -> FeatureSignature:
    rules = parameters.selection
    left, steps, gate = _screened(rows, rows.names(name), rules=rules)
    scaler = selection.scaler(rows, left)
    options = {"lasso_folds": rules.lasso_folds, "length": rules.lasso_path, "rule": rules.lasso_rule, "seed": seed}
    fitted = lasso(rows, scaler, **options) if left else None
    kept = int((fitted.coefficients != 0).sum()) if fitted else 0
    steps["LASSO" if kept else "LASSO: none, intercept only"] = kept
    return FeatureSignature(
        what=f"{name} signature",
        seen=rows.patients,
        name=name,
        funnel=pd.DataFrame(list(steps.items()), columns=["step", "features"]),
        gate=gate,
        scaler=scaler,
        lasso=fitted,
        intercept=fitted.intercept if fitted else float(logit(rows.truth.mean())),
    )


def _screened(rows: Rows, names: list[str], *, rules: Selection) -> tuple[list[str], dict[str, int], Gate | None]:
    """Features left before the LASSO, how many each step left, and the reproducibility gate if there is one."""
    left = selection.usable(rows, names)
    steps = {"extracted": len(names), "finite and varying": len(left)}
    gate = stability.gate(rows, left, selection=rules)
    if gate is not None:
        left = gate.kept
        steps["reproducible"] = len(left)
    if rules.univariate != "none":
        left = selection.associated(rows, left, test=rules.univariate, fdr=rules.univariate_fdr)
        steps["univariate test"] = len(left)
    left = selection.distinct(rows, left, limit=rules.redundancy, icc=gate.icc if gate else None)
    steps["not redundant"] = len(left)
    if rules.mrmr is not None:
        left = selection.relevant(rows, left, count=rules.mrmr, criterion=rules.mrmr_criterion)
        steps[f"mRMR ({rules.mrmr_criterion})"] = len(left)
    return left, steps, gate


def _clinical(rows: Rows) -> ClinicalSignature:
    coded = coding(rows)
    design = coded.apparent(rows)
    fitted = regression.fit(design, rows.truth)
    mean, sd = design.mean(axis=0), design.std(axis=0)
    return ClinicalSignature(
        what="clinical signature",
        seen=rows.patients,
        name="clinical",
        coding=coded,
        regression=fitted,
        mean=mean,
        sd=sd,
    )
