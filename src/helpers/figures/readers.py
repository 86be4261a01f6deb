"""Radiologists alone and with the model: a ROC panel a reader, unaided dashed to aided solid."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import discrimination, grid, names, theme
from helpers.statistics.roc import roc_curve

CONDITIONS = ("unaided", "aided")


@theme.drawn
def readers(
    readings: pd.DataFrame,
    cases_truth: pd.DataFrame,
    predictions: pd.DataFrame,
    reader_scores: pd.DataFrame,
    thresholds: pd.DataFrame,
    *,
    model: str = "nomogram",
    endpoint: str | None = None,
    scores: pd.DataFrame | None = None,
) -> Figure:
    """Each reader's ROC and operating point, unaided to aided, with the model's curve and frozen threshold.

    Tables `readings`, `cases` (with the endpoint, by default that of `reader_scores`, or truth), `predictions`
    (of the read cases), `reader_scores`, `thresholds`, and `scores` for the model's AUC.
    """
    if readings.empty or reader_scores.empty:
        return theme.message("readers", "No radiologist read the cases.")
    endpoint = endpoint or str(reader_scores["endpoint"].iloc[0])
    truth = cases_truth.set_index("case")["truth" if "truth" in cases_truth else endpoint]
    found = list(dict.fromkeys(readings["reader"]))
    count = 2 if len(found) == 4 else min(len(found), 3)
    width = theme.SINGLE if count == 1 else theme.DOUBLE
    layout = grid.Layout(width=width, columns=count, foot=15.0 + 4 * grid.LINE, top=12.0)
    figure, axes = grid.panels("readers", [min(count, len(found) - i) for i in range(0, len(found), count)], layout)
    own = predictions[(predictions["endpoint"] == endpoint) & (predictions["model"] == model)]
    own = own[own["case"].isin(readings["case"]) & (own["kind"] == "frozen")]
    cut = discrimination.frozen(thresholds, endpoint, model)
    for position, (reader, ax) in enumerate(zip(found, sum(axes, []), strict=True)):
        panel = grid.Panel(grid.Cell(endpoint, "test", "frozen"), ax, position % count == 0)
        here = readings[readings["reader"] == reader]
        discrimination.square(ax)
        grid.label_axes(panel, x="1 − specificity", y="Sensitivity")
        _model_curve(ax, own, model, cut)
        _reader_curves(ax, here, truth, mark=theme.reader_mark(position))
        judged = truth[here["case"].unique()]
        grid.title(ax, names.reader(reader), names.patients(len(judged), judged.sum()))
        values = _values(reader_scores[reader_scores["reader"] == reader], _model_scores(scores, own, model))
        rows = _rows(values, model, mark=theme.reader_mark(position))
        grid.key(panel, rows, below=13.0, outdent=layout.left - 1 if count > 2 else 0.0)
    return figure


def _model_curve(ax: Axes, own: pd.DataFrame, model: str, cut: float | None) -> None:
    if own["truth"].nunique() < 2:
        return
    curve = roc_curve(own["truth"], own["probability"])
    points = pd.DataFrame(
        {"threshold": curve.threshold, "sensitivity": curve.sensitivity, "specificity": curve.specificity}
    )
    discrimination.draw_curve(ax, points, model, part="test", threshold=cut)


def _reader_curves(ax: Axes, here: pd.DataFrame, truth: pd.Series, *, mark: str) -> None:
    points = {}
    for condition in CONDITIONS:
        rows = here[here["condition"] == condition]
        if rows.empty:
            continue
        events = truth[rows["case"]].to_numpy() == 1
        look = _look(condition, mark)
        if rows["rating"].nunique() > 2 and 0 < events.sum() < len(events):
            curve = roc_curve(events, rows["rating"].to_numpy(dtype=float))
            ax.plot(1 - curve.specificity, curve.sensitivity, zorder=4, clip_on=False, **(look | {"marker": ""}))
        call = rows["call"].to_numpy(dtype=float) == 1
        if 0 < events.sum() < len(events):
            points[condition] = (call[~events].mean(), call[events].mean())
            ax.plot(*points[condition], zorder=6, clip_on=False, **(look | {"linestyle": ""}))
    if len(points) == 2 and points["unaided"] != points["aided"]:
        arrow = {"arrowstyle": "-|>", "color": theme.VERMILION, "linewidth": 1.3, "shrinkA": 4, "shrinkB": 4}
        ax.annotate("", xy=points["aided"], xytext=points["unaided"], arrowprops=arrow, zorder=7)


def _look(condition: str, mark: str) -> dict:
    """Unaided: thin, dashed, an open mark; aided: solid, a full one."""
    look = {"color": theme.INK, "marker": mark, "markersize": 6.0, "markeredgecolor": theme.INK}
    if condition == "aided":
        return look | {"linewidth": theme.line_width("test"), "linestyle": "-", "markerfacecolor": theme.INK}
    return look | {"linewidth": 1.1, "linestyle": (0, (3.5, 1.8)), "markerfacecolor": theme.PAPER}


def _model_scores(scores: pd.DataFrame | None, own: pd.DataFrame, model: str) -> pd.DataFrame | None:
    if scores is None or own.empty:
        return None
    same = (scores["endpoint"] == own["endpoint"].iloc[0]) & (scores["part"] == own["part"].iloc[0])
    return scores[same & (scores["model"] == model) & (scores["kind"] == "frozen")]


def _values(reader: pd.DataFrame, model: pd.DataFrame | None) -> dict[str, str]:
    """What the key says: AUCs where the readers rated, else sensitivity and specificity of their calls."""
    rated = (reader["metric"] == "auc").any()
    tables = {condition: reader[reader["condition"] == condition] for condition in CONDITIONS}
    if model is not None:
        tables["model"] = model
    write = _auc if rated else _pair
    return {"": "AUC (95 % CI)" if rated else "sensitivity, specificity"} | {k: write(t) for k, t in tables.items()}


def _auc(table: pd.DataFrame) -> str:
    row = table[table["metric"] == "auc"]
    return prose.interval(*row.iloc[0][["estimate", "low", "high"]].astype(float)) if len(row) else "–"


def _pair(table: pd.DataFrame) -> str:
    both = [table.loc[table["metric"] == metric, "estimate"] for metric in ("sensitivity", "specificity")]
    return ", ".join(prose.number(float(v.iloc[0])) if len(v) else "–" for v in both)


def _rows(values: dict[str, str], model: str, *, mark: str) -> list[grid.Row]:
    look = theme.model_style(model)
    label = look.pop("label")
    look |= {"linewidth": theme.line_width("test"), "markersize": 5.0, "markeredgewidth": 0}
    rows: list[grid.Row] = [(None, "", values[""])]
    rows += [(_look(condition, mark), condition.capitalize(), values[condition]) for condition in CONDITIONS]
    return [*rows, (look, label, values.get("model", ""))]
