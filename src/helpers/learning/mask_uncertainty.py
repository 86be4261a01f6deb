"""Segmentation uncertainty carried to the patient: the risk that the frozen models give each mask of a case.

Patients of the test and external parts only: the final models were fitted on the others, and would know their masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.errors import RadiogramError
from helpers.learning.dlrn import DLRN
from helpers.learning.endpoint import EndpointModels
from helpers.learning.rows import FIRST_READER, rows_from_tables
from helpers.parameters import Parameters
from helpers.statistics.agreement import icc
from helpers.statistics.intervals import wilson
from helpers.study import Study
from helpers.tables import DECLARED

# Fewer patients have no ICC worth telling.
FEWEST = 5
# A risk further than this from the one in table predictions is another model's.
SAME = 1e-9


def write(
    study: Study, learned: Sequence[EndpointModels], cases: pd.DataFrame, features: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hand over tables mask_uncertainty and mask_agreement of the models of every endpoint.

    Raises RadiogramError where no patient outside part train has a second mask, and where the models are not those that
    table predictions comes from.
    """
    thresholds, predictions = study.tables.read("thresholds"), study.tables.read("predictions")
    spread, agreed = [], []
    for each in learned:
        own = thresholds[thresholds["endpoint"] == each.endpoint]
        cuts = dict(zip(own["model"], own["threshold"].astype(float), strict=True))
        found = risks(each.dlrn, cases, features, endpoint=each.endpoint, parameters=study.parameters)
        _require_frozen(found, predictions[predictions["endpoint"] == each.endpoint])
        spread.append(uncertainty(found, cuts).assign(endpoint=each.endpoint))
        level = study.parameters.statistics.level
        agreed.append(agreement(found, cuts, level=level).assign(endpoint=each.endpoint))
    tables = {"mask_uncertainty": pd.concat(spread), "mask_agreement": pd.concat(agreed)}
    written = [study.tables.write(name, frame[list(DECLARED[name].names)]) for name, frame in tables.items()]
    return written[0], written[1]


def risks(
    model: DLRN, cases: pd.DataFrame, features: pd.DataFrame, *, endpoint: str, parameters: Parameters
) -> pd.DataFrame:
    """case, part, model and a column a mask (reader1 first): every model's risk of each case not in part train.

    Cases of one mask are left out; a mask that a case does not have is NaN. Raises RadiogramError where none is left.
    """
    others = cases[(cases["part"] != "train") & cases[endpoint].notna()]
    features = features[features["case"].isin(others["case"])]
    again = sorted(set(features["reader"]) - {FIRST_READER})
    pieces = [_by_mask(model, others, features, mask, endpoint, parameters) for mask in (FIRST_READER, *again)]
    keys = ["case", "part", "model"]
    wide = pieces[0] if pieces else pd.DataFrame(columns=keys)
    for piece in pieces[1:]:
        wide = wide.merge(piece.drop(columns="part"), on=["case", "model"], how="left", validate="one_to_one")
    wide = wide[wide.drop(columns=keys).notna().sum(axis=1) > 1].reset_index(drop=True)
    if wide.empty:
        raise RadiogramError(
            "No patient outside the training part was outlined twice, so nothing can be said of other masks: take the notebook "
            "08_masks and the section masks out, or give a second reader's masks (or set selection.reproducibility=perturbation)."
        )
    return wide


def _by_mask(
    model: DLRN, cases: pd.DataFrame, features: pd.DataFrame, mask: str, endpoint: str, parameters: Parameters
) -> pd.DataFrame:
    """case, part, model and the risk by one mask, of the cases that have it: the mask takes the first reader's place."""
    own = features[features["reader"] == mask]
    own = own[own.drop(columns=["case", "reader"]).notna().any(axis=1)].assign(reader=FIRST_READER)
    cases = cases[cases["case"].isin(own["case"])]
    if cases.empty:
        return pd.DataFrame(columns=["case", "part", "model", mask])
    options = {"endpoint": endpoint, "clinical": parameters.cohort.clinical, "reproducibility": "none"}
    rows = rows_from_tables(cases, own, **options)
    found = {"case": rows.case.astype(object), "part": rows.part.astype(object)}
    by_model = model.probabilities(rows).items()
    return pd.concat(
        [pd.DataFrame(found).assign(**{"model": name, mask: p}) for name, p in by_model], ignore_index=True
    )


