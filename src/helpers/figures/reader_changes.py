"""What changes between a reader study's conditions: calls switched, and differences with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import prose
from helpers.figures import discrimination, names, rows, theme

MEAN = "mean of readers"
METRICS = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}
ANALYSIS = "Obuchowski-Rockette, "  # how the methods of a mean of readers begin
ROW, TOP, FOOT = 8.0, 18.0, 16.0  # mm: a reader's pair of bars, above the first, below the last
LEFT, WIDE, NUMBERS, P = 49.0, 61.0, 113.0, 160.0  # mm: axis of the differences, its width, columns right of it
HEAD, TICKS = 11.0, 8.0  # mm above and below the rows of a block of differences


def condition_name(condition: str) -> str:
    """ "unaided" -> "Unaided"; a condition that is only a number is named: "1" -> "Condition 1"."""
    return f"Condition {condition}" if str(condition).isdigit() else names.sentence_case(str(condition))


def contrast_name(contrast: str) -> str:
    """ "aided - unaided" -> "aided minus unaided"; "2 - 1" -> "condition 2 minus condition 1"."""
    sides = [condition_name(side) for side in str(contrast).split(" - ")]
    return " minus ".join(side[:1].lower() + side[1:] for side in sides)


def difference(estimate: float, low: float, high: float) -> str:
    """ "0.044 (-0.0003 to 0.080)", or the estimate alone where there is no interval."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return prose.number(estimate, 3)
    return prose.difference(estimate, low, high)


@theme.drawn
def switched(switches: pd.DataFrame, *, reader_scores: pd.DataFrame | None = None) -> Figure:
    """Calls that each reader changed on seeing the model's: to wrong on the left, to right on the right.

    Table `switches`; `reader_scores` gives n and events. The hatched part of the left bar is automation bias: right calls
    given up where the model was wrong.
    """
    if switches.empty:
        return theme.message("switches", "No call was made before and after seeing the model's.")
    found = switches[["wrong_to_right", "right_to_wrong"]].astype(int)
    height = TOP + ROW * len(switches) + FOOT
    sheet = rows.sheet("switches", height=height)
    widest = max(int(found.to_numpy().max()), 1) * 1.25
    ax = sheet.panel(45.0, 105.0, bottom=FOOT, top=height - TOP, limits=(-widest, widest))
    ax.xaxis.get_major_locator().set_params(integer=True, nbins=7)
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    ax.set_xlabel("Calls changed")
    ax.axvline(0, color=theme.INK, linewidth=0.8, zorder=4)
    sheet.write(45.0 + 50.0, height - TOP + 3.0, "right to wrong", ha="right", fontweight="bold")
    sheet.write(45.0 + 55.0, height - TOP + 3.0, "wrong to right", fontweight="bold")
    sheet.write(theme.DOUBLE - 2.0, height - TOP + 3.0, "net", ha="right", color=theme.MUTED)
    _bias_key(sheet, height - 5.0)
    size = discrimination.size(reader_scores) if reader_scores is not None else ""
    sheet.write(2.0, height - TOP + 3.0, size, color=theme.MUTED)
    for line, (_, row) in enumerate(switches.iterrows()):
        y = height - TOP - ROW * (line + 0.5)
        _pair_of_bars(ax, y, row)
        sheet.write(2.0, y + 1.8, names.shorten(names.reader(str(row["reader"])), 40.0))
        sheet.write(2.0, y - 1.8, f"{int(row['cases'])} calls", color=theme.MUTED)
        net = int(row["wrong_to_right"]) - int(row["right_to_wrong"])
        sheet.write(theme.DOUBLE - 2.0, y, f"{'+' if net > 0 else ''}{prose.number(net, 0)}", ha="right")
    return sheet.figure


def _pair_of_bars(ax: Axes, y: float, row: pd.Series) -> None:
    bias, lost, gained = (int(row[c]) for c in ("automation_bias", "right_to_wrong", "wrong_to_right"))
    bar = {"height": 4.2, "edgecolor": theme.INK, "linewidth": 0.7, "zorder": 3}
    ax.barh(y, gained, color=theme.SKY, **bar)
    ax.barh(y, bias - lost, left=-bias, color=theme.PAPER, **bar)
    ax.barh(y, -bias, color=theme.PAPER, hatch="/////", **bar)
    at = {"textcoords": "offset points", "fontsize": theme.SMALL, "va": "center_baseline"}
    words = f"{lost} ({bias} hatched)" if bias else f"{lost}"
    ax.annotate(words, xy=(-lost, y), xytext=(-3, 0), ha="right", annotation_clip=False, **at)
    ax.annotate(f"{gained}", xy=(gained, y), xytext=(3, 0), ha="left", annotation_clip=False, **at)


