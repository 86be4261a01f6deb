"""The report's tables that set things side by side: models, calls, risk categories, subgroups, sample sizes."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.evaluation import headline, order
from helpers.evaluation.by_endpoint import by_endpoint

NOTHING = "\N{EN DASH}"
SHOWN_FAMILIES = ("confirmatory", "exploratory", "operating point", "global", "between parts")


@by_endpoint
def comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Declared contrasts first; raw and Holm-adjusted P values side by side."""
    ordered = sorted(comparisons.itertuples(), key=lambda row: SHOWN_FAMILIES.index(row.family))
    columns = [
        "Part",
        "Contrast",
        "What is compared",
        "Difference (95 % interval)",
        "P",
        "P, Holm within family",
        "Family",
    ]
    rows = [_contrast(row) for row in ordered]
    return pd.DataFrame(
        rows or [("None", "there is one model, or no part without fitting", *[""] * 5)], columns=columns
    )


def _contrast(row) -> tuple[str, ...]:
    if row.family == "between parts":
        part, contrast = row.part, prose.model_name(row.model_a)
    else:
        part = prose.part_name(row.part)
        second = f" \N{MINUS SIGN} {prose.model_inline(row.model_b)}" if row.model_b else ""
        contrast = f"{prose.model_name(row.model_a) if row.model_b else 'All models'}{second}"
    what = row.test.removeprefix("difference in ")
    found = prose.interval(row.estimate, row.low, row.high)
    if row.family == "global":
        found = f"chi-square {prose.number(row.statistic)}, {row.df:.0f} df"
    return part, contrast, what, found, prose.p_cell(row.p), prose.p_cell(row.p_holm), row.family


@by_endpoint
def reclassification(table: pd.DataFrame) -> pd.DataFrame:
    """Events and non-events stand apart; nothing here is a headline. What is withheld is said once a pair."""
    rows = []
    for (part, a, b), here in table.groupby(["part", "model_a", "model_b"], sort=False):
        who = prose.part_name(part), f"{prose.model_name(a)} over {prose.model_inline(b)}"
        reason = here["method"].iloc[0]
        if reason.startswith("withheld"):
            rows.append((*who, reason, *[NOTHING] * 4))
            continue
        rows += [
            (
                *who, row.measure, prose.number(row.events), prose.number(row.nonevents),
                prose.interval(row.estimate, row.low, row.high), row.method.partition(", variance")[0],
            )
            for row in here.itertuples()
        ]  # fmt: skip
    columns = ["Part", "Models", "Measure", "Events", "Non-events", "Sum (95 % interval)", "Interval"]
    return pd.DataFrame(rows or [("None", "no pair of models was declared", *[""] * 5)], columns=columns)


@by_endpoint
def reclassification_table(table: pd.DataFrame) -> pd.DataFrame:
    """Patients by old category (rows) and new category (columns), events and non-events apart."""
    rows, widest = [], int(table["new"].max()) + 1 if len(table) else 0
    for (part, a, b, outcome), here in table.groupby(["part", "model_a", "model_b", "outcome"], sort=False):
        new_ranges = ", ".join(here.drop_duplicates("new").sort_values("new")["new_range"])
        models = f"{prose.model_name(a)} (columns: {new_ranges}) over {prose.model_inline(b)} (rows)"
        who = f"**{prose.part_name(part)}, {outcome.replace('none', 'non-e')}: {models}**"
        rows.append((who, *[""] * (widest + 1)))
        for old, of_old in here.groupby("old"):
            counts = of_old.sort_values("new")["count"].tolist()
            moved = 1 - counts[old] / sum(counts) if sum(counts) else 0.0
            rows.append((of_old["old_range"].iloc[0], *map(str, counts), f"{100 * moved:.0f} %"))
    columns = ["Risk under the old model", *(f"New category {i + 1}" for i in range(widest)), "Moved"]
    return pd.DataFrame(rows or [("No threshold or risk category to move between", "")], columns=columns)


