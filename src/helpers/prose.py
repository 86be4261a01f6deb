"""Numbers into words and Markdown: the one place that rounds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from helpers.tables import write_whole

NOT_ESTIMABLE = "not estimable"
MOST_DIGITS = 6


def number(value: float, digits: int = 2) -> str:
    """0.8412 -> "0.84"; NaN -> "not estimable"; a minus sign, not a hyphen."""
    if value is None or not math.isfinite(value):
        return NOT_ESTIMABLE
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) != 0 else text.lstrip("-")


def interval(estimate: float, low: float, high: float, digits: int = 2) -> str:
    """ "0.84 (0.73 to 0.93)"; with one limit alone "1.00 (at least 0.93)"; without limits, that none can be had.

    A share just below 1 gets further digits: 0.9994 never reads as certainty.
    """
    if not math.isfinite(estimate):
        return NOT_ESTIMABLE
    while high <= 1 and estimate < 1 and round(estimate, digits) == 1 and digits < MOST_DIGITS:
        digits += 1
    if math.isfinite(low) and not math.isfinite(high):
        return f"{number(estimate, digits)} (at least {number(low, digits)})"
    if math.isfinite(high) and not math.isfinite(low):
        return f"{number(estimate, digits)} (at most {number(high, digits)})"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{number(estimate, digits)} (interval {NOT_ESTIMABLE})"
    return f"{number(estimate, digits)} ({number(low, digits)} to {number(high, digits)})"


def difference(estimate: float, low: float, high: float, digits: int = 3) -> str:
    """ "0.044 (-0.0003 to 0.088)": what is not zero does not read as zero, and keeps its side of it."""
    if not all(map(math.isfinite, (estimate, low, high))):
        return interval(estimate, low, high, digits)
    least = 0.5 * 10**-digits
    texts = [number(v, digits + 1 if 0 < abs(v) < least else digits) for v in (estimate, low, high)]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def p_value(p: float) -> str:
    """ "P = 0.027" to two significant digits, "P < 0.001"."""
    if p is None or not math.isfinite(p):
        return NOT_ESTIMABLE
    if p < 0.001:
        return "P < 0.001"
    digits = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    return f"P = {min(p, 0.99 if p < 1 - 1e-9 else 1.0):.{digits}f}"


def p_cell(p: float) -> str:
    """A P value below a header that says P: "0.027", "< 0.001"."""
    return p_value(p).removeprefix("P ").removeprefix("= ")


def percent(numerator: int, denominator: int) -> str:
    """ "19 of 51 (37 %)"."""
    share = f" ({100 * numerator / denominator:.0f} %)" if denominator else ""
    return f"{numerator} of {denominator}{share}"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """ "1 patient", "58 patients"."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def listing(words: Sequence[str], conjunction: str = "and") -> str:
    """ "a, b and c"."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def markdown_table(frame: pd.DataFrame, *, left: int = 1) -> str:
    """A pipe table: the first `left` columns are words and stand left, the others right; Endpoint before them comes on top."""
    words = left + (left > 0 and frame.columns[0] == "Endpoint")
    marks = [":---" if i < words else "---:" for i in range(frame.shape[1])]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    lines = [[_cell(c) for c in frame.columns], marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        value = number(value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def record(folder: Path, **values: Any) -> None:
    """Add formatted values to `numbers.yml`, from which all prose is filled; nested mappings are merged by top key."""
    path = folder / "numbers.yml"
    held = yaml.safe_load(path.read_text()) if path.is_file() else {}
    held.update(values)
    text = yaml.safe_dump(held, allow_unicode=True, sort_keys=True, width=10_000)
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def numbers(folder: Path) -> dict[str, Any]:
    """Every value recorded so far."""
    path = folder / "numbers.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


MODELS = {
    "fusion": "Fusion",
    "nomogram": "Nomogram",
    "winner": "Winner of the contest",
    "radiomics": "Radiomics signature",
    "deep": "Deep signature",
    "clinical": "Clinical model",
}
COMPARATORS = {"suvmax": "SUVmax alone"}


def model_name(model: str) -> str:
    """A model as a reader meets it; a name that a user gave stays as it is."""
    return MODELS.get(model, model)


def model_inline(model: str) -> str:
    """The same inside a sentence: a coined name keeps its capitals."""
    return MODELS[model].lower() if model in MODELS else model


def model_after_the(model: str) -> str:
    """The model after "the" inside a sentence: "nomogram", "model ConvNeXt"."""
    return MODELS[model].lower() if model in MODELS else f"model {model}"


def comparator_name(name: str) -> str:
    """An unfitted comparator as a reader meets it: "volume" -> "Volume alone"."""
    known = COMPARATORS.get(name)
    return known or (name if any(c.isupper() for c in name) else f"{name.replace('_', ' ').capitalize()} alone")


def reader_name(reader: str) -> str:
    """ "reader1" -> "reader 1"; a name that a user gave stays as it is."""
    return re.sub(r"(?<=[a-z])(?=\d+$)", " ", reader)


ABBREVIATIONS = {
    "kps": "KPS",
    "rt": "RT",
    "idh": "IDH",
    "mgmt": "MGMT",
    "ebv": "EBV",
    "dna": "DNA",
    "ki67": "Ki-67",
    "who": "WHO",
}


def variable(name: str, *, inline: bool = False) -> str:
    """A clinical variable or score as a reader meets it: "days_since_rt" -> "Days since RT"; `inline` keeps it lower-case."""
    words = [name, "score"] if name in MODELS else name.split("_")
    words = [ABBREVIATIONS.get(word, word) for word in words]
    if inline or words[0] in ABBREVIATIONS.values():
        return " ".join(words)
    return " ".join([f"{words[0][:1].upper()}{words[0][1:]}", *words[1:]])  # "WHO grade" keeps its capitals


def part_inline(part: str, kind: str = "") -> str:
    """The same inside a sentence: "external (center C)"; the names of places keep their capitals."""
    name = part_name(part, kind)
    return name[0].lower() + name[1:]


def part_name(part: str, kind: str = "") -> str:
    """ "train", "oof" -> "Training (out-of-fold)"; "external:center C" -> "External (center C)"."""
    base, _, center = part.partition(":")
    named = {"train": "Training", "test": "Test", "all": "All patients"}.get(base, base.capitalize())
    inside = center or {"oof": "out-of-fold", "apparent": "apparent"}.get(kind, "")
    return f"{named} ({inside})" if inside else named
