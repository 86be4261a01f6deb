"""The tables of the page on integrity, formatted, and the numbers its prose is filled with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation.permuted import OURS, PERMUTED, TRUE, null_means, real_and_p
from helpers.learning.common_recipe import BEST, STEPS
from helpers.parameters import Parameters

FINGERPRINT = 12  # letters of it that are shown
NOTHING = "–"
STEP_WORDS = {OURS: "Ours, nothing leaked", **{step: f"+ {step}" for step in STEPS}}


def fits(table: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Who was fitted on whom: objects that saw the same patients in one row, and how many of those were outside training."""
    outside, rows, before = _outside(cases), [], None
    for (fold, fingerprint), own in table.groupby(["fold", "fingerprint"], sort=True):
        seen = set(str(own["patients"].iloc[0]).split("\n"))
        objects = prose.listing([prose.model_name(name) for name in dict.fromkeys(own["object"])])
        where = "all training patients" if fold < 0 else f"fold {fold + 1}"
        share = prose.percent(len(seen & outside), len(seen))
        rows.append(
            (where, "the same" if objects == before else objects, str(len(seen)), fingerprint[:FINGERPRINT], share)
        )
        before = objects
    columns = ["On", "Fitted", "Patients seen", "Fingerprint", "Of them outside training"]
    return pd.DataFrame(rows, columns=columns)


def _outside(cases: pd.DataFrame) -> set[str]:
    return set(cases.loc[cases["part"] != "train", "patient"].astype(str))


def _leaked(fitted: pd.DataFrame, cases: pd.DataFrame) -> int:
    """Fits that saw a patient outside training."""
    outside = _outside(cases)
    return sum(bool(outside & set(str(text).split("\n"))) for text in fitted["patients"])


def _without_single_endpoint(table: pd.DataFrame) -> pd.DataFrame:
    """The endpoint needs a column only where there are two."""
    return table.drop(columns="Endpoint") if table["Endpoint"].nunique() < 2 else table


def permutation(table: pd.DataFrame, *, folds: int) -> pd.DataFrame:
    """AUC on the true labels beside its mean and spread on permuted ones, by model."""
    means, rows = null_means(table, folds=folds), []
    for (endpoint, model), (real, p) in real_and_p(table).items():
        cells = [NOTHING, NOTHING, NOTHING]
        if (endpoint, model) in means:
            found = means[endpoint, model]
            told = f"{prose.number(found.mean)} ({prose.number(found.low)} to {prose.number(found.high)})"
            cells = [told, prose.number(found.limit), prose.p_cell(p)]
        rows.append((prose.model_name(model), endpoint, prose.number(real), *cells))
    columns = ["Model", "Endpoint", "AUC, true labels", "AUC, permuted labels: mean (range)", "Limit of the mean", "P"]
    return _without_single_endpoint(pd.DataFrame(rows, columns=columns))


def canaries(table: pd.DataFrame) -> pd.DataFrame:
    """What each canary reaches, and by how much the leading model beats it."""
    rows = []
    for row in table.itertuples():
        compared = np.isfinite(float(row.difference))
        lead = prose.difference(row.difference, row.difference_low, row.difference_high, 2) if compared else NOTHING
        p = prose.p_cell(row.p) if compared else NOTHING
        counts, part = f"{row.events} of {row.n}", prose.part_name(row.part, row.kind)
        area = prose.interval(row.estimate, row.low, row.high)
        rows.append((prose.comparator_name(row.canary), row.endpoint, part, counts, area, lead, p))
    rows = rows or [("None", NOTHING, "no volume was measured, and training knows one center", *[NOTHING] * 4)]
    columns = [
        "Canary",
        "Endpoint",
        "Patients judged",
        "Events",
        "AUC (interval)",
        "Leading model higher by (interval)",
        "P",
    ]
    return pd.DataFrame(rows, columns=columns)


def recipe(table: pd.DataFrame) -> pd.DataFrame:
    """What would have been claimed after each step, on the true labels and, as a mean and range, on permuted ones."""
    rows = []
    for endpoint, here in table.groupby("endpoint", sort=False):
        for step, own in here.groupby("step", sort=False):
            true = own[own["labels"] == TRUE]
            null = own[own["labels"] == PERMUTED]
            values = [prose.number(float(true[c].iloc[0])) for c in ("auc", "accuracy", "sensitivity", "specificity")]
            rows.append((STEP_WORDS[str(step)], endpoint, *values, _ranged(null["auc"]), _mean(null["accuracy"])))
    columns = ["What was done", "Endpoint", "AUC", "Accuracy", "Sensitivity", "Specificity"]
    columns += ["Permuted labels: AUC, mean (range)", "Permuted labels: accuracy"]
    return _without_single_endpoint(pd.DataFrame(rows, columns=columns))


def _ranged(values: pd.Series) -> str:
    if values.empty:
        return NOTHING
    return f"{prose.number(values.mean())} ({prose.number(values.min())} to {prose.number(values.max())})"


def _mean(values: pd.Series) -> str:
    return prose.number(values.mean()) if len(values) else NOTHING


