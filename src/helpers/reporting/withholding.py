"""A page without results: what is left of captions, numbers and prose once the integrity gate withholds the headline.

Every figure and table keeps its label, so that references stay resolved, and says instead why it is not shown. The
cohort, the images, the selection and the gate itself stay: they are what the fault is looked for in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from helpers.figures import theme

# Notebooks that show how nobody's model does; whatever stage is not named here is withheld.
SHOWN = (
    "01_cohort", "02_extraction", "02_volumes", "03_participants", "04_selection", "05_modeling", "09_integrity", "10_plausibility",
)  # fmt: skip
# Figures and tables of those that set a model's result beside what they check.
RESULTS = ("fig-recipe", "tbl-recipe")
NUMBERS = (
    "cohort", "extraction", "flow", "quality", "preprocessing", "segmentation", "sheet", "audit", "ibsi", "selection", "modeling",
    "nomogram", "integrity",
)  # fmt: skip
PROSE = ("selection", "model", "plausibility")
RESULT = re.compile(r"\d\.\d|\d %")
SENTENCE = "Withheld: a rule of the integrity gate failed, and no result of a model is shown."


def numbers(held: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded numbers, those that tell a result replaced by a word."""
    return {key: value if key in NUMBERS else _silenced(value) for key, value in held.items()}


def _silenced(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _silenced(each) for key, each in value.items()}
    return "(withheld)" if RESULT.search(str(value)) else value


def prose(texts: Mapping[str, str]) -> dict[str, str]:
    """Generated prose of the sections, that of results replaced by why it is not there."""
    return {name: text if name in PROSE else SENTENCE + "\n" for name, text in texts.items()}


def cells(staged: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """A staged notebook whose results are replaced by why they are not there."""
    return {**staged, "cells": [_cell(cell, name=name) for cell in staged["cells"]]}


def _cell(cell: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    label = cell["id"]
    if name in SHOWN and label not in RESULTS:
        return dict(cell)
    kind = label.split("-")[0]
    lines = [f"#| label: {label}", f'#| {kind}-cap: "{SENTENCE}"']
    data = {"text/markdown": f"| Withheld |\n| :--- |\n| {SENTENCE} |"}
    if kind == "fig":
        lines.append(f'#| fig-alt: "{SENTENCE}"')
        data = {"image/svg+xml": theme.svg(theme.message(label, "Withheld by the integrity gate"))}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return {**cell, "source": "\n".join(lines), "outputs": [output]}