def _require_frozen(found: pd.DataFrame, predictions: pd.DataFrame) -> None:
    frozen = predictions.loc[predictions["kind"] == "frozen", ["case", "model", "probability"]]
    both = found.merge(frozen, on=["case", "model"], how="inner")
    if len(both) != len(found) or not np.allclose(both[FIRST_READER], both["probability"], rtol=0, atol=SAME):
        raise RadiogramError(
            "The models fitted here are not those of table predictions: features or parameters changed since. "
            "Run the whole report again."
        )


def uncertainty(found: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Table mask_uncertainty but for the endpoint, from `risks` and the frozen threshold of each model.

    probability is that of the first mask, low and high the least and greatest over masks, flips the other masks whose call
    is not that of the first (missing where the model has no threshold).
    """
    values = _values(found)
    columns = {"probability": values[:, 0], "low": np.nanmin(values, axis=1), "high": np.nanmax(values, axis=1)}
    columns |= {"masks": np.isfinite(values).sum(axis=1), "flips": _flips(found, thresholds)}
    return found[["model", "case", "part"]].assign(**columns)


def agreement(found: pd.DataFrame, thresholds: Mapping[str, float], *, level: float) -> pd.DataFrame:
    """Table mask_agreement but for the endpoint: each model in each part.

    estimate, low and high: share of patients whose call at least one other mask changes, with Wilson's interval; mask_sd:
    standard deviation of the risk between masks of a patient (root mean variance); icc with its limits: ICC(A,1) of the
    risk over the patients who have every mask, missing where no mask changes any risk.
    """
    rows = []
    for (model, part), own in found.groupby(["model", "part"], sort=False):
        values, flips = _values(own), _flips(own, thresholds)
        changed, n = int((flips > 0).sum()), len(own)
        known = np.isfinite(flips).all()
        share = (changed / n, *(float(limit) for limit in wilson(changed, n, level=level))) if known else (np.nan,) * 3
        sd = float(np.sqrt(np.nanmean(np.nanvar(values, axis=1, ddof=1))))
        counted = (n, values.shape[1], changed if known else np.nan)
        rows.append((model, part, *counted, *share, sd, *_icc(values, level)))
    names = [name for name in DECLARED["mask_agreement"].names if name != "endpoint"]
    return pd.DataFrame(rows, columns=names)


def _icc(values: np.ndarray, level: float) -> tuple[float, float, float]:
    whole = values[np.isfinite(values).all(axis=1)]
    if len(whole) < FEWEST or not np.ptp(whole, axis=1).any():  # a model that reads nothing within the outline
        return (np.nan,) * 3
    held = icc(whole, form="A,1", level=level)
    return float(held.estimate), float(held.low), float(held.high)


def _values(found: pd.DataFrame) -> np.ndarray:
    """Risks (rows, masks), the first mask first."""
    return found.drop(columns=["case", "part", "model"]).to_numpy(dtype=np.float64)


def _flips(found: pd.DataFrame, thresholds: Mapping[str, float]) -> np.ndarray:
    """How many other masks (rows,) call a case otherwise than the first; NaN without a threshold."""
    values, cut = _values(found), found["model"].map(thresholds).to_numpy(dtype=np.float64)
    other = (values >= cut[:, None]) != (values[:, :1] >= cut[:, None])
    return np.where(np.isfinite(cut), (other & np.isfinite(values)).sum(axis=1), np.nan)
