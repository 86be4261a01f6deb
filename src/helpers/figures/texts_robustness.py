"""Alternative texts of the figures of robustness and of the radiologists: what they show, with their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers import prose
from helpers.figures import grid, names, rows, theme
from helpers.figures.optimism import METHODS, REPEATED, limited
from helpers.figures.reader_changes import ANALYSIS, MEAN, METRICS, condition_name, contrast_name, difference
from helpers.figures.readers import CONDITIONS
from helpers.figures.stability import SHOWN
from helpers.figures.subgroups import WHOLE, interaction, suppression


def alt_forest(
    subgroups: pd.DataFrame,
    subgroup_tests: pd.DataFrame,
    *,
    model: str = "nomogram",
    part: str | None = None,
    fewest: int = 10,
) -> str:
    """AUC with interval of every level of every variable, what was suppressed, and the tests."""
    own = subgroups[subgroups["model"] == model]
    if own.empty:
        return "No subgroup was analyzed."
    part = part or grid.judged(own)
    sentences = [f"Forest plot of the {_label(model)} by subgroup, {names.part(part).lower()}; AUC with 95 % interval."]
    tests = subgroup_tests[(subgroup_tests["model"] == model) & (subgroup_tests["part"] == part)]
    for cell in grid.cells(own, parts=[part]):
        told = tests[tests["endpoint"] == cell.endpoint]
        where = _where(cell.endpoint, own)
        for variable, levels in cell.of(own).groupby("variable", sort=False):
            values = [_level(str(level), rows_, fewest) for level, rows_ in levels.groupby("level", sort=False)]
            test = interaction(told[told["variable"] == variable])
            name = "All patients" if variable == WHOLE else prose.variable(str(variable))
            sentences.append(f"{where}{name}: {'; '.join(values)}{f'; {test}' if test else ''}.")
    return " ".join(sentences)


def _level(level: str, own: pd.DataFrame, fewest: int) -> str:
    first = own.iloc[0]
    who = f"{level} ({names.patients(first['n'], first['events'])})".strip()
    if bool(own["suppressed"].fillna(False).astype(bool).all()):
        return f"{who} {suppression(first, fewest)}"
    auc = own[own["metric"] == "auc"]
    return f"{who} {_value(auc.iloc[0])}" if len(auc) else who


def alt_optimism(validation: pd.DataFrame, scores: pd.DataFrame | None = None) -> str:
    """AUC of every model by every method of internal validation, and in the parts it was not fitted on."""
    if validation.empty:
        return "No internal validation was run."
    sentences = ["AUC by way of validating the model; brackets are the range over repeats."]
    own = validation[(validation["metric"] == "auc") & validation["method"].isin(METHODS)]
    own = own if scores is None else limited(own, scores)
    for endpoint in dict.fromkeys(own["endpoint"]):
        here = own[own["endpoint"] == endpoint]
        for model in names.models(here["model"]):
            table = here[here["model"] == model].drop_duplicates("method").set_index("method")
            values = [_method(method, table.loc[method]) for method in METHODS if method in table.index]
            values += _parts(scores, endpoint, model)
            label = theme.model_style(model)["label"]
            sentences.append(f"{_where(endpoint, validation)}{label}: {prose.listing(values)}.")
    return " ".join(sentences)


def _method(method: str, row: pd.Series) -> str:
    words, value = METHODS[method], _value(row)
    value = value.replace("(", "[").replace(")", "]") if method == REPEATED else value
    return f"{words[0].lower()}{words[1:]} {value}"


def _parts(scores: pd.DataFrame | None, endpoint: str, model: str) -> list[str]:
    if scores is None:
        return []
    own = scores[(scores["endpoint"] == endpoint) & (scores["model"] == model) & (scores["metric"] == "auc")]
    own = own[(own["kind"] == "frozen") & (own["part"] != "train")].drop_duplicates("part").set_index("part")
    return [f"{names.part(part).lower()} {_value(own.loc[part])}" for part in sorted(own.index, key=grid.part_order)]


def alt_instability(instability: pd.DataFrame) -> str:
    """Mean absolute error of every model's predictions over bootstrap models, and how wide their ranges are."""
    if instability.empty:
        return "No model was fitted again."
    sentences = ["Predicted risk against the range of the risks by bootstrap models, one line a training patient."]
    for endpoint in dict.fromkeys(instability["endpoint"]):
        here = instability[instability["endpoint"] == endpoint]
        for model in names.models(here["model"]):
            own = here[here["model"] == model].astype({"error": float, "low": float, "high": float})
            error, wide = prose.number(own["error"].mean(), 3), prose.number((own["high"] - own["low"]).median())
            label = theme.model_style(model)["label"]
            sentences.append(
                f"{_where(endpoint, instability)}{label}: mean absolute error {error}, median range {wide}, "
                f"{prose.count(len(own), 'patient')}."
            )
    return " ".join(sentences)


