"""What the report says of explanations: where saliency lies, whether it hangs on the weights, and how cases were chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.learning.explain.concentration import Concentration, concentration
from helpers.parameters import Parameters

FAR = 2.0  # times the lesion's share from which saliency is said to lie in the lesion
LOST = 0.5  # rank correlation below which a map is said to hang on the weights
KEYS = ["endpoint", "model", "method"]
GUIDES = {
    "dose": "{name} is guided by the dose, whose lines of 50 % and 95 % of the prescription are dashed.",
    "target": "{name} is guided by the target volume, whose outline is dashed.",
    "lesion": "{name} looks at the lesion by construction: its guide is the lesion.",
}
REFERENCES = {
    "Grad-CAM": "Grad-CAM of the layer before the mean [@selvaraju2017]",
    "integrated gradients": "integrated gradients from an image of zeros, as the mean over blocks of 3 x 3 x 3 voxels [@sundararajan2017]",
    "attention": "the attention of the network's summary to the patches, mean of heads",
}


def table(saliency: pd.DataFrame) -> pd.DataFrame:
    """By endpoint, network and method: cases, medians of the share inside and of the lesion, their ratio, cases above, P."""
    rows = []
    for keys, own in saliency.groupby(KEYS, sort=False):
        told = concentration(own["inside"].to_numpy(), own["volume_share"].to_numpy())
        rows.append((
            keys[0].replace("_", " "), keys[1], keys[2], told.cases, percent(told.inside), percent(told.volume_share),
            prose.number(_times(told), 1), prose.percent(told.above, told.cases), prose.p_cell(told.p),
        ))  # fmt: skip
    columns = [
        "Endpoint", "Network", "Method", "Cases", "Saliency inside the lesion, median", "Lesion's share, median", "Ratio",
        "Cases above the lesion's share", "P",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def numbers(saliency: pd.DataFrame, randomization: pd.DataFrame, parameters: Parameters) -> dict[str, Any]:
    """What prose says of the explanations of a study."""
    return {
        "answer": " ".join(_answer(keys, own) for keys, own in saliency.groupby(KEYS, sort=False)),
        "check": " ".join(_check(keys, own) for keys, own in randomization.groupby(KEYS, sort=False)),
        "chosen": _chosen(saliency, parameters.explanation.cases),
        "methods": f"Maps are {prose.listing([REFERENCES[m] for m in dict.fromkeys(saliency['method'])])}.",
        "cases": prose.count(saliency["case"].nunique(), "case"),
        "guide": _guide(saliency, parameters),
    }


def _answer(keys: tuple[str, str, str], own: pd.DataFrame) -> str:
    """Where a network looked, by one method."""
    told = concentration(own["inside"].to_numpy(), own["volume_share"].to_numpy())
    who = f"{keys[2][:1].upper()}{keys[2][1:]} of {keys[1]} for {keys[0].replace('_', ' ')}"
    if not told.cases:
        return f"{who} shows nothing in any case."
    where = f"median {percent(told.inside)} inside the lesion, which fills {percent(told.volume_share)} of what the network saw"
    count = f"more than that in {prose.percent(told.above, told.cases)} cases"
    p = f"; {prose.p_value(told.p)}" if np.isfinite(told.p) else ""
    return f"{who} lies {_verdict(told)}: {where} ({count}{p})."


def _verdict(told: Concentration) -> str:
    if _times(told) >= FAR and not told.p >= 0.05:
        return "in the lesion"
    if told.inside > told.volume_share and told.p < 0.05:
        return "only a little more in the lesion than anywhere"
    return "no more in the lesion than anywhere"


def _check(keys: tuple[str, str, str], own: pd.DataFrame) -> str:
    """What is left of the maps when every layer has new weights."""
    first, last = own.loc[own["depth"].idxmin()], own.loc[own["depth"].idxmax()]
    held = (
        "hang on what was learned"
        if abs(last["similarity"]) < LOST
        else "hardly hang on what was learned, and show the scan"
    )
    return (
        f"Maps of {keys[1]} by {keys[2]} for {keys[0].replace('_', ' ')} {held}: with all layers new their rank correlation with the "
        f"trained network's is {prose.number(last['similarity'])}, and {percent(last['inside'])} lies inside the lesion, against "
        f"{percent(first['inside'])}."
    )


def _chosen(saliency: pd.DataFrame, cases: int) -> str:
    how = "the case" if cases == 1 else f"the {cases} cases"
    told = f"Of each outcome at the frozen threshold {how} of median confidence is shown, chosen by rule."
    told = told if cases == 1 else told.replace("is shown", "are shown")
    groups = saliency.groupby(["endpoint", "model"], sort=False)
    none = {outcome for _, own in groups for outcome in ("TP", "TN", "FP", "FN") if outcome not in set(own["outcome"])}
    words = {"TP": "true positives", "TN": "true negatives", "FP": "false positives", "FN": "false negatives"}
    return f"{told} Without any: {prose.listing([words[o] for o in words if o in none])}." if none else told


def _guide(saliency: pd.DataFrame, parameters: Parameters) -> str:
    """What the figure shows of the guide, and what a guide by the lesion means for the share inside."""
    shown = set(saliency["model"])
    by_guide = {n.guide: n.name for n in parameters.networks.models if n.name in shown and n.combine == "attention"}
    return " ".join(sentence.format(name=by_guide[guide]) for guide, sentence in GUIDES.items() if guide in by_guide)


def _times(told: Concentration) -> float:
    return told.inside / told.volume_share if told.volume_share else float("nan")


def percent(share: float) -> str:
    """0.317 -> "32 %"; below a tenth one digit more."""
    if not np.isfinite(share):
        return prose.NOT_ESTIMABLE
    return f"{100 * share:.{0 if share >= 0.095 else 1}f} %"
