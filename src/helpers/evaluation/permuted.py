"""Tables `permutation` and `recipe`: the pipeline on permuted labels, and the common recipe beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.evaluation import order, thresholds
from helpers.evaluation.headline import judged
from helpers.learning import common_recipe, dlrn
from helpers.learning.common_recipe import Claim
from helpers.learning.contest import running
from helpers.learning.permutation import Rerun, contested
from helpers.learning.rows import rows_from_tables
from helpers.parameters import Parameters
from helpers.statistics.crossvalidated import cross_validated_auc
from helpers.statistics.discrimination import auc
from helpers.statistics.permutation import NullMean, chance_sd, null_mean, permutation_p
from helpers.tables import DECLARED

OURS = "ours"
TRUE, PERMUTED = "true", "permuted"
Run = tuple[int, pd.DataFrame, Mapping[str, pd.DataFrame]]  # permutation (0: true labels), cases, predictions and fits


def permutation(tables: Mapping[str, pd.DataFrame], reruns: Sequence[Rerun]) -> pd.DataFrame:
    """Table `permutation`: out-of-fold AUC, compared within folds, of every model that was run again.

    tables: predictions and fits of the run, whose AUC is permutation 0.
    """
    rows = []
    for endpoint in dict.fromkeys(each.endpoint for each in reruns):
        own = [each for each in reruns if each.endpoint == endpoint]
        for number, given in [(0, tables), *((each.number, each.tables) for each in own)]:
            for model in dict.fromkeys(own[0].tables["predictions"]["model"]):
                rows += _area(given, endpoint, model, number)
    return pd.DataFrame(rows, columns=list(DECLARED["permutation"].names))


def _area(tables: Mapping[str, pd.DataFrame], endpoint: str, model: str, number: int) -> Iterator[tuple]:
    oof = thresholds.out_of_fold(tables["predictions"], tables["fits"], endpoint=endpoint, model=model)
    if oof is not None:
        found = cross_validated_auc(oof.truth, oof.score, oof.fold, cluster=oof.patient)
        yield endpoint, model, number, found.estimate, found.n, found.events


def null_means(found: pd.DataFrame, *, folds: int) -> dict[tuple[str, str], NullMean]:
    """Areas on permuted labels by endpoint and model, of table `permutation`; without permutations none."""
    dealt = found[found["permutation"] > 0]
    groups = dealt.groupby(["endpoint", "model"], sort=False)
    means = {}
    for key, own in groups:
        events = int(own["events"].iloc[0])
        chance = chance_sd(events, int(own["n"].iloc[0]) - events, folds=folds)
        means[key] = null_mean(own["auc"].to_numpy(dtype=float), chance=chance, family=groups.ngroups)
    return means


def real_and_p(found: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """The AUC on the true labels and its permutation P (NaN without permutations) by endpoint and model."""
    told = {}
    for key, own in found.groupby(["endpoint", "model"], sort=False):
        real = float(own.loc[own["permutation"] == 0, "auc"].iloc[0])
        areas = own.loc[own["permutation"] > 0, "auc"].to_numpy(dtype=float)
        told[key] = (real, permutation_p(real, areas) if areas.size else float("nan"))
    return told


def recipe(
    cases: pd.DataFrame,
    features: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    reruns: Sequence[Rerun],
    *,
    parameters: Parameters,
) -> pd.DataFrame:
    """Table `recipe`: what would have been claimed by ours and after each step of the common recipe, on the same rows.

    On the true labels and on each permutation. Without a test part, which the recipe's splits need, it has no row.
    """
    rows = []
    for endpoint in [e.name for e in parameters.cohort.endpoints]:
        part = _part(tables["predictions"], endpoint)
        runs: list[Run] = [(0, cases, tables)]
        runs += [(each.number, each.cases, each.tables) for each in reruns if each.endpoint == endpoint]
        for run in runs if part else []:
            rows += _of_run(run, features, endpoint=endpoint, part=part, parameters=parameters)
    return pd.DataFrame(rows, columns=list(DECLARED["recipe"].names))


def _part(predictions: pd.DataFrame, endpoint: str) -> str:
    """The part that the study is judged on, if models were frozen for it; empty where there is none."""
    frozen = predictions[(predictions["endpoint"] == endpoint) & (predictions["kind"] == "frozen")]
    return str(judged(frozen)["part"].iloc[0]) if len(frozen) else ""


def _of_run(run: Run, features: pd.DataFrame, *, endpoint: str, part: str, parameters: Parameters) -> Iterator[tuple]:
    number, cases, tables = run
    here = cases[cases["part"].isin(["train", part])]
    options = {"endpoint": endpoint, "clinical": parameters.cohort.clinical, "reproducibility": "none"}
    rows = rows_from_tables(here, features[features["case"].isin(here["case"])], **options)
    test = rows.part == part
    common_recipe.require_both(rows, test)
    found = [_ours(tables, endpoint, part, parameters)]
    found += common_recipe.claims(rows, test, parameters=parameters, seed=parameters.seed + number)
    labels = PERMUTED if number else TRUE
    for claim in found:
        values = (claim.auc, claim.accuracy, claim.sensitivity, claim.specificity)
        yield endpoint, labels, number, claim.step, *values, int(test.sum()), int(rows.truth[test].sum())


def lead(predictions: pd.DataFrame, parameters: Parameters) -> str:
    """The leading model of those that are run again: what 05_modeling fits, and the contest."""
    fitted = [dlrn.NOMOGRAM, *dlrn.wanted(parameters)]
    fitted += running.names(parameters) if contested(parameters) else []
    return order.lead(predictions[predictions["model"].isin(fitted)])


def _ours(tables: Mapping[str, pd.DataFrame], endpoint: str, part: str, parameters: Parameters) -> Claim:
    """The leading model of the pipeline, frozen, at its frozen threshold."""
    predictions = tables["predictions"]
    leading = predictions["model"] == lead(predictions, parameters)
    own = predictions[(predictions["endpoint"] == endpoint) & leading]
    frozen = own[(own["part"] == part) & (own["kind"] == "frozen")]
    truth, score = frozen["truth"].to_numpy(dtype=int), frozen["probability"].to_numpy(dtype=float)
    chosen = thresholds.choose(own, tables["fits"], statistics=parameters.statistics)
    # A model that gives everyone the same risk has no threshold: it calls nobody.
    cut = next(iter(chosen.values())).value if chosen else np.inf
    right, event = (score >= cut) == (truth == 1), truth == 1
    rates = [float(v.mean()) for v in (right, right[event], right[~event])]
    return Claim(OURS, auc(truth, score).estimate, *rates)
