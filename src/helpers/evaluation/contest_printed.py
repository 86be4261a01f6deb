"""The contest for a reader: its tables, the sentences' numbers, and alternative texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation import order
from helpers.evaluation.by_endpoint import by_endpoint
from helpers.evaluation.families import BASELINE
from helpers.learning.contest import blocks
from helpers.learning.contest.grid import WINNER
from helpers.parameters import Parameters

ABSENT = "\N{EN DASH}"


@by_endpoint
def grid(table: pd.DataFrame) -> pd.DataFrame:
    """A contender a row, the winner marked: what it read and how it was tuned, its inner AUC, and its AUC by part."""
    parts = _parts(table)
    frozen = [part for part, kind in parts if kind == "frozen"]
    rows = []
    for (inputs, classifier), own in table.groupby(["inputs", "classifier"], sort=False):
        first, by_part = own.iloc[0], own.set_index("part")
        name = f"**{classifier}** (winner)" if first["chosen"] else classifier
        told = [prose.interval(*by_part.loc[part, ["estimate", "low", "high"]].astype(float)) for part, _ in parts]
        p = prose.p_cell(float(by_part.loc[frozen[0], "p_holm"])) if frozen and not first["chosen"] else ABSENT
        rows.append(
            (
                inputs,
                name,
                first["settings"],
                str(first["features"]),
                prose.number(first["inner_auc"]),
                *told,
                str(first["folds_won"]),
                p,
            )
        )
    heads = [f"{prose.part_name(part, kind)}: AUC (95 % interval)" for part, kind in parts]
    columns = [
        "Inputs",
        "Classifier",
        "Settings chosen",
        "Columns read",
        "Inner AUC",
        *heads,
        "Folds won",
        "P against the winner, Holm",
    ]
    return pd.DataFrame(rows, columns=columns)


@by_endpoint
def families(table: pd.DataFrame) -> pd.DataFrame:
    """A model or baseline a row: its AUC by part, and where frozen the leading model's lead over it."""
    parts = _parts(table[table["part"] != ""])
    frozen = [part for part, kind in parts if kind == "frozen"]
    rows = []
    for model, own in table.groupby("model", sort=False):
        name = prose.model_name(str(model))
        name = f"{name[:1].upper()}{name[1:]} (baseline)" if own["group"].iloc[0] == BASELINE else name
        by_part = own.set_index("part")
        told = [_area(by_part, part) for part, _ in parts]
        gaps = [cell for part in frozen for cell in _gap(by_part, part)]
        rows.append((name, *told, *gaps))
    heads = [f"{prose.part_name(part, kind)}: AUC (95 % interval)" for part, kind in parts]
    for part in frozen:
        heads += [f"{prose.part_name(part)}: leading model minus it", "P", "P, Holm"]
    return pd.DataFrame(rows, columns=["Model", *heads])


