"""One workbook a run: every table that may be shared, in typed cells, for people who use spreadsheets."""

from __future__ import annotations

import importlib.metadata
import io
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from helpers import prose
from helpers.evaluation import metrics, order
from helpers.reporting import gate_words, summary
from helpers.reporting.check import Check
from helpers.reporting.glossary import COLUMNS, METRICS
from helpers.study import Study
from helpers.tables import DECLARED, write_whole

# Tables whose rows are not patients. Whatever names a case or patient, or holds one value a patient (such as the
# thresholds of a ROC curve), stays in the run's folder; a table that is not in this list is never written.
SHARED = (
    "scores", "comparisons", "thresholds", "roc_band", "calibration", "calibration_groups", "calibration_tests", "recalibration",
    "external_update", "external_tests", "external_calibration", "missing_values", "missing_data",
    "decision", "decision_adjusted", "decision_differences", "reclassification", "reclassification_table", "subgroups",
    "subgroup_tests", "strata", "added_value", "sample_size", "validation", "selection_frequency", "nomogram", "selected", "funnel",
    "contest", "families", "mask_agreement", "centers", "center_pooled", "harmonization",
    "architectures", "training", "seed_scores", "pretraining", "probe", "randomization",
    "reader_scores", "reader_comparisons", "reader_agreement", "switches", "controls", "permutation", "canaries", "recipe", "plausibility",
)  # fmt: skip
CREATED = datetime(2000, 1, 1)  # a fixed date: the same run gives the same bytes
P_VALUES = ("p", "p_holm", "joint_p", "slope_p")
FINE = ("coefficient", "standard_error", "threshold")
FREE = ("mean", "sd", "minimum", "maximum", "needed", "available")  # of any size, from 0.0001 to a million
COUNTS = ("n", "count", "cases", "replicates", "features", "masks", "flipped")
NARROWEST, WIDEST, TOLD = 8, 60, 110  # widths of columns, in characters
LINE = 15  # points a line is high
FORMATS = {
    "text": {"valign": "top"},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "header": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
    "title": {"bold": True, "font_size": 14},
    "count": {"num_format": "0"},
    "p": {"num_format": "0.0000"},
    "fine": {"num_format": "0.0000"},
    "free": {"num_format": "General"},
    "number": {"num_format": "0.000"},
}


def write(study: Study, *, checks: Sequence[Check] = ()) -> Path:
    """Write runs/<study>/results.xlsx whole or not at all; returns its path. The same tables give the same bytes.

    checks: those of the run; where one failed, the first sheet says so. Raises RadiogramError when the disk is full.
    """
    tables = {name: study.tables.read(name) for name in SHARED if study.tables.exists(name)}
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"title": study.parameters.title, "created": CREATED})
        formats = {name: book.add_format(look) for name, look in FORMATS.items()}
        _read_me(book.add_worksheet("Read me"), study, tables, checks, formats)
        if "scores" in tables:
            _sheet(book.add_worksheet("Performance"), performance(tables["scores"]), formats, kept=2)
        if checks:
            _sheet(book.add_worksheet("Integrity gate"), gate_words.table(checks), formats, kept=1)
        for name, table in tables.items():
            _sheet(book.add_worksheet(name), table[[c for c in DECLARED[name].names if c in table]], formats)
    path = study.folder / "results.xlsx"
    write_whole(path, lambda beside: beside.write_bytes(content.getvalue()))
    return path


def performance(scores: pd.DataFrame) -> pd.DataFrame:
    """One row an endpoint and metric; estimate, low and high of each model and part side by side, in cells of their own."""
    groups = list(_groups(scores))
    rows = []
    for endpoint in dict.fromkeys(scores["endpoint"]):
        here = {head: own[own["endpoint"] == endpoint] for head, own in groups}
        for column, label in (("n", "Patients"), ("events", "Events")):
            rows.append([endpoint, label, *(v for own in here.values() for v in (_first(own, column), None, None))])
        known = set(scores.loc[scores["endpoint"] == endpoint, "metric"])
        for metric in (m for m in metrics.METRICS if m in known):
            cells = [_values(own[own["metric"] == metric]) for own in here.values()]
            rows.append([endpoint, metrics.METRICS[metric], *(v for cell in cells for v in cell)])
    heads = [f"{head}: {what}" for head, _ in groups for what in ("estimate", "low", "high")]
    return pd.DataFrame(rows, columns=["endpoint", "metric", *heads], dtype=object)


