"""Radiologists in two conditions: a ROC panel a reader, the first condition dashed to the second solid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.figures import discrimination, grid, names, rows, theme
from helpers.figures.reader_changes import MEAN, condition_name, differences, switched
from helpers.figures.signatures import rows as per_row
from helpers.statistics.roc import roc_curve

__all__ = ["differences", "readers", "switched"]
CONDITIONS = ("unaided", "aided")
MEAN_MARK = "*"
MODEL = "\0model"  # a key no condition can have


@theme.drawn
def readers(
    readings: pd.DataFrame,
    cases_truth: pd.DataFrame,
    predictions: pd.DataFrame | None,
    reader_scores: pd.DataFrame,
    thresholds: pd.DataFrame | None,
    *,
    model: str = "nomogram",
    endpoint: str | None = None,
    scores: pd.DataFrame | None = None,
    conditions: Sequence[str] = CONDITIONS,
) -> Figure:
    """Each reader's ROC and operating point in two conditions, with the model's curve and frozen threshold; then their mean.

    Tables `readings`, `cases` (with the endpoint, by default that of `reader_scores`, or truth), `predictions`
    (of the read cases), `reader_scores`, `thresholds`, and `scores` for the model's AUC. Without predictions there is
    no model's curve, without calls no operating point. Mean curve: sensitivities averaged at each specificity, whose
    area is the mean of the AUCs.
    """
    if readings.empty or reader_scores.empty:
        return theme.message("readers", "No radiologist read the cases.")
    endpoint = endpoint or str(reader_scores["endpoint"].iloc[0])
    truth = cases_truth.set_index("case")["truth" if "truth" in cases_truth else endpoint]
    own = _model_rows(predictions, readings, endpoint, model)
    cut = discrimination.frozen(thresholds, endpoint, model)
    measured = _model_scores(scores, own, model)
    found = list(dict.fromkeys(readings["reader"]))
    shown = [*found, MEAN] if len(found) > 1 else found
    count = 2 if len(shown) == 4 else min(len(shown), 3)
    foot = 15.0 + (3 + bool(len(own))) * grid.LINE
    layout = grid.Layout(width=theme.SINGLE if count == 1 else theme.DOUBLE, columns=count, foot=foot, top=12.0)
    figure, axes = grid.panels("readers", per_row(len(shown), count), layout)
    for position, (reader, ax) in enumerate(zip(shown, sum(axes, []), strict=True)):
        panel = grid.Panel(grid.Cell(endpoint, "test", "frozen"), ax, position % count == 0)
        here = readings if reader == MEAN else readings[readings["reader"] == reader]
        mark = MEAN_MARK if reader == MEAN else theme.reader_mark(position)
        discrimination.square(ax)
        grid.label_axes(panel, x="1 − specificity", y="Sensitivity")
        _model_curve(ax, own, model, cut)
        _reader_curves(ax, here, truth, conditions, mark=mark)
        judged = truth[here["case"].unique()]
        title = f"Mean of {len(found)} readers" if reader == MEAN else names.reader(str(reader))
        grid.title(ax, title, names.patients(len(judged), judged.sum()))
        scored = _own_scores(reader_scores, reader, found)
        if not (scored["metric"] == "auc").any():
            _whiskers(ax, scored, conditions)
        mark = mark if _called(here) else ""
        lines = _rows(_values(scored, measured, conditions), model if len(own) else None, conditions, mark=mark)
        grid.key(panel, lines, below=13.0, outdent=layout.left - 1 if count > 2 else 0.0)
    return figure


def _model_rows(predictions: pd.DataFrame | None, readings: pd.DataFrame, endpoint: str, model: str) -> pd.DataFrame:
    """The model's frozen predictions of the read cases; none where there is no model."""
    if predictions is None or predictions.empty:
        return pd.DataFrame({"truth": [], "probability": []})
    own = predictions[(predictions["endpoint"] == endpoint) & (predictions["model"] == model)]
    return own[own["case"].isin(readings["case"]) & (own["kind"] == "frozen")]


def _own_scores(reader_scores: pd.DataFrame, reader: str, found: Sequence[str]) -> pd.DataFrame:
    """A reader's rows; of the mean those computed as such, and where there are none the plain mean, without limits."""
    own = reader_scores[reader_scores["reader"] == reader]
    if len(own) or reader != MEAN:
        return own
    each = reader_scores[reader_scores["reader"].isin(found)].astype({"estimate": float})
    mean = each.groupby(["condition", "metric"], as_index=False)["estimate"].mean()
    return mean.assign(low=np.nan, high=np.nan)


def _model_curve(ax: Axes, own: pd.DataFrame, model: str, cut: float | None) -> None:
    if own["truth"].nunique() < 2:
        return
    curve = roc_curve(own["truth"], own["probability"])
    points = pd.DataFrame(
        {"threshold": curve.threshold, "sensitivity": curve.sensitivity, "specificity": curve.specificity}
    )
    discrimination.draw_curve(ax, points, model, part="test", threshold=cut)


def _reader_curves(ax: Axes, here: pd.DataFrame, truth: pd.Series, conditions: Sequence[str], *, mark: str) -> None:
    """Curves and operating points of one reader, or the means of those of several, and the arrow between them."""
    points = {}
    for position, condition in enumerate(conditions):
        each = [own for _, own in here[here["condition"] == condition].groupby("reader", sort=False)]
        look = _look(position, mark)
        curves = [curve for curve in (_curve(own, truth) for own in each) if curve is not None]
        if curves and len(curves) == len(each):
            ax.plot(*mean_curve(curves), zorder=4, clip_on=False, **(look | {"marker": ""}))
        called = [point for point in (_point(own, truth) for own in each) if point is not None]
        if called and len(called) == len(each):
            points[position] = tuple(np.mean(called, axis=0))
            ax.plot(*points[position], zorder=6, clip_on=False, **(look | {"linestyle": ""}))
    if len(points) == 2 and points[0] != points[1]:
        arrow = {"arrowstyle": "-|>", "color": theme.VERMILION, "linewidth": 1.3, "shrinkA": 4, "shrinkB": 4}
        ax.annotate("", xy=points[1], xytext=points[0], arrowprops=arrow, zorder=7)


