"""Alternative texts of the figures of training: where each network stopped, and how far seeds moved its AUC."""

from __future__ import annotations

import pandas as pd

from helpers import prose
from helpers.figures import names
from helpers.figures.training import ALL_SEEDS, together


def alt_learning(training: pd.DataFrame) -> str:
    """Median loss at the start and where training stopped, and the epoch whose weights were kept, by network."""
    if training.empty:
        return "No network was trained."
    sentences = ["Loss by epoch."]
    for model, own in training.groupby("model", sort=False):
        inner = own[own["part"] == "inner"]
        first = inner.loc[inner["epoch"] == inner["epoch"].min(), "loss"].median()
        kept = inner[inner["kept"].fillna(False).astype(bool)]
        epochs = f"epochs {kept['epoch'].min():.0f} to {kept['epoch'].max():.0f}" if len(kept) else "no epoch"
        sentences.append(
            f"{model}: median loss of the inner patients {prose.number(first)} at first and "
            f"{prose.number(kept['loss'].median())} at best; weights kept of {epochs}."
        )
    return " ".join(sentences)


def alt_seeds(seed_scores: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """Smallest and largest AUC over seeds, and that of all seeds together, by network and part."""
    if seed_scores.empty:
        return "No network was trained."
    table = together(seed_scores, predictions)
    several = table["endpoint"].nunique() > 1
    sentences = ["AUC by seed."]
    for (endpoint, model), own in table.groupby(["endpoint", "model"], sort=False):
        told = [_part(part, kind, here) for (part, kind), here in own.groupby(["part", "kind"], sort=False)]
        about = f"{names.endpoint(endpoint)}, " if several else ""
        sentences.append(f"{about}{model}: {'; '.join(told)}.")
    return " ".join(sentences)


def _part(part: str, kind: str, own: pd.DataFrame) -> str:
    alone = own.loc[own["seed"] != ALL_SEEDS, "auc"].astype(float)
    all_ = own.loc[own["seed"] == ALL_SEEDS, "auc"].astype(float)
    together_ = f", together {prose.number(float(all_.iloc[0]))}" if len(all_) else ""
    where = names.part(part, kind).lower()
    return f"{where} {prose.number(alone.min())} to {prose.number(alone.max())}{together_}"