def _bias_key(sheet: rows.Sheet, y: float) -> None:
    """A hatched swatch and what it means, over the left bars."""
    box = {"facecolor": theme.PAPER, "edgecolor": theme.INK, "linewidth": 0.7, "hatch": "/////"}
    sheet.ax.fill([45.0, 51.0, 51.0, 45.0], [y - 1.5, y - 1.5, y + 1.5, y + 1.5], **box)
    sheet.write(53.0, y, "automation bias: a right call given up where the model was wrong")


@theme.drawn
def differences(
    reader_comparisons: pd.DataFrame,
    *,
    reader_scores: pd.DataFrame | None = None,
    contrasts: Sequence[str] = (),
) -> Figure:
    """Each contrast's difference in AUC, sensitivity and specificity: the readers' mean, then every reader.

    Table `reader_comparisons`; `reader_scores` gives n and events; `contrasts` chooses some. The analysis to read first
    stands on top as a full diamond in bold; other analyses of the mean are open diamonds.
    """
    table = reader_comparisons[reader_comparisons["metric"].isin(METRICS)]
    table = table[table["contrast"].isin(contrasts)] if contrasts else table
    if table.empty:
        return theme.message("differences", "No two conditions were compared.")
    blocks = [
        (contrast, metric, _ordered(own[own["metric"] == metric]))
        for contrast, own in table.groupby("contrast", sort=False)
        for metric in METRICS
        if (own["metric"] == metric).any()
    ]
    height = sum(HEAD + rows.PITCH * len(own) + TICKS for _, _, own in blocks)
    sheet = rows.sheet("differences", height=height)
    size = discrimination.size(reader_scores) if reader_scores is not None else ""
    y = height
    for contrast, metric, own in blocks:
        _block(sheet, y, own, contrast, metric, size)
        y -= HEAD + rows.PITCH * len(own) + TICKS
    return sheet.figure


def _ordered(own: pd.DataFrame) -> pd.DataFrame:
    """The leading analysis, the other analyses of the mean, then the readers as they come."""
    leading = own["leading"].fillna(False).astype(bool)
    rank = np.where(own["reader"] != MEAN, 2, np.where(leading, 0, 1))
    return own.assign(leading=leading).iloc[np.argsort(rank, kind="stable")]


def _block(sheet: rows.Sheet, top: float, own: pd.DataFrame, contrast: str, metric: str, size: str) -> None:
    first = top - HEAD
    last = first - rows.PITCH * len(own)
    values = own[["estimate", "low", "high"]].to_numpy(dtype=float)
    span = rows.limits(values.ravel(), within=(-1.0, 1.0), always=(-0.1, 0.1))
    ax = sheet.panel(LEFT, WIDE, bottom=last, top=first, limits=span)
    ax.axvline(0, color=theme.MUTED, linewidth=0.7, zorder=0)
    ax.xaxis.set_major_formatter(lambda value, _: prose.number(value, 1 if span[1] - span[0] > 0.35 else 2))
    sheet.write(2.0, top - 3.0, f"Difference in {METRICS[metric]}", fontweight="bold")
    note = ", ".join(words for words in (contrast_name(contrast), size) if words)
    sheet.write(2.0, top - 7.0, names.shorten(note, NUMBERS - 4.0), color=theme.MUTED)
    sheet.write(NUMBERS, top - 7.0, "estimate (95 % CI)", color=theme.MUTED)
    sheet.write(P, top - 7.0, "P", color=theme.MUTED)
    readers = [reader for reader in own["reader"].unique() if reader != MEAN]
    for line, ((_, row), value) in enumerate(zip(own.iterrows(), values, strict=True)):
        mark = "D" if row["reader"] == MEAN else theme.reader_mark(readers.index(row["reader"]))
        _difference(sheet, ax, first - rows.PITCH * (line + 0.5), row, value, mark)


def _difference(sheet: rows.Sheet, ax: Axes, y: float, row: pd.Series, value: np.ndarray, mark: str) -> None:
    look: dict[str, Any] = {"fontweight": "bold"} if row["leading"] else {}
    weight = "bold" if row["leading"] else "normal"
    words = names.reader(str(row["reader"]))
    if row["reader"] == MEAN:
        words = f"Mean, {str(row['method']).removeprefix(ANALYSIS)}"
        rows.diamond(ax, y, value, color=theme.INK, full=bool(row["leading"]))
    else:
        rows.interval(ax, y, value, color=theme.INK, mark=mark)
    sheet.write(2.0, y, names.shorten(words, LEFT - 5.0, weight=weight), **look)
    sheet.write(NUMBERS, y, difference(*value), **look)
    sheet.write(P, y, prose.p_cell(float(row["p"])), **look)
