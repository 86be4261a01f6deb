"""The words on figures: features, parts, endpoints and counts, and fitting them into mm."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from helpers.figures.theme import MODELS, SMALL

CLASSES = {c: c for c in ("shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm")} | {"firstorder": "first-order"}
SIGNATURES = {"radiomics": "Radiomics", "deep": "Deep", "clinical": "Clinical"}
POINT = 25.4 / 72  # mm


def feature(name: str) -> str:
    """`T1c_wavelet-HHL_glcm_JointEntropy` -> "T1c · wavelet HHL · glcm Joint Entropy"; others in words."""
    if "_deep_" in name:
        return " · deep ".join(name.rsplit("_deep_", 1)).replace("_", " ")
    parts = name.rsplit("_", 3)
    if len(parts) != 4 or parts[2] not in CLASSES:
        return name.replace("_", " ")
    sequence, image, family, measure = parts
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", measure)
    middle = [] if image == "original" else [_image_type(image)]
    return " · ".join([sequence.replace("_", " "), *middle, f"{CLASSES[family]} {words}"])


def _image_type(image: str) -> str:
    found = re.match(r"log-sigma-(\d+)-(\d+)-mm", image)
    return f"LoG {found[1]}.{found[2]} mm" if found else image.replace("-", " ")


def part(name: str, kind: str = "") -> str:
    """ "Training (out-of-fold)", "Test", "External: Lyon"."""
    if name == "train":
        return {"oof": "Training (out-of-fold)", "apparent": "Training (apparent)"}.get(kind, "Training")
    return f"External: {name.partition(':')[2]}" if name.startswith("external:") else name.capitalize()


def endpoint(name: str) -> str:
    return name.replace("_", " ")


def signature(name: str) -> str:
    return SIGNATURES.get(name, name.capitalize())


def reader(name: str) -> str:
    """`reader1` -> "Reader 1", and so does `1`."""
    if name.isdigit():
        return f"Reader {name}"
    return sentence_case(re.sub(r"(?<=[A-Za-z])(?=\d+$)", " ", name))


def sentence_case(name: str) -> str:
    """`days_since_rt` -> "Days since rt"."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def patients(n: float, events: float) -> str:
    """ "n = 36, 16 events"."""
    return f"n = {n:,.0f}, {events:,.0f} {'event' if events == 1 else 'events'}"


def models(found: Iterable[str]) -> list[str]:
    """Models in the order of every figure: the four of the house, networks, then the others as they come."""
    found = list(dict.fromkeys(found))
    known = [m for m in MODELS if m in found]
    networks = [m for m in found if m.lower().startswith("network")]
    return [*known, *networks, *(m for m in found if m not in known and m not in networks)]


@functools.lru_cache(maxsize=4096)
def width(text: str, size: float = SMALL, weight: str = "normal") -> float:
    """Width of one line of text in mm, with the few percent that hinting adds on screens."""
    font = FontProperties(family="DejaVu Sans", weight=weight, size=size)
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return 1.04 * points * POINT


def shorten(text: str, limit: float, size: float = SMALL, weight: str = "normal") -> str:
    """The text, its middle left out where it is wider than `limit` mm: ends tell features apart."""
    if width(text, size, weight) <= limit:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = (kept + 1) // 2
        cut = f"{text[:head].rstrip()}…{text[len(text) - (kept - head) :].lstrip()}"
        if width(cut, size, weight) <= limit:
            return cut
    return "…"


def wrap(text: str, limit: float, size: float = SMALL, *, lines: int = 2) -> str:
    """The text on at most `lines` lines of `limit` mm; what is still too long is shortened."""
    rows: list[str] = []
    words = text.split(" ")
    while words:
        taken = 1
        while taken < len(words) and width(" ".join(words[: taken + 1]), size) <= limit:
            taken += 1
        if len(rows) == lines - 1:
            taken = len(words)
        rows.append(shorten(" ".join(words[:taken]), limit, size))
        words = words[taken:]
    return "\n".join(rows)


def feature_lines(name: str, limit: float) -> str:
    """A feature's name on lines of `limit` mm; if two do not hold it, shortened origin over measure."""
    words = feature(name)
    origin, _, measure = words.rpartition(" · ")
    wrapped = wrap(words, limit)
    if "…" not in wrapped or not origin:
        return wrapped
    return f"{shorten(origin, limit)}\n{shorten(measure, limit)}"