def _parts(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(table[["part", "kind"]].drop_duplicates().itertuples(index=False, name=None))


def _area(by_part: pd.DataFrame, part: str) -> str:
    if part not in by_part.index:
        note = str(by_part["note"].iloc[0])
        return note if note else ABSENT
    row = by_part.loc[part]
    words = prose.interval(float(row["estimate"]), float(row["low"]), float(row["high"]))
    return (
        words.replace(f" (interval {prose.NOT_ESTIMABLE})", " by definition")
        if "definition" in row["method"]
        else words
    )


def _gap(by_part: pd.DataFrame, part: str) -> tuple[str, str, str]:
    if part not in by_part.index or pd.isna(by_part.loc[part, "difference"]):
        return ABSENT, ABSENT, ABSENT
    row = by_part.loc[part]
    gap = prose.interval(*(float(row[name]) for name in ("difference", "difference_low", "difference_high")))
    return gap, prose.p_cell(float(row["p"])), prose.p_cell(float(row["p_holm"]))


def numbers(
    contest: pd.DataFrame, families: pd.DataFrame, rows: Any, notes: Sequence[str], *, parameters: Parameters
) -> dict[str, str]:
    """What numbers.yml holds under `contest`; `rows` is a table of features, for the columns each block starts from."""
    several = contest["endpoint"].nunique() > 1
    told = [_endpoint(own, families, several=several) for _, own in contest.groupby("endpoint", sort=False)]
    settings = parameters.contest
    return {
        "size": f"{len(settings.inputs) * len(settings.classifiers)} contenders ({len(settings.inputs)} inputs by "
        f"{prose.count(len(settings.classifiers), 'classifier')})",
        "produced": produced(list(rows), parameters),
        "inner": prose.count(settings.folds, "inner fold"),
        "winner": " ".join(each["winner"] for each in told),
        "stability": " ".join(each["stability"] for each in told),
        "picked": " ".join(each["picked"] for each in told if each["picked"]),
        "notes": " ".join(notes),
        "families": " ".join(_families(own) for _, own in families.groupby("endpoint", sort=False)),
        "alt_grid": alt_grid(contest),
        "alt_families": alt_families(families),
    }


def produced(names: Sequence[str], parameters: Parameters) -> str:
    """How many features each block has before any selection."""
    known = parameters.cohort.sequences
    counts = {block: len(blocks.of_block(names, block, sequences=known)) for block in blocks.named(parameters)}
    told = [f"{n:,} of {block}" for block, n in counts.items()]
    return prose.listing(told) or "none"


def _endpoint(own: pd.DataFrame, families: pd.DataFrame, *, several: bool) -> dict[str, str]:
    """Sentences on one endpoint: the winner's AUC is that of the model chosen anew in every fold."""
    endpoint = str(own["endpoint"].iloc[0])
    about = f" ({prose.variable(endpoint)})" if several else ""
    first = own[own["chosen"].astype(bool)].iloc[0]
    judged = families[(families["endpoint"] == endpoint) & (families["model"] == WINNER) & (families["part"] != "")]
    parts = [f"{_told(row)} {_where(row)}" for _, row in judged.iterrows()]
    winner = (
        f"By inner cross-validation alone, the winner{about} is the {_contender(first)} (inner AUC "
        f"{prose.number(first['inner_auc'])}, the highest of many and therefore too high). Chosen anew in every fold, the winner "
        f"reached {prose.listing(parts)}."
    )
    return {"winner": winner, "stability": _stability(own, about), "picked": _picked(own, about)}


def _contender(row: Mapping[str, Any]) -> str:
    return f"{row['classifier']} on {row['inputs']}"


def _told(row: Mapping[str, Any]) -> str:
    return f"an AUC of {prose.interval(float(row['estimate']), float(row['low']), float(row['high']))}"


def _where(row: Mapping[str, Any]) -> str:
    """ "in the test patients", "out of fold in the training patients"."""
    if row["kind"] == "oof":
        return "out of fold in the training patients"
    name = prose.part_name(row["part"])
    return f"in the {name[:1].lower()}{name[1:]} patients"


def _stability(own: pd.DataFrame, about: str) -> str:
    """In how many outer folds the same contender won."""
    first = own.drop_duplicates(["inputs", "classifier"])
    folds, winners = int(first["folds_won"].sum()), int((first["folds_won"] > 0).sum())
    again = int(first.loc[first["chosen"].astype(bool), "folds_won"].iloc[0])
    how = "the same contender won in all of them" if winners == 1 else f"{winners} different contenders won"
    return (
        f"In {folds} outer folds{about}, {how}; the one that won on all training patients won in {again}. A choice that moves "
        "from fold to fold says that many contenders are alike."
    )


def _picked(own: pd.DataFrame, about: str) -> str:
    """What picking the best by its test result would have claimed."""
    frozen = own[own["kind"] == "frozen"]
    if frozen.empty:
        return ""
    here = frozen[frozen["part"] == frozen["part"].iloc[0]]
    best, honest = here.loc[here["estimate"].idxmax()], here[here["chosen"].astype(bool)].iloc[0]
    if best["chosen"]:
        return f"No contender did better {_where(best)}{about}."
    return (
        f"Had the contender been picked by its result {_where(best)}{about}, the report would claim "
        f"{prose.number(best['estimate'])} ({_contender(best)}) instead of {prose.number(honest['estimate'])}: the best of "
        f"{len(here)} results in the same patients is too good, and is not reported as a finding."
    )


def _families(own: pd.DataFrame) -> str:
    """Which baselines the leading model is clearly above, in the first part that no model was fitted on."""
    frozen = own[own["kind"] == "frozen"]
    absent = [
        f"{row.model} was {row.note}" for row in own[own["part"] == ""].itertuples() if row.note.startswith("not")
    ]
    missing = f" {prose.listing(absent).capitalize()}." if absent else ""
    if frozen.empty:
        return f"No part is without fitting, so no model is tested against another.{missing}"
    here = frozen[frozen["part"] == frozen["part"].iloc[0]]
    tested = here[here["p"].notna()]
    if tested.empty:
        return f"There is nothing to compare the leading model with.{missing}"
    lead = prose.model_inline(order.lead(own[own["group"] != BASELINE]))
    clear = [
        prose.model_inline(str(m)) for m in tested.loc[(tested["p_holm"] < 0.05) & (tested["difference"] > 0), "model"]
    ]
    worse = [
        prose.model_inline(str(m)) for m in tested.loc[(tested["p_holm"] < 0.05) & (tested["difference"] < 0), "model"]
    ]
    told_where = _where(here.iloc[0])
    told = f"is clearly above {prose.listing(clear)}" if clear else "is not clearly above any other"
    turned = f" It is clearly below {prose.listing(worse)}." if worse else ""
    return (
        f"{told_where[:1].upper()}{told_where[1:]}, and after Holm's adjustment for all {prose.count(len(tested), 'comparison')}, the "
        f"leading model ({lead}) {told}.{turned}{missing}"
    )


def alt_grid(contest: pd.DataFrame) -> str:
    """The range over classifiers of every input's AUC by part, and the winner's."""
    told = []
    for (part, kind), own in contest.groupby(["part", "kind"], sort=False):
        of = [
            f"{inputs} {prose.number(here['estimate'].min())} to {prose.number(here['estimate'].max())}"
            for inputs, here in own.groupby("inputs", sort=False)
        ]
        winners = prose.listing(
            [f"{_contender(r)} {prose.number(r['estimate'])}" for _, r in own.iterrows() if r["chosen"]]
        )
        told.append(f"{prose.part_name(str(part), str(kind))}: {'; '.join(of)}; winner {winners}.")
    return f"Dots with 95 % intervals of the AUC of every contender; the range over classifiers by inputs. {' '.join(told)}"


def alt_families(families: pd.DataFrame) -> str:
    """AUC of every model and baseline by part."""
    told = []
    for (part, kind), own in families[families["part"] != ""].groupby(["part", "kind"], sort=False):
        of = "; ".join(
            f"{prose.model_inline(str(row.model))} {prose.interval(row.estimate, row.low, row.high)}"
            for row in own.itertuples()
        )
        told.append(f"{prose.part_name(str(part), str(kind))}: {of}.")
    return f"AUC of every model and of fitted baselines. {' '.join(told)}"
