"""Table `harmonization`: how well features tell the center, and models the outcome, with and without ComBat.

Both are always computed, whatever the study's own choice: a reader sees what harmonization did, or would have done.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from helpers.errors import RadiogramError
from helpers.learning import dlrn, harmonize, selection
from helpers.learning.endpoint import model_endpoint, prepared
from helpers.learning.fitted import FloatArray
from helpers.learning.rows import Rows, require_training
from helpers.parameters import Parameters
from helpers.statistics.discrimination import auc, delong
from helpers.statistics.intervals import percentile_interval, proportion
from helpers.tables import DECLARED, empty

MEASURED, HARMONIZED = "as measured", "harmonized"
FOLDS = 5
COMPONENTS = 10
COLUMNS = list(DECLARED["harmonization"].names)


def harmonization_endpoint(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    endpoint: str,
    parameters: Parameters,
    seed: int,
) -> tuple[pd.DataFrame, str]:
    """Table `harmonization` of one endpoint, and a sentence, without a full stop, where it cannot be had.

    `predictions` is the table of the study's own models; the other version is fitted here, by the same seed. Where the study
    refuses an unseen center, the harmonized version leaves its features as they are.
    """
    asked = _with(parameters, "combat")
    rows, _ = prepared(cases, features, endpoint=endpoint, parameters=_with(parameters, "none"), seed=seed)
    names = [name for name in dlrn.wanted(parameters) if name != "clinical"]
    if np.unique(rows.center).size < 2:
        return empty("harmonization"), "All training patients are from one center"
    try:
        harmonize.require(rows, parameters=asked)
    except RadiogramError as reason:
        return empty("harmonization"), str(reason).split(":")[0].rstrip(".")
    if not names:
        return empty("harmonization"), "No model of the study reads features"
    found = [(endpoint, *row) for name in names for row in traces(rows, name, parameters=asked, seed=seed)]
    ours, others = (HARMONIZED, "none") if parameters.harmonization.method == "combat" else (MEASURED, "combat")
    options = {"endpoint": endpoint, "parameters": _with(parameters, others), "seed": seed}
    other = model_endpoint(cases, features, **options).tables["predictions"]
    both = {ours: predictions, HARMONIZED if ours == MEASURED else MEASURED: other}
    level = parameters.statistics.level
    found += [row for v in (MEASURED, HARMONIZED) for row in _areas(both[v], other, endpoint, v, level)]
    return pd.DataFrame(found, columns=COLUMNS), ""


def _with(parameters: Parameters, method: str) -> Parameters:
    own = parameters.harmonization
    unseen = "none" if own.unseen == "refuse" else own.unseen
    return parameters.model_copy(update={"harmonization": own.model_copy(update={"method": method, "unseen": unseen})})


def traces(rows: Rows, signature: str, *, parameters: Parameters, seed: int) -> Iterator[tuple]:
    """Rows of table `harmonization` but for the endpoint: how well a signature's features tell the center of training rows.

    Logistic regression on the first ten principal components, in five folds dealt by center; ComBat is fitted on the other
    folds. The area is the mean over centers of each against the others, of the pooled out-of-fold probabilities, with a
    percentile bootstrap over patients.
    """
    require_training(rows, "classifier of centers")
    fold = _dealt(rows, seed=seed)
    known = np.unique(rows.center)
    truth = np.searchsorted(known, rows.center)
    share = int(np.bincount(truth).max())
    level = parameters.statistics.level
    for version in (MEASURED, HARMONIZED):
        probability = _told(rows, fold, signature, parameters=parameters if version == HARMONIZED else None)
        right = proportion(int((known[probability.argmax(axis=1)] == rows.center).sum()), len(rows), level=level)
        area = _area(truth, probability, replicates=parameters.statistics.bootstrap, seed=seed, level=level)
        key, counts = (signature, "train", "oof", version), (len(rows), np.nan)
        yield (*key, "center_auc", *area, "mean over centers, percentile bootstrap", *counts)
        yield (*key, "center_accuracy", right.estimate, right.low, right.high, "Wilson", *counts)
        yield (*key, "center_commonest", share / len(rows), np.nan, np.nan, "share of the commonest center", *counts)


def _dealt(rows: Rows, *, seed: int) -> np.ndarray:
    """Fold (n,): the patients of each center shuffled and dealt in turn, whatever the order of the rows."""
    patients, first, position = np.unique(rows.patient, return_index=True, return_inverse=True)
    generator = np.random.default_rng([seed, crc32(b"centers")])
    center = rows.center[first]
    order = np.concatenate([generator.permutation(np.flatnonzero(center == name)) for name in np.unique(center)])
    fold = np.empty(patients.size, dtype=np.int64)
    fold[order] = np.arange(patients.size) % FOLDS
    return fold[position]


def _told(rows: Rows, fold: np.ndarray, signature: str, *, parameters: Parameters | None) -> FloatArray:
    """Out-of-fold probability (n, centers) of every center; harmonized where parameters say how."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.unique(rows.center)
    told = np.zeros((len(rows), known.size))
    for k in range(FOLDS):
        training, held = rows.take(fold != k), rows.take(fold == k)
        if parameters is not None:
            moved = harmonize.fit(training, training.names(signature), parameters=parameters)
            training, held = moved.apparent(training), moved.transform(held)
        names = selection.usable(training, training.names(signature))
        components = min(COMPONENTS, len(names), len(training) - 1)
        if not components or not len(held):
            told[fold == k] = 1 / known.size
            continue
        model = make_pipeline(StandardScaler(), PCA(components, svd_solver="full"), LogisticRegression(max_iter=1000))
        with threadpool_limits(1):
            model.fit(training.features[names].to_numpy(), training.center)
            values = held.features[names].to_numpy()
            # A feature that the training rows all have may be missing here: its mean stands in.
            values = np.where(np.isfinite(values), values, training.features[names].to_numpy().mean(axis=0))
            told[np.ix_(fold == k, np.searchsorted(known, model.classes_))] = model.predict_proba(values)
    return told


