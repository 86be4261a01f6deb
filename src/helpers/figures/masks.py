"""What another outline of the lesion would have done to each patient's risk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import discrimination, grid, names, rows, signatures, theme

__all__ = ["alt_uncertainty", "uncertainty"]


@theme.drawn
def uncertainty(mask_uncertainty: pd.DataFrame, thresholds: pd.DataFrame, *, part: str | None = None) -> Figure:
    """Each patient's risk by the first mask against the least and greatest risk over masks, a panel a model.

    Tables `mask_uncertainty` and `thresholds`; one part, by default the first judged. A model whose risks no mask changes
    has no panel. Dashed: the frozen threshold. A full
    circle is a patient whose call every mask leaves alone, an open diamond one whose call another mask changes.
    """
    if mask_uncertainty.empty:
        return theme.message("masks", "No patient was outlined twice.")
    own = mask_uncertainty[mask_uncertainty["part"] == (part or grid.judged(mask_uncertainty))]
    several = own["endpoint"].nunique() > 1
    groups = _moved(own)
    if not groups:
        return theme.message("masks", "No model reads anything that depends on the outline.")
    widest = max(sum(e == endpoint for e, _ in groups) for endpoint, _ in groups)
    count = 2 if widest == 4 else min(widest, 3)
    wide = theme.SINGLE if len(groups) == 1 else theme.DOUBLE
    layout = grid.Layout(width=wide, columns=count, foot=14.0 + 2 * grid.LINE, top=16.0, across=12.0, widest=68.0)
    figure, axes = grid.panels("masks", signatures.rows(len(groups), count), layout)
    for position, (ax, ((endpoint, model), of)) in enumerate(zip(sum(axes, []), groups.items(), strict=True)):
        panel = grid.Panel(grid.Cell(endpoint, str(of["part"].iloc[0]), "frozen"), ax, position % count == 0)
        _risks(ax, of, model, cut=discrimination.frozen(thresholds, endpoint, model))
        grid.label_axes(panel, x="Risk by the first outline", y="Risk by every outline")
        label = str(theme.model_style(model)["label"])
        counted = f"{names.part(panel.cell.part)}, n = {len(of):,}"
        rows.title(ax, f"{names.endpoint(endpoint)}: {label}" if several else label, counted, _changed(of))
        grid.key(panel, _looks(model), below=13.0)
    return figure


def _moved(own: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by endpoint and model, of the models in which another outline moves a risk."""
    found = {}
    for endpoint in dict.fromkeys(own["endpoint"]):
        here = own[own["endpoint"] == endpoint]
        found |= {(endpoint, model): here[here["model"] == model] for model in names.models(here["model"])}
    return {key: of for key, of in found.items() if (of["high"] > of["low"]).any()}


def _changed(own: pd.DataFrame) -> str:
    flips = own["flips"].astype(float)
    return f"call changes in {int((flips > 0).sum())}" if flips.notna().all() else "no threshold"


def _risks(ax: Axes, own: pd.DataFrame, model: str, *, cut: float | None) -> None:
    """A patient is a vertical line from the least to the greatest risk, and a mark at the first outline's."""
    discrimination.square(ax)
    if cut is not None:
        look = {"color": theme.MUTED, "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 1}
        ax.axhline(cut, **look)
        ax.axvline(cut, **look)
    x, low, high = (own[c].to_numpy(dtype=float) for c in ("probability", "low", "high"))
    many = len(own) > 300
    color = theme.model_style(model)["color"]
    ax.vlines(x, low, high, color=color, linewidth=0.5 if many else 1.0, alpha=0.4 if many else 0.7, zorder=2)
    changed = own["flips"].astype(float).to_numpy() > 0
    for here, row in zip((~changed, changed), _looks(model), strict=True):
        ax.plot(x[here], x[here], **(row[0] | {"linestyle": ""}), zorder=3, clip_on=False)


def _looks(model: str) -> list[grid.Row]:
    color = theme.model_style(model)["color"]
    look: dict[str, Any] = {"color": color, "linewidth": 1.0, "markeredgecolor": color}
    full = look | {"marker": "o", "markersize": 3.0, "markerfacecolor": color, "markeredgewidth": 0.6}
    open_ = look | {"marker": "D", "markersize": 5.0, "markerfacecolor": theme.PAPER, "markeredgewidth": 1.0}
    return [(full, "call stays", ""), (open_, "call changes", "")]


def alt_uncertainty(mask_uncertainty: pd.DataFrame) -> str:
    """For every model: how wide the range of a patient's risk over masks is, and how many calls change."""
    if mask_uncertainty.empty:
        return "No patient was outlined twice."
    own = mask_uncertainty[mask_uncertainty["part"] == grid.judged(mask_uncertainty)]
    several, sentences = own["endpoint"].nunique() > 1, []
    for (endpoint, model), of in _moved(own).items():
        wide = (of["high"] - of["low"]).to_numpy(dtype=float)
        where = f"{names.endpoint(endpoint)}, " if several else ""
        sentences.append(
            f"{where}{theme.model_style(model)['label']}: {prose.count(len(of), 'patient')}, median range of the risk "
            f"{prose.number(float(np.median(wide)))}, widest {prose.number(float(wide.max()))}; {_changed(of)}."
        )
    return " ".join(["Risk by the first outline of the lesion against the range over all outlines.", *sentences])
