"""Centers and harmonization for a reader: tables and the sentences' numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.evaluation import order
from helpers.learning.centers import Confounding

ABSENT = "\N{EN DASH}"
ONE = "All patients are from one center, so that nothing here can tell whether the model holds in another."
JUDGED_BY = {"left out": "models fitted without it", "frozen": "the final models, to which it was new"}
FEW_CENTERS = 5
HOW = (
    "To see what remains where it has never been, each center was left out in turn: everything that learns was fitted on the "
    "training patients of the other centers, and the result was judged, frozen, on this one. Test patients took no part in that; "
    "only a center without any training patient was judged by the final model, to which it is new."
)
ALONE = "What remains of it elsewhere can only be seen in other centers."
# A sentence for each place, for a page has no empty ones.
NOTHING = {
    "answer": ONE,
    "confounded": "Shares of events cannot be compared between training centers.",
    "traces": "Nothing can be compared.",
    "both": "There is no harmonized version to compare them with.",
}


def lead(centers: pd.DataFrame) -> str:
    """The model to show: the leading one of those that were judged by center."""
    named = centers[centers["model"] != ""]
    return order.lead(named) if len(named) else "nomogram"


def centers(table: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """One row a center and the pooled values under them, blocks by endpoint and model."""
    columns = ["", "Judged by", "Patients", "Events", "AUC (95 % interval)", "Calibration-in-the-large"]
    several, rows = table["endpoint"].nunique() > 1, []
    for endpoint, of in table.groupby("endpoint", sort=False):
        for model in order.models(of):
            here = of[of["model"] == model]
            name = prose.model_inline(model) if several else prose.model_name(model)
            title = f"{endpoint}, {name}" if several else name
            rows += [[f"**{title}**", *[""] * 5]] if model else []
            rows += [_center(str(center), own) for center, own in here.groupby("center", sort=False)]
            mine = pooled[(pooled["endpoint"] == endpoint) & (pooled["model"] == model)]
            rows += [line for row in mine.itertuples() for line in _pooled(row)]
    return pd.DataFrame(rows or [[ONE, *[""] * 5]], columns=columns)


def _center(center: str, own: pd.DataFrame) -> list[str]:
    by_metric = own.set_index("metric")
    first = by_metric.loc["auc"]
    cells = [center, JUDGED_BY[first["kind"]], f"{first['n']:,}", f"{first['events']:,}"]
    if not np.isfinite(first["estimate"]):
        return [*cells, first["note"], ABSENT]
    large = ABSENT
    if "calibration_in_the_large" in by_metric.index:
        large = prose.interval(*by_metric.loc["calibration_in_the_large", ["estimate", "low", "high"]])
    area = prose.interval(*first[["estimate", "low", "high"]])
    return [*cells, f"{area}; {first['note'].partition(':')[0]}" if first["note"] else area, large]


def _pooled(row: Any) -> list[list[str]]:
    found = [
        ["Pooled", prose.count(row.centers, "center"), "", "", prose.interval(row.estimate, row.low, row.high), ABSENT]
    ]
    if np.isfinite(row.prediction_low):
        limits = f"{prose.number(row.prediction_low)} to {prose.number(row.prediction_high)}"
        found.append(["A further center", "95 % prediction interval", "", "", limits, ABSENT])
    return found


def harmonization(table: pd.DataFrame, why: str) -> pd.DataFrame:
    """AUC for the outcome with features as measured and harmonized, a row a model and part."""
    columns = ["Model", "Patients", "n (events)", "AUC, features as measured", "AUC, features harmonized"]
    own, rows = table[table["metric"] == "auc"], []
    several = own["endpoint"].nunique() > 1
    for (endpoint, model, part, kind), here in own.groupby(["endpoint", "model", "part", "kind"], sort=False):
        values = here.set_index("version")
        cells = [prose.interval(*values.loc[v, ["estimate", "low", "high"]]) for v in ("as measured", "harmonized")]
        name = f"{endpoint}, {prose.model_inline(model)}" if several else prose.model_name(model)
        size = f"{here['n'].iloc[0]:.0f} ({here['events'].iloc[0]:.0f})"
        rows.append([name, prose.part_name(part, kind), size, *cells])
    return pd.DataFrame(
        rows or [[f"Not compared: {why or 'no part has both classes'}", "", "", "", ""]], columns=columns
    )


def numbers(
    centers: pd.DataFrame,
    pooled: pd.DataFrame,
    harmonization: pd.DataFrame,
    *,
    confounded: Mapping[str, Confounding | None],
    why: Mapping[str, str],
    method: str,
) -> dict[str, Any]:
    """What prose says of centers: the answer, what centers tell of the outcome, and what harmonization changes."""
    model = lead(centers)
    parts = {e: [t[t["endpoint"] == e] for t in (centers, pooled, harmonization)] for e in confounded}
    told = {
        "answer": [(e, _answer(*of[:2], model)) for e, of in parts.items()],
        "confounded": [(e, _confounded(found)) for e, found in confounded.items() if found],
        "traces": [(e, _traces(of[2], why.get(e, ""))) for e, of in parts.items()],
        "both": [(e, _both(of[2], model)) for e, of in parts.items() if len(of[2])],
    }
    texts = {name: " ".join(_in(e, len(parts) > 1) + text for e, text in found if text) for name, found in told.items()}
    own = "read features harmonized by ComBat" if method == "combat" else "read features as measured"
    return {name: text or NOTHING[name] for name, text in texts.items()} | {
        "lead": prose.model_after_the(model),
        "own": own,
        "how": HOW if len(centers) else ALONE,
    }


def _in(endpoint: str, several: bool) -> str:
    return f"*{endpoint.replace('_', ' ')}*: " if several else ""


def _answer(centers: pd.DataFrame, pooled: pd.DataFrame, model: str) -> str:
    own = centers[centers["model"].isin([model, ""]) & (centers["metric"] == "auc")]
    if own.empty:
        return ONE
    known = own[own["estimate"].notna()].sort_values("estimate", kind="stable")
    others = [f"{row.center} ({row.note.removeprefix('no AUC: ')})" for row in own[own["estimate"].isna()].itertuples()]
    missing = f" Not judged: {prose.listing(others)}." if others else ""
    name = prose.model_inline(model)
    if known.empty:
        return f"No center could be judged by itself.{missing}"
    low, high = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        text = f"In {low.center}, which the {name} never saw, its AUC was {prose.interval(low.estimate, low.low, low.high)}."
    else:
        text = (
            f"In centers that it never saw, the AUC of the {name} lay between {prose.number(low.estimate)} ({low.center}) and "
            f"{prose.number(high.estimate)} ({high.center})."
        )
    mine = pooled[pooled["model"] == model]
    return text + "".join(_spread(row) for row in mine.itertuples()) + missing


def _spread(row: Any) -> str:
    """The pooled area, what a further center may bring, and whether centers differ."""
    text = f" Pooled over {prose.count(row.centers, 'center')} it is {prose.interval(row.estimate, row.low, row.high)}"
    if np.isfinite(row.prediction_low):
        limits = f"{prose.number(row.prediction_low)} and {prose.number(row.prediction_high)}"
        text += f", and a further center of this kind would be expected between {limits} (95 % prediction interval)"
    differ = "more than chance explains" if row.p < 0.05 else "no more than chance explains"
    few = " So few centers cannot say much about the next one." if row.centers < FEW_CENTERS else ""
    return f"{text}. The centers differ {differ} ({prose.p_value(row.p)}).{few}"


def _confounded(found: Confounding) -> str:
    low, high = (f"{prose.percent(events, n)} in {center}" for center, events, n in (found.lowest, found.highest))
    shares = f"The event is present in {low} and {high}"
    if not found.told:
        return f"{shares}, a spread among training centers that chance explains ({prose.p_value(found.p)})."
    return (
        f"**Center and outcome go together**: {shares[0].lower()}{shares[1:]} (training patients, {prose.p_value(found.p)}, Cramér's "
        f"V {prose.number(found.v)}). A model may then tell the center in place of the disease, and harmonization may take out "
        "what tells the disease."
    )


def _traces(table: pd.DataFrame, why: str) -> str:
    if table.empty:
        return f"{why or 'No model reads features'}, so that nothing can be compared with harmonized features."
    told = []
    for model, here in table[table["metric"].str.startswith("center_")].groupby("model", sort=False):
        values = here.set_index(["version", "metric"])["estimate"]
        shares = [f"{100 * values[v, 'center_accuracy']:.0f} %" for v in ("as measured", "harmonized")]
        base = f"{100 * values['as measured', 'center_commonest']:.0f} %"
        told.append(
            f"From its {model} features as measured, a training patient's center is told right in {shares[0]}, against {base} by "
            f"always naming the commonest; once they are harmonized in {shares[1]}."
        )
    return " ".join(told)


def _both(table: pd.DataFrame, model: str) -> str:
    """The AUC of the leading model both ways, in the first part it never saw, else out-of-fold."""
    own = table[(table["metric"] == "auc") & (table["model"] == model)]
    if own.empty:
        return ""
    frozen = own[own["kind"] == "frozen"]
    here = frozen if len(frozen) else own
    here = here[here["part"] == here["part"].iloc[0]].set_index("version")
    first, second = (prose.interval(*here.loc[v, ["estimate", "low", "high"]]) for v in ("as measured", "harmonized"))
    where = prose.part_inline(here["part"].iloc[0], here["kind"].iloc[0])
    return f"The AUC of the {prose.model_inline(model)} ({where}) is {first} with features as measured and {second} with harmonized ones."
