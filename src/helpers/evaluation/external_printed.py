"""External cohorts for a reader: who they are, what the frozen models reach there, and what an update would change."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation import metrics, order
from helpers.evaluation.by_endpoint import by_endpoint
from helpers.evaluation.external import VERSIONS

ABSENT = "\N{EN DASH}"
SHOWN = ("calibration_in_the_large", "calibration_slope", "observed_expected", "ici", "brier")
OWN = ("update_intercept", "update_slope")
AS_FROZEN, *UPDATED = VERSIONS.values()
NO_COHORT = "No patients came from another file or center."


@by_endpoint
def discrimination(scores: pd.DataFrame) -> pd.DataFrame:
    """AUC of every fitted model, one row a model, one column a part: training (out of fold), test, external."""
    areas = scores[(scores["metric"] == "auc") & scores["kind"].isin(["oof", "frozen"])]
    parts = list(dict.fromkeys(zip(areas["part"], areas["kind"], strict=True)))
    rows = []
    for model in order.models(areas):
        own = areas[areas["model"] == model].set_index(["part", "kind"])
        cells = [
            prose.interval(*own.loc[at, ["estimate", "low", "high"]]) if at in own.index else ABSENT for at in parts
        ]
        rows.append([prose.model_name(model), *cells])
    sizes = areas.groupby(["part", "kind"], sort=False)[["n", "events"]].max()
    heads = [f"{prose.part_name(*at)}, {sizes.loc[at, 'events']} of {sizes.loc[at, 'n']}" for at in parts]
    return pd.DataFrame(rows, columns=["Model", *heads])


@by_endpoint
def updates(table: pd.DataFrame) -> pd.DataFrame:
    """One row a part, model and version: calibration as frozen, and after an update cross-fitted within the cohort."""
    rows = []
    for (part, model, version), here in _leading_first(table).groupby(["part", "model", "version"], sort=False):
        cells = here.set_index("metric")
        values = [_cell(cells, name) for name in SHOWN]
        rows.append([prose.part_name(part), prose.model_name(model), version[0].upper() + version[1:], *values])
    return pd.DataFrame(rows, columns=["Part", "Model", "Version", *(metrics.METRICS[m] for m in SHOWN)])


@by_endpoint
def tests(tests: pd.DataFrame, update: pd.DataFrame) -> pd.DataFrame:
    """One row a part and model: the coefficients an update would have, the closed test, and the version it leaves."""
    rows = []
    for row in _leading_first(tests).itertuples():
        own = update[(update["part"] == row.part) & (update["model"] == row.model)]
        both = own[(own["endpoint"] == row.endpoint) & (own["version"] == UPDATED[-1])].set_index("metric")
        rows.append(
            [
                prose.part_name(row.part), prose.model_name(row.model), *(_cell(both, name) for name in OWN),
                f"{prose.number(row.joint)}, {prose.p_value(row.joint_p)}", f"{prose.number(row.slope)}, {prose.p_value(row.slope_p)}",
                row.suggested or prose.NOT_ESTIMABLE,
            ]
        )  # fmt: skip
    columns = ["Part", "Model", "Intercept", "Slope", "Both, chi-square", "Slope alone, chi-square", "Least that holds"]
    return pd.DataFrame(rows, columns=columns)


def _leading_first(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by part, within it the leading model first, else as they stand."""
    parts = list(dict.fromkeys(table["part"]))
    place = {model: i for i, model in enumerate(order.models(table))} if len(table) else {}
    key = table["part"].map(parts.index) * len(place) + table["model"].map(place)
    return table.loc[key.sort_values(kind="stable").index]


def _cell(cells: pd.DataFrame, metric: str) -> str:
    return prose.interval(*cells.loc[metric, ["estimate", "low", "high"]]) if metric in cells.index else ABSENT


def numbers(
    scores: pd.DataFrame, update: pd.DataFrame, tests: pd.DataFrame, *, lead: str, level: float
) -> dict[str, Any]:
    """What prose says of external cohorts; with `absent` where there is none, and then the section is left out."""
    outside = scores[scores["part"].str.startswith("external:") & (scores["kind"] == "frozen")]
    level_words = f"{100 * (1 - level):g}"
    if outside.empty:
        words = dict.fromkeys(("cohorts", "lead", "lead_lower", "answer"), "none")
        return {"absent": NO_COHORT, "level": level_words, **words}
    own = outside[(outside["model"] == lead) & (outside["metric"] == "auc")]
    cohorts = [
        f"{part.partition(':')[2]} ({prose.count(int(of['n'].max()), 'patient')}, {int(of['events'].max())} with the endpoint)"
        for part, of in own.groupby("part", sort=False)
    ]
    told = [_sentence(row, update, tests, several=scores["endpoint"].nunique() > 1) for row in own.itertuples()]
    return {
        "cohorts": prose.listing(cohorts),
        "lead": prose.model_name(lead),
        "lead_lower": prose.model_inline(lead),
        "answer": " ".join(told),
        "level": level_words,
    }


def _sentence(row: Any, update: pd.DataFrame, tests: pd.DataFrame, *, several: bool) -> str:
    """How the leading model ranks in one cohort, whether its risks are right there, and what an update would do."""
    where = f"{row.part.partition(':')[2]}{f', {row.endpoint}' if several else ''}"
    text = f"In {where}, the {prose.model_inline(row.model)} has an AUC of {prose.interval(row.estimate, row.low, row.high)}."
    same = (tests["endpoint"] == row.endpoint) & (tests["model"] == row.model) & (tests["part"] == row.part)
    if not same.any():
        return f"{text} Its values are no probabilities, so that nothing can be said of its risks."
    suggested = tests.loc[same, "suggested"].iloc[0]
    mine = (update["endpoint"] == row.endpoint) & (update["model"] == row.model) & (update["part"] == row.part)
    errors = update[mine & (update["metric"] == "ici")].set_index("version")["estimate"].astype(float)
    if AS_FROZEN not in errors.index:
        return f"{text} It tells everyone the same risk there, and so ranks nobody."
    off = f"its risks as frozen are {100 * errors[AS_FROZEN]:.0f} percentage points off on average"
    if suggested == AS_FROZEN:
        return (
            f"{text} There, {off}, and the patients there do not call for moving them ({_joint(tests[same].iloc[0])})."
        )
    if suggested not in errors.index:
        return f"{text} There, {off}; what an update would do cannot be estimated."
    after = f"with {_update_words(suggested)} learned in that cohort they would be {100 * errors[suggested]:.0f}"
    return f"{text} There, {off}; {after}, which is then another model, to be tested in turn."


def _update_words(version: str) -> str:
    return "an intercept" if version == UPDATED[0] else "an intercept and a slope"


def _joint(row: pd.Series) -> str:
    return f"{prose.p_value(row['joint_p'])} for intercept and slope together"
