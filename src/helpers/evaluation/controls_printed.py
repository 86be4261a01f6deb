"""What the report says of the voxel controls: what was shuffled, and what the models still reach."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import prose
from helpers.learning.controls import ORIGINAL, TEXTURE

NAMED = {ORIGINAL: "", "inside": "within the lesion", "outside": "outside the lesion"}
NOT_ASKED = "No voxel control was asked for (parameter `controls.voxels`)."


def numbers(controls: pd.DataFrame, features: pd.DataFrame) -> dict[str, Any]:
    """What prose says of tables `controls` and `control_features`."""
    if controls.empty:
        return {"answer": NOT_ASKED, "shuffled": "not shuffled", "cases": "no case"}
    found = [words for name, words in NAMED.items() if name in set(features["control"])]
    return {
        "answer": " ".join(_answer(*keys, own) for keys, own in _judged(controls)),
        "shuffled": f"shuffled {prose.listing(found, 'or')}",
        "cases": prose.count(features["case"].nunique(), "case"),
    }


def _judged(controls: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """(endpoint, model) and its rows in the part that no model was fitted on, else out of fold."""
    found = []
    for keys, own in controls.groupby(["endpoint", "model"], sort=False):
        parts = [part for part in own["part"] if part != "train"] or ["train"]
        found.append((keys, own[own["part"] == parts[0]]))
    return found


def _answer(endpoint: str, model: str, own: pd.DataFrame) -> str:
    by_control = own.set_index("control")
    told = [
        f"{prose.interval(*by_control.loc[name, ['auc', 'low', 'high']].astype(float))} "
        f"{'on the scans as they are' if name == ORIGINAL else f'with voxels shuffled {words}'}"
        for name, words in NAMED.items()
        if name in by_control.index
    ]
    where = prose.part_inline(own["part"].iloc[0], own["kind"].iloc[0])
    return f"{label(model)} ({endpoint.replace('_', ' ')}, {where}) reaches an AUC of {prose.listing(told)}."


def label(model: str) -> str:
    """The model as a reader meets it."""
    return "Texture alone" if model == TEXTURE else prose.model_name(model)
