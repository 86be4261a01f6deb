"""External cohorts: a frozen model as it is, and recalibrated within the cohort itself, which makes it another model.

Tables `external_update` (calibration by version), `external_tests` (which update the cohort calls for) and
`external_calibration` (curves). An updated risk is never that of the patient's own outcome: updates are cross-fitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pandas as pd

from helpers.evaluation.performance import groups, probabilities_judged
from helpers.statistics import updating
from helpers.statistics.calibration import calibration, calibration_curve
from helpers.statistics.intervals import Interval
from helpers.statistics.panel import bootstrap_panel
from helpers.tables import DECLARED

VERSIONS = {
    updating.NONE: "as frozen",
    updating.INTERCEPT: "intercept updated",
    updating.BOTH: "intercept and slope updated",
}
TABLES = ("external_update", "external_tests", "external_calibration")
CROSS_FITTED = "updated risks cross-fitted within the cohort"


def frozen_outside(predictions: pd.DataFrame) -> pd.DataFrame:
    """Frozen probabilities of the patients of external parts."""
    judged = probabilities_judged(predictions)
    return judged[judged["part"].str.startswith("external:") & (judged["kind"] == "frozen")]


def tables(predictions: pd.DataFrame, *, replicates: int, seed: int, level: float = 0.95) -> dict[str, pd.DataFrame]:
    """The three tables by name, a row a metric, model or point of a curve, for every external part."""
    found: dict[str, list] = {name: [] for name in TABLES}
    for key, rows in groups(frozen_outside(predictions)):
        endpoint, model, part, kind = key
        truth, given = rows["truth"].to_numpy(), rows["probability"].to_numpy()
        named, size = (endpoint, model, part), (len(truth), int(truth.sum()))
        tested = updating.closed_test(truth, given, alpha=1 - level)
        chosen = VERSIONS.get(tested.step, "")
        found["external_tests"].append(
            (*named, tested.joint, tested.joint_p, tested.slope, tested.slope_p, chosen, *size)
        )
        for step, version in VERSIONS.items():
            rng = np.random.default_rng([seed, crc32(f"external update {endpoint} {model} {part}".encode())])
            moved = updating.cross_fitted(truth, given, step=step, rng=rng)
            options = {"replicates": replicates, "seed": seed, "level": level}
            for metric, value, note in _metrics(truth, given, moved, step, options):
                limits = (value.estimate, value.low, value.high)
                found["external_update"].append((*named, version, metric, *limits, *size, note))
            if np.isfinite(moved).all() and np.ptp(given) > 0:
                found["external_calibration"].append(_curve(truth, moved, (*named, kind, version), options))
    return {name: _table(name, rows) for name, rows in found.items()}


def _metrics(
    truth: np.ndarray, given: np.ndarray, moved: np.ndarray, step: str, options: dict
) -> Iterator[tuple[str, Interval, str]]:
    """The update's own coefficients, and how its cross-fitted risks are calibrated.

    One risk for everyone has neither slope nor curve, and what cross-fitting varies of it means nothing.
    """
    fitted = updating.update(truth, given, step=step, level=options["level"])
    for name in ("intercept", "slope") if step != updating.NONE else ():
        yield f"update_{name}", getattr(fitted, name), fitted.problem or "fitted on the whole cohort"
    if not np.isfinite(moved).all():
        return
    found = calibration(truth, moved, level=options["level"])
    panel = bootstrap_panel(truth, moved, **options)
    note = CROSS_FITTED if step != updating.NONE else ""
    yield "calibration_in_the_large", found.in_the_large, note
    yield "observed_expected", found.observed_expected, note
    for name in ("brier", "scaled_brier"):
        yield name, panel.interval(0, name), note
    if np.ptp(given) > 0:
        yield "calibration_slope", found.slope, note
        yield "ici", panel.interval(0, "ici"), note


def _curve(truth: np.ndarray, moved: np.ndarray, key: tuple, options: dict) -> pd.DataFrame:
    curve = calibration_curve(truth, moved, smoother="auto", **options)
    names = ("endpoint", "model", "part", "kind", "version")
    values = {"predicted": curve.predicted, "observed": curve.observed, "low": curve.low, "high": curve.high}
    return pd.DataFrame({**dict(zip(names, key, strict=True)), **values, "smoother": curve.smoother})


def _table(name: str, rows: list) -> pd.DataFrame:
    columns = list(DECLARED[name].names)
    if rows and isinstance(rows[0], pd.DataFrame):
        return pd.concat(rows, ignore_index=True)[columns]
    return pd.DataFrame(rows, columns=columns)