def alt_frequency(selection_frequency: pd.DataFrame) -> str:
    """The features selected most often, with their share of the bootstrap samples and whether the final model has them."""
    if selection_frequency.empty:
        return "No feature was selected again."
    sentences = ["How often bootstrap samples selected each feature; a star marks features of the final model."]
    for (endpoint, signature), own in selection_frequency.groupby(["endpoint", "signature"], sort=False):
        top = own.astype({"frequency": float}).sort_values("frequency", ascending=False, kind="stable").head(SHOWN)
        values = [
            f"{names.feature(str(r['feature']))}{'*' if r['in_final'] else ''} {100 * r['frequency']:.0f} %"
            for _, r in top.iterrows()
        ]
        samples = prose.count(int(own["replicates"].max()), "sample")
        where = _where(str(endpoint), selection_frequency)
        sentences.append(f"{where}{names.signature(str(signature))}, {samples}: {', '.join(values)}.")
    return " ".join(sentences)


def alt_readers(reader_scores: pd.DataFrame, *, conditions: Sequence[str] = CONDITIONS) -> str:
    """Each reader's AUC, sensitivity and specificity, from the first condition to the second."""
    if reader_scores.empty:
        return "No radiologist read the cases."
    read = [c for c in conditions if (reader_scores["condition"] == c).any()]
    sentences = [f"ROC curves of the radiologists, {' to '.join(condition_name(c).lower() for c in read)}."]
    for reader, own in reader_scores.groupby("reader", sort=False):
        table = (
            own.drop_duplicates(["metric", "condition"]).set_index(["metric", "condition"])["estimate"].astype(float)
        )
        changes = [
            f"{words} {' to '.join(rows.proportion(table.get((metric, c), np.nan)) for c in read)}"
            for metric, words in METRICS.items()
            if metric in table.index.get_level_values("metric")
        ]
        sentences.append(f"{names.reader(str(reader))}: {prose.listing(changes)}.")
    return " ".join(sentences)


def alt_switches(switches: pd.DataFrame) -> str:
    """Calls changed to right and to wrong by every reader, with automation bias."""
    if switches.empty:
        return "No call was made before and after seeing the model's."
    sentences = [
        f"{names.reader(str(r['reader']))}: {int(r['wrong_to_right'])} wrong to right, {int(r['right_to_wrong'])} right to "
        f"wrong ({int(r['automation_bias'])} by automation bias), of {prose.count(int(r['cases']), 'call')}."
        for _, r in switches.iterrows()
    ]
    return " ".join(["Calls changed on seeing the model's.", *sentences])


def alt_differences(reader_comparisons: pd.DataFrame) -> str:
    """Every difference with interval and P; the analysis to read first comes first in its contrast."""
    table = reader_comparisons[reader_comparisons["metric"].isin(METRICS)]
    if table.empty:
        return "No two conditions were compared."
    sentences = ["Forest plot of differences with 95 % interval."]
    for contrast, own in table.groupby("contrast", sort=False):
        for metric, words in METRICS.items():
            here = own[own["metric"] == metric]
            here = here.iloc[np.argsort(~here["leading"].fillna(False).to_numpy(dtype=bool), kind="stable")]
            values = [_difference(row) for _, row in here.iterrows()]
            if values:
                told = contrast_name(str(contrast))
                sentences.append(f"{told[:1].upper()}{told[1:]}, {words}: {'; '.join(values)}.")
    return " ".join(sentences)


def _difference(row: pd.Series) -> str:
    value = difference(*(float(row[c]) for c in ("estimate", "low", "high")))
    who = names.reader(str(row["reader"]))
    who = f"{who}, {str(row['method']).removeprefix(ANALYSIS)}" if row["reader"] == MEAN else who
    return f"{who} {value}, {prose.p_value(float(row['p']))}"


def _value(row: pd.Series) -> str:
    return rows.written(*(float(row[c]) for c in ("estimate", "low", "high")))


def _label(model: str) -> str:
    label = str(theme.model_style(model)["label"])
    return label.lower() if model in theme.MODELS else label


def _where(endpoint: str, frame: pd.DataFrame) -> str:
    return f"{names.endpoint(endpoint)}, " if frame["endpoint"].nunique() > 1 else ""