def _curve(own: pd.DataFrame, truth: pd.Series) -> tuple[np.ndarray, np.ndarray] | None:
    """1 - specificity and sensitivity of ratings of three levels or more; None for anything else."""
    events = truth[own["case"]].to_numpy() == 1
    if own["rating"].nunique() <= 2 or not 0 < events.sum() < len(events):
        return None
    curve = roc_curve(events, own["rating"].to_numpy(dtype=float))
    order = np.lexsort((curve.sensitivity, 1 - curve.specificity))
    return (1 - curve.specificity)[order], curve.sensitivity[order]


def _point(own: pd.DataFrame, truth: pd.Series) -> tuple[float, float] | None:
    """1 - specificity and sensitivity of a reader's calls; None where a reading has no call."""
    events = truth[own["case"]].to_numpy() == 1
    if not _called(own) or not 0 < events.sum() < len(events):
        return None
    call = own["call"].to_numpy(dtype=float) == 1
    return float(call[~events].mean()), float(call[events].mean())


def _called(readings: pd.DataFrame) -> bool:
    return "call" in readings and not readings["call"].isna().any()


def _whiskers(ax: Axes, scored: pd.DataFrame, conditions: Sequence[str]) -> None:
    """Intervals of sensitivity and specificity through the operating points, where no curve crosses them."""
    for position, condition in enumerate(conditions):
        own = scored[scored["condition"] == condition].drop_duplicates("metric").set_index("metric")
        if not {"sensitivity", "specificity"} <= set(own.index):
            continue
        up, down, level = (own.loc["sensitivity", c] for c in ("high", "low", "estimate"))
        right, left, middle = (1 - own.loc["specificity", c] for c in ("low", "high", "estimate"))
        look = {"color": theme.MUTED, "linewidth": 0.8, "linestyle": _look(position, "o")["linestyle"], "zorder": 3}
        ax.plot([middle, middle], [down, up], **look)
        ax.plot([left, right], [level, level], **look)


def mean_curve(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Curves (1 - specificity ascending, sensitivity) averaged at each specificity: its area is the mean of theirs."""
    if len(curves) == 1:
        return curves[0]
    corners = np.unique(np.concatenate([x for x, _ in curves]))
    # At a corner a curve may rise upright: it is taken just before and just after.
    at = np.clip(np.column_stack([corners - 1e-9, corners + 1e-9]), 0, 1).ravel()
    mean = np.mean([np.interp(at, *_strict(x, y)) for x, y in curves], axis=0)
    return np.r_[0.0, np.repeat(corners, 2), 1.0], np.r_[0.0, mean, 1.0]


def _strict(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve without upright pieces: they lean by less than the distance at which curves are read."""
    return x + np.linspace(0, 1e-12, x.size), y


def _look(position: int, mark: str) -> dict:
    """The first condition: thin, dashed, an open mark; the second: solid, a full one."""
    size = 9.0 if mark == MEAN_MARK else 6.0
    look = {"color": theme.INK, "marker": mark, "markersize": size, "markeredgecolor": theme.INK}
    if position:
        return look | {"linewidth": theme.line_width("test"), "linestyle": "-", "markerfacecolor": theme.INK}
    return look | {"linewidth": 1.1, "linestyle": (0, (3.5, 1.8)), "markerfacecolor": theme.PAPER}


def _model_scores(scores: pd.DataFrame | None, own: pd.DataFrame, model: str) -> pd.DataFrame | None:
    if scores is None or own.empty:
        return None
    same = (scores["endpoint"] == own["endpoint"].iloc[0]) & (scores["part"] == own["part"].iloc[0])
    return scores[same & (scores["model"] == model) & (scores["kind"] == "frozen")]


def _values(reader: pd.DataFrame, model: pd.DataFrame | None, conditions: Sequence[str]) -> dict[str, str]:
    """What the key says: AUCs where the readers rated, else sensitivity and specificity of their calls."""
    rated = (reader["metric"] == "auc").any()
    tables = {condition: reader[reader["condition"] == condition] for condition in conditions}
    write = _auc if rated else _pair
    heading = "AUC (95 % CI)" if rated else "sensitivity, specificity"
    values = {condition: write(table) for condition, table in tables.items()}
    return {"": heading, **values, MODEL: write(model) if model is not None else "–"}


def _auc(table: pd.DataFrame) -> str:
    row = table[table["metric"] == "auc"]
    return rows.written(*row.iloc[0][["estimate", "low", "high"]].astype(float)) if len(row) else "–"


def _pair(table: pd.DataFrame) -> str:
    both = [table.loc[table["metric"] == metric, "estimate"] for metric in ("sensitivity", "specificity")]
    return ", ".join(rows.proportion(float(v.iloc[0])) if len(v) else "–" for v in both)


def _rows(values: dict[str, str], model: str | None, conditions: Sequence[str], *, mark: str) -> list[grid.Row]:
    lines: list[grid.Row] = [(None, "", values[""])]
    lines += [(_look(i, mark), condition_name(c), values[c]) for i, c in enumerate(conditions)]
    if model is None:
        return lines
    look = theme.model_style(model)
    label = look.pop("label")
    look |= {"linewidth": theme.line_width("test"), "markersize": 5.0, "markeredgewidth": 0}
    return [*lines, (look, label, values[MODEL])]