def _area(
    truth: np.ndarray, probability: FloatArray, *, replicates: int, seed: int, level: float
) -> tuple[float, float, float]:
    """Mean area of each center (n,) against the others, and its percentile limits; patients are redrawn within centers."""
    members = [np.flatnonzero(truth == c) for c in range(probability.shape[1])]
    generator = np.random.default_rng([seed, crc32(b"center areas")])
    areas = []
    for _ in range(replicates):
        drawn = np.concatenate([generator.choice(own, own.size) for own in members])
        areas.append(_mean_area(truth[drawn], probability[drawn]))
    found = percentile_interval(_mean_area(truth, probability), areas, level=level)
    return found.estimate, found.low, found.high


def _mean_area(truth: np.ndarray, probability: FloatArray) -> float:
    return float(np.mean([delong(truth == c, probability[:, c])[0][0] for c in range(probability.shape[1])]))


def _areas(
    predictions: pd.DataFrame, fitted: pd.DataFrame, endpoint: str, version: str, level: float
) -> Iterator[tuple]:
    """AUC of the models that read features, out-of-fold and in every part that the models never saw."""
    own = predictions[(predictions["endpoint"] == endpoint) & predictions["kind"].isin(["oof", "frozen"])]
    own = own[own["model"].isin(fitted["model"]) & (own["model"] != "clinical")]
    for (model, part, kind), here in own.groupby(["model", "part", "kind"], sort=False):
        truth = here["truth"].to_numpy(dtype=np.int64)
        if 0 < truth.sum() < truth.size:
            area = auc(truth, here["probability"].to_numpy(dtype=np.float64), level=level)
            limits = (area.estimate, area.low, area.high, area.method, area.n, area.events)
            yield (endpoint, model, part, kind, version, "auc", *limits)
