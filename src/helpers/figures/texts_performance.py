"""Alternative texts of the figures of performance: what each shows, in words and with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from helpers import prose
from helpers.figures import discrimination, grid, names
from helpers.figures.comparisons import FAMILIES
from helpers.figures.decision import strategy
from helpers.figures.texts import WORDS
from helpers.statistics.intervals import proportion

LIMITS = ["estimate", "low", "high"]


def alt_recalibrated(recalibration: pd.DataFrame, *, model: str = "nomogram", part: str | None = None) -> str:
    """The four calibration metrics of one model, as given and recalibrated."""
    own = recalibration[recalibration["model"] == model]
    sentences = []
    for where, here in _places(own, part):
        for later, version in ((False, "as given"), (True, "recalibrated")):
            rows = here[(here["version"] == "recalibrated") == later].drop_duplicates("metric").set_index("metric")
            values = [f"{words} {_value(rows.loc[m])}" for m, words in WORDS.items() if m in rows.index]
            if values:
                sentences.append(f"{where}, {version}: {prose.listing(values)}.")
    return _text(f"Calibration of the {strategy(model)} before and after recalibration in training.", sentences)


def alt_interventions(decision: pd.DataFrame, *, model: str = "nomogram", part: str | None = None) -> str:
    """Interventions avoided per 100 patients at the ends and the middle of the range of thresholds."""
    sentences = []
    for where, here in _places(decision[decision["model"] == model], part):
        rows = here.sort_values("threshold", kind="stable")
        picked = rows.iloc[sorted({0, len(rows) // 2, len(rows) - 1})]
        columns = ["interventions_avoided", "avoided_low", "avoided_high"]
        values = [
            f"{prose.interval(*row[columns].astype(float), digits=0)} at {prose.number(row['threshold'])}"
            for _, row in picked.iterrows()
        ]
        sentences.append(f"{where}: {prose.listing(values)}.")
    return _text(f"Interventions avoided per 100 patients by the {strategy(model)}, against treating all.", sentences)


def alt_differences_nb(decision_differences: pd.DataFrame, *, model: str = "nomogram", part: str | None = None) -> str:
    """Where the interval of the difference in net benefit lies above or below 0, and the difference mid-range."""
    own = decision_differences[decision_differences["model_a"] == model]
    sentences = []
    for where, here in _places(own, part):
        for other, rows in here.groupby("model_b", sort=False):
            rows = rows.sort_values("threshold", kind="stable")
            middle = rows.iloc[len(rows) // 2]
            value = prose.interval(*middle[["difference", "low", "high"]].astype(float), digits=3)
            above, below = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
            sentences.append(
                f"{where}, against {strategy(str(other))}: {value} at {prose.number(middle['threshold'])}; interval above 0 "
                f"at {above} and below 0 at {below} of {len(rows)} thresholds."
            )
    return _text(f"Net benefit of the {strategy(model)} minus that of other strategies.", sentences)


def alt_classification(predictions: pd.DataFrame, thresholds: pd.DataFrame, *, model: str = "nomogram") -> str:
    """Sensitivity and specificity at the frozen threshold in every part."""
    own = predictions[predictions["model"] == model]
    sentences = []
    for cell in grid.cells(own):
        rows, cut = cell.of(own), discrimination.frozen(thresholds, cell.endpoint, model)
        several = f"{names.endpoint(cell.endpoint)}, " if own["endpoint"].nunique() > 1 else ""
        counts = names.patients(len(rows), rows["truth"].sum())
        told = "no frozen threshold" if cut is None else _at(rows, cut)
        sentences.append(f"{several}{names.part(cell.part, cell.kind)} ({counts}): {told}.")
    return _text(f"Sensitivity and specificity of the {strategy(model)} at every threshold.", sentences)


def _at(rows: pd.DataFrame, cut: float) -> str:
    right = (rows["probability"] >= cut) == (rows["truth"] == 1)
    values = []
    for name, outcome in (("sensitivity", 1), ("specificity", 0)):
        own = right[rows["truth"] == outcome]
        found = proportion(int(own.sum()), len(own))
        values.append(f"{name} {prose.interval(found.estimate, found.low, found.high)}")
    return f"{prose.listing(values)} at the threshold {prose.number(cut)}"


def alt_confusion(scores: pd.DataFrame, *, part: str | None = None) -> str:
    """Counts of the 2 x 2 table of every model."""
    counted = scores[scores["metric"].isin(["tp", "fn", "fp", "tn"]) & scores["estimate"].notna()]
    sentences = []
    for where, here in _places(counted, part):
        table = here.pivot_table(index="model", columns="metric", values="estimate", aggfunc="first").astype(int)
        for model in names.models(here["model"]):
            tp, fn, fp, tn = (int(table.loc[model, c]) for c in ("tp", "fn", "fp", "tn"))
            sentences.append(
                f"{where}, {strategy(model)}: {tp} of {tp + fn} with the event at high risk, {tn} of {tn + fp} without it "
                "at low risk."
            )
    return _text("Two-by-two tables at the frozen thresholds.", sentences)


def alt_matrix(comparisons: pd.DataFrame, *, part: str | None = None) -> str:
    """Every difference in AUC with its interval, P and Holm-adjusted P."""
    own = comparisons[comparisons["family"].isin(FAMILIES)]
    sentences = []
    for where, here in _places(own, part):
        values = [
            f"{strategy(r['model_a'])} minus {strategy(r['model_b'])} {prose.interval(*r[LIMITS].astype(float))}, "
            f"{prose.p_value(r['p'])}, Holm {prose.p_cell(r['p_holm'])}"
            for _, r in here.iterrows()
        ]
        sentences.append(f"{where}: {'; '.join(values)}.")
    return _text("Differences in AUC between models.", sentences)


def alt_performance(
    tables: Mapping[str, pd.DataFrame], predictions: pd.DataFrame, thresholds: pd.DataFrame, *, model: str
) -> dict[str, str]:
    """All of these by key of numbers.yml; tables `recalibration`, `decision`, `decision_differences`, `scores`, `comparisons`."""
    return {
        "alt_recalibrated": alt_recalibrated(tables["recalibration"], model=model),
        "alt_interventions": alt_interventions(tables["decision"], model=model),
        "alt_differences_nb": alt_differences_nb(tables["decision_differences"], model=model),
        "alt_classification": alt_classification(predictions, thresholds, model=model),
        "alt_confusion": alt_confusion(tables["scores"]),
        "alt_matrix": alt_matrix(tables["comparisons"]),
    }


def _places(table: pd.DataFrame, part: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Words for endpoint and part, and their rows; by default the part on which models are judged."""
    here = table[table["part"] == (part or grid.judged(table))]
    for endpoint, rows in here.groupby("endpoint", sort=False):
        several = f"{names.endpoint(str(endpoint))}, " if table["endpoint"].nunique() > 1 else ""
        yield f"{several}{names.part(str(rows['part'].iloc[0])).lower()}", rows


def _value(row: pd.Series) -> str:
    estimate, low, high = row[LIMITS].astype(float)
    return prose.interval(estimate, low, high) if np.isfinite(low) else prose.number(estimate)


def _text(first: str, rest: list[str]) -> str:
    return " ".join([first, *(text[:1].upper() + text[1:] for text in rest)])