def openings(ledger: pd.DataFrame) -> pd.DataFrame:
    """Each opening and what differed from the one before."""
    rows = []
    for i, row in enumerate(ledger.itertuples(index=False)):
        before = ledger.iloc[i - 1] if i else None
        changed = [c for c in ledger if before is not None and before[c] != getattr(row, c)]
        prints = [getattr(row, c)[:FINGERPRINT] for c in ledger]
        rows.append((str(i + 1), "first opening" if before is None else f"other {prose.listing(changed)}", *prints))
    return pd.DataFrame(rows, columns=["Opening", "What had changed", "Parameters", "Code", "Inputs"])


def pairs(found: pd.DataFrame) -> pd.DataFrame:
    """How many pairs of different patients resemble each other, by kind and by the parts they stand in."""
    once = found.drop_duplicates(["case_a", "case_b", "kind"])
    named = [
        sorted({prose.part_name(str(p)) for p in parts}) for parts in zip(once["part_a"], once["part_b"], strict=True)
    ]
    counted = once.assign(parts=[prose.listing(parts) for parts in named]).groupby(["kind", "parts"], sort=True).size()
    rows = [(f"{kind[0].upper()}{kind[1:]}", parts, str(n)) for (kind, parts), n in counted.items()]
    rows = rows or [("None", "no two patients resemble each other more than patients do", "0")]
    return pd.DataFrame(rows, columns=["Kind", "Parts", "Pairs"])


def controls(table: pd.DataFrame | None) -> pd.DataFrame:
    """AUC of every model by what was done to the voxels."""
    rows = []
    for row in [] if table is None else table.itertuples():
        voxels = "as measured" if row.control == "original" else f"shuffled {row.control}"
        rows.append((prose.model_name(row.model), row.endpoint, voxels, prose.interval(row.auc, row.low, row.high)))
    rows = rows or [(NOTHING, NOTHING, "no images with shuffled voxels were measured", NOTHING)]
    return pd.DataFrame(rows, columns=["Model", "Endpoint", "Voxels", "AUC (interval)"])


def numbers(
    fitted: pd.DataFrame,
    cases: pd.DataFrame,
    null: pd.DataFrame,
    ledger: pd.DataFrame,
    *,
    models: Iterable[str],
    ours: str,
    parameters: Parameters,
) -> dict[str, Any]:
    """What prose and captions say of the gate's evidence.

    models: all of the report; ours: the one that the common recipe is set beside.
    """
    settings = parameters.integrity
    times = settings.permutations
    return {
        "ours": prose.model_after_the(ours),
        "objects": prose.count(fitted["object"].nunique(), "object"),
        "outside": prose.percent(_leaked(fitted, cases), len(fitted)),
        "fits": prose.count(len(fitted), "fit"),
        "permutations": prose.count(times, "permutation"),
        "smallest_p": prose.p_cell(1 / (times + 1)),
        "splits": prose.count(settings.splits, "split"),
        "openings": prose.count(len(ledger), "time"),
        "most_openings": "no number was set beforehand"
        if settings.openings is None
        else f"at most {settings.openings} were allowed",
        "null": _nothing(null),
        "rerun": _rerun(null, models),
    }


def claimed(wrong: pd.DataFrame) -> str:
    """The panel in a sentence, an endpoint."""
    told = []
    for endpoint, own in wrong[wrong["labels"] == TRUE].groupby("endpoint", sort=False):
        area = own.set_index("step")["auc"].astype(float)
        dealt = wrong[(wrong["endpoint"] == endpoint) & (wrong["labels"] == PERMUTED)]
        null = dealt.groupby("step")["auc"].mean()
        words = f"where ours reached an AUC of {prose.number(area[OURS])}, the recipe would have claimed {prose.number(area[BEST])}"
        if len(null):
            words += (
                f"; on permuted labels, where there is nothing to find, ours came to {prose.number(null[OURS])} and the recipe to "
                f"{prose.number(null[BEST])} on average"
            )
        told.append(words if wrong["endpoint"].nunique() == 1 else f"{endpoint}: {words}")
    return "; ".join(told) or "the study has no test part, which the recipe's splits need"


def steps(wrong: pd.DataFrame, *, splits: int) -> str:
    """The steps of the common recipe that were taken, in a row; all of them where there was no test part to take them on."""
    taken = [step for step in STEPS if wrong.empty or step in set(wrong["step"])]
    return prose.listing([*taken[:-1], f"the best of {prose.count(splits, 'split')} kept"])


def _rerun(null: pd.DataFrame, models: Iterable[str]) -> str:
    """What was fitted again, and how much of the report was not."""
    left = set(models) - set(null["model"])
    if not left:
        return "every model was fitted again, from imputation on"
    others = prose.count(len(left), "other model")
    return f"every model of the table was fitted again, from imputation on; not so {others} of the report, for the time it takes"


def _nothing(null: pd.DataFrame) -> str:
    dealt = null[null["permutation"] > 0]
    if dealt.empty:
        return "no labels were permuted"
    means = dealt.groupby(["endpoint", "model"])["auc"].mean()
    low, high = (prose.number(float(v)) for v in (means.min(), means.max()))
    return f"the mean AUC was {low}" if len(means) == 1 else f"the mean AUC was from {low} to {high}, by model"
