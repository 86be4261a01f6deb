"""Table 1: who the patients are, by part and outcome, with standardized differences rather than P values."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.cohort import labels
from helpers.cohort.clinical import in_words, is_numeric, standardized_difference
from helpers.parameters import Endpoint

CATEGORIES = 6  # a stratum with no more values than this is printed level by level, whatever its column holds


def table_one(
    cases: pd.DataFrame, *, endpoint: Endpoint, clinical: tuple[str, ...], strata: tuple[str, ...] = ()
) -> pd.DataFrame:
    """One row a variable or level, one column a part x outcome, and the difference of outcomes within each part.

    Numeric variables as median (quartiles), categorical ones as n (%), always beside the number missing. Patients whose
    outcome is not known are in no column.
    """
    cases = labels.known(cases, endpoint.name)
    cases = cases.assign(**{name: in_words(cases[name]) for name in strata if cases[name].nunique() <= CATEGORIES})
    groups = {part: cases[cases["part"] == part] for part in _parts(cases)}
    rows = [["Patients", "", *_counts(groups, endpoint)], ["Center", "", *[""] * (3 * len(groups))]]
    for center in sorted(cases["center"].unique()):
        rows.append(["", center, *_across(groups, endpoint, lambda g, c=center: _share(g["center"] == c), "")])
    for name in (*clinical, *strata):
        rows += (
            _numeric(groups, endpoint, name) if is_numeric(cases[name]) else _categorical(groups, endpoint, name, cases)
        )
        if cases[name].isna().any():
            rows.append(["", "missing", *_across(groups, endpoint, lambda g, n=name: str(int(g[n].isna().sum())), "")])
    return pd.DataFrame(rows, columns=_header(groups, endpoint))


def _parts(cases: pd.DataFrame) -> list[str]:
    order = {"train": 0, "test": 1}
    return sorted(cases["part"].unique(), key=lambda part: (order.get(part, 2), part))


def _header(groups: dict[str, pd.DataFrame], endpoint: Endpoint) -> list[str]:
    columns = ["Variable", "Level"]
    for part in groups:
        name = prose.part_name(part)
        columns += [f"{name}: {endpoint.negative}", f"{name}: {endpoint.positive}", f"{name}: SMD"]
    return columns


def _across(groups: dict[str, pd.DataFrame], endpoint: Endpoint, cell, difference: str) -> list[str]:
    cells = []
    for group in groups.values():
        cells += [cell(group[group[endpoint.name] == 0]), cell(group[group[endpoint.name] == 1]), difference]
    return cells


def _counts(groups: dict[str, pd.DataFrame], endpoint: Endpoint) -> list[str]:
    return _across(groups, endpoint, lambda group: str(len(group)), "")


def _numeric(groups: dict[str, pd.DataFrame], endpoint: Endpoint, name: str) -> list[list[str]]:
    cells = _across(groups, endpoint, lambda g: _quartiles(g[name]), "")
    return [[prose.variable(name), "median (quartiles)", *_with_differences(cells, groups, endpoint, name)]]


def _categorical(
    groups: dict[str, pd.DataFrame], endpoint: Endpoint, name: str, cases: pd.DataFrame
) -> list[list[str]]:
    blank = [""] * (3 * len(groups))
    rows = [[prose.variable(name), "", *_with_differences(blank, groups, endpoint, name)]]
    for level in sorted(cases[name].dropna().unique()):
        rows.append(["", str(level), *_across(groups, endpoint, lambda g, v=level: _share(g[name].dropna() == v), "")])
    return rows


def _with_differences(cells: list[str], groups: dict[str, pd.DataFrame], endpoint: Endpoint, name: str) -> list[str]:
    filled = list(cells)
    for position, group in enumerate(groups.values()):
        by = [group.loc[group[endpoint.name] == value, name] for value in (0, 1)]
        filled[3 * position + 2] = prose.number(standardized_difference(*by))
    return filled


def _quartiles(values: pd.Series) -> str:
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    digits = 0 if values.abs().max() >= 20 else 1
    return f"{prose.number(middle, digits)} ({prose.number(low, digits)} to {prose.number(high, digits)})"


def _share(mask: pd.Series) -> str:
    return f"{int(mask.sum())} ({100 * mask.mean():.0f} %)" if len(mask) else "0"