def _groups(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Scores of each model and part, under the words that head their columns; the model that leads comes first."""
    for model in order.models(scores) if len(scores) else []:
        own = scores[scores["model"] == model]
        for (part, kind), rows in own.groupby(["part", "kind"], sort=False):
            yield f"{prose.model_name(model)}, {prose.part_name(part, kind)}", rows


def _first(rows: pd.DataFrame, column: str) -> Any:
    return int(rows[column].iloc[0]) if len(rows) else None


def _values(rows: pd.DataFrame) -> list[Any]:
    """Estimate and limits of one metric; counts as whole numbers."""
    if rows.empty:
        return [None, None, None]
    values = [float(v) for v in rows.iloc[0][["estimate", "low", "high"]]]
    return [int(v) if rows["metric"].iloc[0] in metrics.COUNTS and math.isfinite(v) else v for v in values]


def _sheet(sheet: Worksheet, table: pd.DataFrame, formats: dict, *, kept: int = 0) -> None:
    """A header and `kept` first columns that stay in sight, a filter, then the rows; columns as wide as what they hold."""
    widths = [_width(str(name), table[name].tolist()) for name in table]
    sheet.set_row(0, _height(max(len(str(name)) / width for name, width in zip(table, widths, strict=True))))
    for j, (name, width) in enumerate(zip(table, widths, strict=True)):
        sheet.write_string(0, j, str(name), formats["header"])
        sheet.set_column(j, j, width)
        for i, (value, look) in enumerate(zip(table[name].tolist(), _looks(table, name), strict=True), start=1):
            _cell(sheet, i, j, value, formats, look)
    sheet.freeze_panes(1, kept)
    sheet.autofilter(0, 0, max(len(table), 1), table.shape[1] - 1)


def _looks(table: pd.DataFrame, column: str) -> list[str]:
    """The format of the numbers of a column, row by row."""
    if column in P_VALUES:
        return ["p"] * len(table)
    if column in COUNTS or pd.api.types.is_integer_dtype(table[column]):
        return ["count"] * len(table)
    usual = "fine" if column in FINE else "free" if column in FREE else "number"
    counted = table["metric"].isin(metrics.COUNTS) if "metric" in table else [False] * len(table)
    whole = [isinstance(value, int) for value in table[column].tolist()]
    return ["count" if a or b else usual for a, b in zip(counted, whole, strict=True)]


def _cell(sheet: Worksheet, i: int, j: int, value: Any, formats: dict, look: str) -> None:
    """One value by its type; text is never read as a formula, what is missing leaves the cell empty."""
    if isinstance(value, bool | np.bool_):
        sheet.write_boolean(i, j, bool(value), formats["text"])
    elif isinstance(value, str):
        sheet.write_string(i, j, value, formats["text"])
    elif value is None or pd.isna(value):
        return
    elif math.isinf(value):
        sheet.write_string(i, j, "infinite" if value > 0 else "minus infinite", formats["text"])
    else:
        sheet.write_number(i, j, value, formats[look])


def _width(name: str, values: list[Any]) -> int:
    """Characters a column is wide; a header wraps beyond its longest word, which leaves room for the filter's button."""
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    return min(max(max(map(len, name.split())) + 4, longest + 1, NARROWEST), WIDEST)


def _height(fill: float) -> int:
    """Points a row is high whose text fills its column this many times over; lines break early, at words."""
    return LINE * max(1, math.ceil(1.4 * fill))


def _read_me(sheet: Worksheet, study: Study, tables: dict, checks: Sequence[Check], formats: dict) -> None:
    """What this file is, what must be known before a number is quoted, and what sheets, columns and metrics mean."""
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, TOLD)
    sheet.write_string(0, 0, study.parameters.title, formats["title"])
    for i, (name, text) in enumerate(_told(study, tables, checks), start=1):
        look = "header" if name and not text else "wrapped"
        sheet.write_string(i, 0, name, formats[look])
        if text:
            sheet.set_row(i, _height(len(text) / (1.4 * TOLD)))
            sheet.write_string(i, 1, text, formats["wrapped"])


def _told(study: Study, tables: dict, checks: Sequence[Check]) -> list[tuple[str, str]]:
    announced = [note.replace("**", "") for note in summary.banner(study, checks)]
    columns = dict.fromkeys(column for name in tables for column in DECLARED[name].names)
    return [
        ("Question", study.parameters.question),
        ("Study", study.name),
        ("Version", f"Radiogram {importlib.metadata.version('radiogram')}"),
        *(("Read this first", note) for note in announced),
        (
            "Cells",
            "Numbers are held in full and rounded for show only. An empty cell could not be estimated or does not apply.",
        ),
        ("Privacy", "No sheet names a patient or case, and none has one row a patient."),
        ("", ""),
        ("Sheets: what one row is", ""),
        *(
            [("Performance", "a metric, with estimate and limits of each model and part side by side")]
            if "scores" in tables
            else []
        ),
        *(
            [("Integrity gate", "a rule, what was seen, its limit, and what follows where it is violated")]
            if checks
            else []
        ),
        *((name, DECLARED[name].row) for name in tables),
        ("", ""),
        ("Columns", ""),
        *((column, COLUMNS[column]) for column in columns if column in COLUMNS),
        ("", ""),
        ("Metrics", ""),
        *((name, f"{metrics.METRICS.get(name, name)}: {meaning}") for name, meaning in METRICS.items()),
    ]
