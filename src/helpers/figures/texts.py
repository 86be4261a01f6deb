"""Alternative texts: what each figure shows, in words and with its numbers, for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.figures import grid, names, theme
from helpers.figures.calibration import METRICS
from helpers.figures.montage import Panel, dice

WORDS = {
    "calibration_in_the_large": "calibration in the large",
    "calibration_slope": "slope",
    "ici": "ICI",
    "brier": "Brier score",
}


def alt_roc(scores: pd.DataFrame) -> str:
    """AUC with interval of every model in every part."""
    sentences = []
    for cell in grid.cells(scores):
        own = cell.of(scores)
        aucs = own[own["metric"] == "auc"].drop_duplicates("model").set_index("model")
        values = [f"{_label(m)} {_interval(aucs.loc[m])}" for m in names.models(aucs.index)]
        if values:
            sentences.append(f"{_where(cell, own, scores)}: {prose.listing(values)}.")
    return _sentence("ROC curves; AUC with 95 % confidence interval.", sentences)


def alt_calibration(scores: pd.DataFrame, *, model: str = "nomogram") -> str:
    """The four calibration metrics of one model in every part."""
    sentences = []
    for cell in grid.cells(scores):
        own = cell.of(scores)
        own = own[own["model"] == model].drop_duplicates("metric").set_index("metric")
        values = [f"{WORDS[m]} {_interval(own.loc[m])}" for m in METRICS if m in own.index]
        if values:
            sentences.append(f"{_where(cell, own, scores)}: {prose.listing(values)}.")
    return _sentence(f"Calibration curve of the {_label(model)} against the ideal diagonal.", sentences)


def alt_risk(predictions: pd.DataFrame, *, model: str = "nomogram") -> str:
    """Median predicted risk by outcome in every part."""
    own = predictions[predictions["model"] == model]
    sentences = []
    for cell in grid.cells(own):
        rows = cell.of(own)
        medians = rows.groupby("truth")["probability"].median()
        with_event, without = (prose.number(float(medians.get(v, np.nan))) for v in (1, 0))
        counts = names.patients(len(rows), rows["truth"].sum())
        several = own["endpoint"].nunique() > 1
        where = f"{names.endpoint(cell.endpoint)}, " if several else ""
        part = names.part(cell.part, cell.kind)
        sentences.append(f"{where}{part} ({counts}): median {with_event} with the event and {without} without.")
    return _sentence(f"Predicted risk of the {_label(model)} by outcome.", sentences)


def alt_decision(decision: pd.DataFrame, *, model: str = "nomogram", part: str | None = None) -> str:
    """Where the model's net benefit exceeds both policies without a model, and its value mid-range."""
    sentences = []
    part = part or grid.judged(decision)
    for cell in grid.cells(decision, parts=[part]):
        own = cell.of(decision)
        own = own[own["model"] == model].sort_values("threshold")
        if own.empty:
            continue
        best = own[own["net_benefit"] > np.maximum(own["treat_all"], 0)]
        middle = own.iloc[len(own) // 2]
        place, benefit = prose.number(middle["threshold"]), prose.number(middle["net_benefit"], 3)
        share = f"at {len(best)} of {len(own)} thresholds"
        low, high = (prose.number(v) for v in (own["threshold"].min(), own["threshold"].max()))
        where = f"{names.endpoint(cell.endpoint)}: " if decision["endpoint"].nunique() > 1 else ""
        sentences.append(
            f"{where}net benefit above treating all and treating none {share} from {low} to {high}; {benefit} at {place}."
        )
    return _sentence(f"Decision curve of the {_label(model)}, {names.part(part).lower()}.", sentences)


def alt_nomogram(nomogram: pd.DataFrame) -> str:
    """Predictors with their odds ratios."""
    sentences = []
    for endpoint, rows in nomogram.groupby("endpoint", sort=False):
        terms = rows[(rows["term"] != "(intercept)") & rows["low"].notna()]
        values = [
            f"{str(r['term']).replace('_', ' ')} {prose.interval(r['odds_ratio'], r['low'], r['high'])}"
            for _, r in terms.iterrows()
        ]
        where = f"{names.endpoint(str(endpoint))}: " if nomogram["endpoint"].nunique() > 1 else ""
        sentences.append(f"{where}odds ratio per unit, {prose.listing(values)}." if values else f"{where}no predictor.")
    return _sentence("Nomogram: a ruler of points for each predictor, total points, and the risk.", sentences)


def alt_panels(
    scores: pd.DataFrame,
    decision: pd.DataFrame,
    *,
    model: str = "nomogram",
    part: str | None = None,
) -> str:
    """The first screen's figures: AUC, calibration, net benefit."""
    part = part or grid.judged(scores)
    here = scores[scores["part"] == part]
    texts = [
        alt_roc(here),
        alt_calibration(here, model=model),
        alt_decision(decision, model=model, part=part),
    ]
    return " ".join(texts)


def alt_segmentation(panels: Sequence[Panel]) -> str:
    """Which images, whose contours, and their Dice."""
    sentences = []
    for title, _, masks, _ in panels:
        who = prose.listing([names.reader(reader) for reader, _ in masks])
        overlap = f", Dice {prose.number(dice(masks[0][1], masks[1][1]))}" if len(masks) == 2 else ""
        sentences.append(f"{title.replace('_', ' ')}: {who}{overlap}.")
    return _sentence("Axial slices with the contours of the lesion and a scale bar of 20 mm.", sentences)


def alt_flow(
    cases: pd.DataFrame,
    exclusions: pd.DataFrame,
    *,
    endpoints: Sequence[Any] = (),
    enrolled: int | None = None,
) -> str:
    """Numbers screened, excluded by reason, included, and in each part with events."""
    included = cases[~cases["case"].isin(exclusions["case"])]
    screened = enrolled if enrolled is not None else len(set(cases["case"]) | set(exclusions["case"]))
    reasons = [f"{reason} ({n})" for reason, n in exclusions["reason"].value_counts(sort=True).items()]
    parts = []
    for part in sorted(included["part"].dropna().unique(), key=grid.part_order):
        rows = included[included["part"] == part]
        events = [f"{int(rows[e.name].sum())} with {e.positive}{_unknown(rows[e.name])}" for e in endpoints]
        parts.append(f"{names.part(part)} {len(rows)}{' (' + prose.listing(events) + ')' if events else ''}")
    out = f" {exclusions['case'].nunique()} excluded: {prose.listing(reasons)}." if reasons else ""
    return f"Participant flow. {screened} screened.{out} {len(included)} included: {prose.listing(parts)}."


def _unknown(labels: pd.Series) -> str:
    return f", unknown in {int(labels.isna().sum())}," if labels.isna().any() else ""


def alt_reproducibility(reproducibility: pd.DataFrame, *, threshold: float) -> str:
    """How many features pass the gate, by signature."""
    sentences = [
        f"{_group(key, reproducibility)}: {prose.percent(int(own['kept'].sum()), len(own))} kept."
        for key, own in reproducibility.groupby(["endpoint", "signature"], sort=False)
    ]
    return _sentence(f"Histogram of the ICC of every feature, gate at {prose.number(threshold)}.", sentences)


def alt_funnel(funnel: pd.DataFrame) -> str:
    """Features left after each step, by signature."""
    sentences = []
    for key, own in funnel.groupby(["endpoint", "signature"], sort=False):
        steps = [f"{step} {n:,.0f}" for step, n in zip(own["step"], own["features"], strict=True)]
        sentences.append(f"{_group(key, funnel)}: {', '.join(steps)}.")
    return _sentence("Features left after each step of selection.", sentences)


def alt_lasso(lasso: pd.DataFrame) -> str:
    """The chosen lambda, its deviance and its features, by signature."""
    sentences = []
    for key, own in lasso.groupby(["endpoint", "signature"], sort=False):
        for _, row in own[own["chosen"].astype(bool)].iterrows():
            value = f"deviance {prose.number(row['deviance'])}, {prose.count(int(row['nonzero']), 'feature')}"
            sentences.append(f"{_group(key, lasso)}: lambda {prose.number(row['lambda'], 4)}, {value}.")
    return _sentence("Cross-validated deviance and coefficient paths of the LASSO.", sentences)


def alt_coefficients(selected: pd.DataFrame) -> str:
    """Every selected feature with its coefficient."""
    if selected.empty:
        return "No feature was selected."
    sentences = []
    for key, own in selected.groupby(["endpoint", "signature"], sort=False):
        values = [
            f"{names.feature(f)} {prose.number(c)}" for f, c in zip(own["feature"], own["coefficient"], strict=True)
        ]
        sentences.append(f"{_group(key, selected)}: {', '.join(values)}.")
    return _sentence("Coefficients of the selected features, log odds per standard deviation.", sentences)


def _label(model: str) -> str:
    label = str(theme.model_style(model)["label"])
    return label.lower() if model in theme.MODELS else label


def _interval(row: pd.Series) -> str:
    return prose.interval(*(float(row[c]) for c in ("estimate", "low", "high")))


def _where(cell: grid.Cell, own: pd.DataFrame, scores: pd.DataFrame) -> str:
    endpoint = f"{names.endpoint(cell.endpoint)}, " if scores["endpoint"].nunique() > 1 else ""
    n, events = own[["n", "events"]].astype(float).max()
    return f"{endpoint}{names.part(cell.part, cell.kind)} ({names.patients(n, events)})"


def _group(key: tuple[str, str], frame: pd.DataFrame) -> str:
    endpoint = f"{names.endpoint(key[0])}, " if frame["endpoint"].nunique() > 1 else ""
    return f"{endpoint}{names.signature(key[1])}"


def _cell(table: pd.DataFrame, row: str, column: str) -> float:
    return float(table.loc[row, column]) if column in table else float("nan")


def _sentence(first: str, rest: Sequence[str]) -> str:
    return " ".join([first, *(text[:1].upper() + text[1:] for text in rest)])


def alt_selection(tables: Mapping[str, pd.DataFrame], *, threshold: float) -> dict[str, str]:
    """Alternative texts of the figures of selection, by key of numbers.yml."""
    return {
        "alt_reproducibility": alt_reproducibility(tables["reproducibility"], threshold=threshold),
        "alt_funnel": alt_funnel(tables["funnel"]),
        "alt_lasso": alt_lasso(tables["lasso"]),
        "alt_coefficients": alt_coefficients(tables["selected"]),
    }
