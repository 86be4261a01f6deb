"""What the report takes from an executed notebook: labelled cells, their captions filled and the rest left behind."""

from __future__ import annotations

import base64
import difflib
import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helpers.errors import RadiogramError

Cell = dict[str, Any]
PLACEHOLDER = re.compile(r"\{([A-Za-z]\w*(?:\.[\w:-]+)*)\}")
CAPTIONS = ("fig-cap", "tbl-cap")
SHOWN = ("image/svg+xml", "image/png", "text/markdown")
NEEDED = {"fig": ("fig-cap", "fig-alt"), "tbl": ("tbl-cap",)}


def read(path: Path) -> dict[str, Any]:
    """An executed notebook. Raises RadiogramError when there is none."""
    if not path.is_file():
        raise RadiogramError(f"Notebook {path.name} has not been executed: run `radiogram report` on the study.")
    return json.loads(path.read_text(encoding="utf-8"))


def options(cell: Cell) -> dict[str, Any]:
    """The `#| name: value` lines that a cell begins with."""
    lines = _text(cell["source"]).splitlines()
    head = [line[2:].removeprefix(" ") for line in lines if line.startswith("#|")]
    return (yaml.safe_load("\n".join(head)) or {}) if cell["cell_type"] == "code" else {}


def labelled(notebook: Mapping[str, Any]) -> dict[str, Cell]:
    """Code cells by the label that sections embed them with."""
    return {label: cell for cell in notebook["cells"] if (label := options(cell).get("label"))}


def staged(
    notebook: Mapping[str, Any], *, name: str, numbers: Mapping[str, Any], announcements: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The notebook that is embedded: labelled cells only, without code, captions filled and announcements appended.

    Raises RadiogramError for a caption that is missing or names an unknown number, and for an output that is
    not exactly one picture or Markdown table.
    """
    cells = [
        _staged_cell(label, cell, name=name, numbers=numbers, announcements=announcements)
        for label, cell in labelled(notebook).items()
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def _staged_cell(
    label: str, cell: Cell, *, name: str, numbers: Mapping[str, Any], announcements: tuple[str, ...]
) -> Cell:
    where = f"Notebook {name}, cell {label}"
    said = options(cell)
    for option in NEEDED.get(label.split("-")[0], ()):
        if not str(said.get(option) or "").strip():
            raise RadiogramError(f"{where}: it has no {option}; every figure and table says what it shows.")
    filled = {key: fill(str(value), numbers, where=f"{where}, {key}") for key, value in said.items()}
    for key in filled.keys() & set(CAPTIONS):
        filled[key] = " ".join([filled[key], *announcements])
    source = "\n".join(f"#| {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in filled.items())
    output = _output(cell, where=where)
    return {
        "cell_type": "code", "id": label, "metadata": {}, "execution_count": 1, "source": source, "outputs": [output],
    }  # fmt: skip


def fill(text: str, numbers: Mapping[str, Any], *, where: str) -> str:
    """Replace every `{dotted.key}` by its recorded value. Raises RadiogramError for a key that was not recorded."""

    def value(match: re.Match[str]) -> str:
        found = lookup(numbers, match[1])
        if found is None:
            near = difflib.get_close_matches(match[1], known_keys(numbers), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise RadiogramError(f"{where}: the caption names {{{match[1]}}}, which numbers.yml does not hold.{hint}")
        return found

    return " ".join(PLACEHOLDER.sub(value, text).split())


def lookup(numbers: Mapping[str, Any], key: str) -> str | None:
    """The value of a dotted key as text; None where there is none, or a mapping."""
    found: Any = numbers
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return None if isinstance(found, Mapping | list) or found is None else str(found)


def known_keys(numbers: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of every value."""
    keys = []
    for key, value in numbers.items():
        keys += known_keys(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return keys


def _output(cell: Cell, *, where: str) -> dict[str, Any]:
    shown = [output for output in cell["outputs"] if output.get("data")]
    if any("text/html" in output["data"] for output in shown):
        raise RadiogramError(
            f"{where}: its output is HTML, which pulls scripts into the page; show Markdown or a picture."
        )
    kinds = [(output, kind) for output in shown for kind in SHOWN if kind in output["data"]]
    if len(kinds) != 1:
        raise RadiogramError(f"{where}: it shows {len(kinds)} pictures or tables; a labelled cell shows exactly one.")
    output, kind = kinds[0]
    data = _text(output["data"][kind])
    width = {kind: {"width": css_width(data)}} if kind == "image/png" else {}
    return {"output_type": "display_data", "data": {kind: data}, "metadata": width}


def css_width(png: str) -> int:
    """Width of a base64 PNG on the page: its size in print, in CSS pixels (96 to the inch)."""
    content = base64.b64decode(png)
    pixels = struct.unpack(">I", content[16:20])[0]
    at = content.find(b"pHYs", 0, 4096)
    per_meter, unit = (struct.unpack(">I", content[at + 4 : at + 8])[0], content[at + 12]) if at > 0 else (0, 0)
    return round(pixels / per_meter / 0.0254 * 96) if per_meter and unit == 1 else pixels


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