@by_endpoint
def subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """AUC, calibration-in-the-large and slope by subgroup; too small ones are said to be suppressed."""
    rows = []
    for (part, kind, variable, level), here in table.groupby(["part", "kind", "variable", "level"], sort=False):
        cells, first = here.set_index("metric"), here.iloc[0]
        names = ("auc", "calibration_in_the_large", "calibration_slope")
        values = [_subgroup_cell(cells, name, bool(first["suppressed"])) for name in names]
        who = f"{prose.variable(str(variable))}: {level}" if level else prose.variable(str(variable))
        rows.append((prose.part_name(part, kind), who, f"{first['events']} of {first['n']}", *values))
    columns = ["Part", "Subgroup", "Events of patients", "AUC", "Calibration-in-the-large", "Calibration slope"]
    return pd.DataFrame(rows, columns=columns)


def _subgroup_cell(cells: pd.DataFrame, metric: str, suppressed: bool) -> str:
    if metric not in cells.index:
        return NOTHING
    return "suppressed" if suppressed else prose.interval(*cells.loc[metric, ["estimate", "low", "high"]])


@by_endpoint
def strata(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model, the leading one first, one column a stratum, in the part that is judged; above them events of patients."""
    here = headline.judged(table)
    here = table[(table["part"] == here["part"].iloc[0]) & table["kind"].isin([here["kind"].iloc[0], "unfitted"])]
    names = {
        (variable, level): f"{prose.variable(str(variable))}: {level}" if level else prose.variable(str(variable))
        for variable, level in here[["variable", "level"]].drop_duplicates().itertuples(index=False)
    }
    rows = [("Events of patients", *(_stratum_counts(here, *key) for key in names))]
    for unfitted, own in here.groupby(here["kind"] == "unfitted"):
        for model in order.models(own):
            cells = own[own["model"] == model].set_index(["variable", "level"])
            words = f"{prose.comparator_name(model)}, not fitted" if unfitted else prose.model_name(model)
            rows.append((words, *(_stratum_cell(cells, key) for key in names)))
    return pd.DataFrame(rows, columns=["Model", *names.values()])


def _stratum_counts(here: pd.DataFrame, variable: str, level: str) -> str:
    own = here[(here["variable"] == variable) & (here["level"] == level) & (here["kind"] != "unfitted")].iloc[0]
    return f"{own['events']} of {own['n']}"


def _stratum_cell(cells: pd.DataFrame, key: tuple[str, str]) -> str:
    if key not in cells.index:
        return NOTHING
    row = cells.loc[key]
    if row["note"].startswith("not judged"):
        return "one outcome only" if row["note"].startswith("not judged: all") else "too few"
    if "does not vary" in row["note"]:
        return f"{prose.number(row['estimate'])} (does not vary)"
    return prose.interval(row["estimate"], row["low"], row["high"])


@by_endpoint
def subgroup_tests(table: pd.DataFrame) -> pd.DataFrame:
    """Difference in AUC between subgroups, with the Holm-adjusted P of all that were tested."""
    rows = [
        (
            prose.part_name(r.part), prose.variable(str(r.variable)), f"{r.level_a} \N{MINUS SIGN} {r.level_b}",
            prose.interval(r.estimate, r.low, r.high), prose.p_cell(r.p), prose.p_cell(r.p_holm),
        )
        for r in table.itertuples()
    ]  # fmt: skip
    columns = ["Part", "Variable", "Levels", "Difference in AUC (95 % interval)", "P", "P, Holm"]
    return pd.DataFrame(rows or [("None", "no two subgroups had enough events", *[""] * 4)], columns=columns)


@by_endpoint
def sample_size(table: pd.DataFrame) -> pd.DataFrame:
    """What each criterion asks for beside what the study has."""
    rows = [(r.purpose.capitalize(), r.criterion, r.needed, r.available, r.note) for r in table.itertuples()]
    return pd.DataFrame(rows, columns=["Purpose", "Criterion", "Needed", "This study has", "Remark"])
