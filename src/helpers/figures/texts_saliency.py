"""Alternative texts of the figures of saliency: which cases, how much inside the lesion, and what is left without weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from helpers import prose
from helpers.evaluation.saliency_printed import percent
from helpers.figures import names
from helpers.figures.saliency import OUTCOMES, Shown


def alt_cases(shown: Sequence[Shown]) -> str:
    """Each case's outcome, risk and share of saliency inside the lesion."""
    if not shown:
        return "No case was explained."
    told = [f"{_where(case)} number {case.number}, {OUTCOMES[case.outcome].lower()}, risk {prose.number(case.probability)}"
            f" ({_inside(case)})" for case in shown]  # fmt: skip
    return f"Slices with the contour of the lesion, and maps of saliency over them. {'; '.join(told)}."


def alt_inside(saliency: pd.DataFrame) -> str:
    """Medians of the share inside and of the lesion's share, by endpoint, model and method."""
    if saliency.empty:
        return "No case was explained."
    told = []
    for (endpoint, model, method), own in saliency.groupby(["endpoint", "model", "method"], sort=False):
        above = int((own["inside"] > own["volume_share"]).sum())
        told.append(
            f"{names.endpoint(endpoint)}, {model}, {method}: median {percent(own['inside'].median())} inside, lesion "
            f"{percent(own['volume_share'].median())} of the volume, {prose.percent(above, len(own))} above the line"
        )
    return f"Scatter plots of saliency inside the lesion against the lesion's share. {'; '.join(told)}."


def alt_randomization(table: pd.DataFrame) -> str:
    """Similarity and share inside, of the trained network and with every layer drawn anew."""
    if table.empty:
        return "No network was checked."
    told = []
    for (endpoint, model, method), own in table.groupby(["endpoint", "model", "method"], sort=False):
        first, last = own.loc[own["depth"].idxmin()], own.loc[own["depth"].idxmax()]
        told.append(
            f"{names.endpoint(endpoint)}, {model}, {method}: rank correlation {prose.number(last['similarity'])} and "
            f"{percent(last['inside'])} inside with all of {int(last['depth'])} layers new, against {percent(first['inside'])} trained"
        )
    return f"Lines of similarity and of saliency inside the lesion by depth of randomization. {'; '.join(told)}."


def _where(case: Shown) -> str:
    return f"{names.endpoint(case.endpoint)}, {case.model},"


def _inside(case: Shown) -> str:
    return prose.listing([f"{method} {percent(share)} inside the lesion" for method, share in case.inside.items()])
