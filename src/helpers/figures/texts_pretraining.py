"""Alternative texts of the figures of the pretraining, and what is said of it in prose, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.figures import names
from helpers.figures.pretraining import ENCODERS

if TYPE_CHECKING:
    from helpers.learning.pretraining.probe import Verdict

COLLAPSED = 0.05  # spread of embeddings below which images are hardly told apart


def numbers(
    about: Mapping[str, Any], pretraining: pd.DataFrame, probe: pd.DataFrame, found: Sequence[Verdict], *, level: float
) -> dict[str, str]:
    """What numbers.yml holds under `pretraining`."""
    return {
        "corpus": corpus(about),
        "course": course(pretraining, kept=int(about["kept"])),
        "verdict": " ".join(verdict(one, level=level) for one in found),
        "alt_curves": alt_curves(pretraining),
        "alt_restored": "Slices of held-out images as they are, as they were shown, and as the network restored them.",
        "alt_probe": alt_probe(probe),
    }


def corpus(about: Mapping[str, Any]) -> str:
    """What the encoder learned from, and what was left out."""
    own = bool(about["patients"])
    of = prose.count(
        about["groups"], "training patient" if own else "patient or folder", None if own else "patients or folders"
    )
    told = [
        f"It learned from {prose.count(about['images'], 'image')} and was judged on {about['held_out']:,} held out, of {of}, "
        "without any label and without a test patient."
    ]
    if own:
        told.append(
            "These are the study's own training images: a network judged out of fold has an encoder that has seen the image, though "
            "not the label, of the patient it is judged on."
        )
    left = [
        (about["repeated"], "held the same voxels as another"),
        (about["testing"], "were scans of patients outside the training part"),
        (about["unusable"], "could not be used"),
    ]
    out = [f"{count:,} {words}" for count, words in left if count]
    if out:
        told.append(f"Of {prose.count(about['volumes'], 'volume')}, {prose.listing(out)}, and were left out.")
    return " ".join(told)


def course(pretraining: pd.DataFrame, *, kept: int) -> str:
    """How well held-out images are restored at first and at the epoch kept, and whether embeddings collapsed."""
    held = pretraining[pretraining["part"] == "held out"].set_index("epoch")
    first, last = held.iloc[0], held.loc[kept]
    told = (
        f"On patients held out, restoration rose from {prose.number(first['psnr'], 1)} dB after the first epoch to "
        f"{prose.number(last['psnr'], 1)} dB in epoch {kept + 1}, whose weights were kept (peak signal-to-noise ratio)."
    )
    if last["psnr"] <= first["psnr"]:
        told = told.replace("rose from", "went from")
    fallen = float(last["spread"]) < COLLAPSED
    state = "the encoder has collapsed and tells images hardly apart" if fallen else "the encoder has not collapsed"
    return (
        f"{told} The spread of its embeddings was {prose.number(last['spread'])} (0 where all are the same): {state}."
    )


def verdict(found: Verdict, *, level: float) -> str:
    """Whether pretraining helped the linear probe of an endpoint."""
    helped = {True: "Pretraining helped", False: "Pretraining did not help, as far as these patients can tell"}
    if found.high < 0:
        helped[False] = "Pretraining did harm"
    gap = prose.difference(found.difference, found.low, found.high, 2)
    return (
        f"{helped[found.helped]}, {names.endpoint(found.endpoint)}: with {prose.count(found.labels, 'labeled patient')} a linear model "
        f"reached a mean AUC of {prose.number(found.pretrained)} on the pretrained encoder and of {prose.number(found.random)} on the "
        f"same encoder with random weights, a difference of {gap}; the {100 * level:.0f} % interval allows for the overlap of repeats."
    )


def alt_curves(pretraining: pd.DataFrame) -> str:
    """Loss, restoration and spread of the held-out images in the first and the last epoch."""
    held = pretraining[pretraining["part"] == "held out"]
    if held.empty:
        return "Nothing was pretrained."
    told = [
        f"{words} {prose.number(float(held[column].iloc[0]))} to {prose.number(float(held[column].iloc[-1]))}"
        for column, words in (("loss", "loss"), ("psnr", "restoration in dB"), ("spread", "spread of embeddings"))
    ]
    return (
        f"Curves of the pretraining by epoch; held-out images from the first to the last epoch: {prose.listing(told)}."
    )


def alt_probe(probe: pd.DataFrame) -> str:
    """Mean, smallest and largest AUC of every encoder by endpoint."""
    sentences = ["AUC of a linear model on frozen encoders."]
    for endpoint, own in probe.groupby("endpoint", sort=False):
        told = [_range(own.loc[own["encoder"] == e, "auc"], words) for e, (words, _, _) in ENCODERS.items()]
        sentences.append(f"{names.endpoint(str(endpoint))}: {'; '.join(told)}.")
    return " ".join(sentences)


def table(probe: pd.DataFrame, found: Sequence[Verdict], *, level: float) -> pd.DataFrame:
    """The table of the probe: mean AUC of each encoder, and what pretraining added, with its interval."""
    gained = {one.endpoint: prose.difference(one.difference, one.low, one.high, 2) for one in found}
    lines = []
    for (endpoint, encoder), own in probe.groupby(["endpoint", "encoder"], sort=False):
        added = gained[endpoint] if encoder == "pretrained" else ""
        mean, sd = float(own["auc"].mean()), float(np.std(own["auc"], ddof=1))
        lines.append(
            (
                names.endpoint(str(endpoint)),
                ENCODERS[encoder][0],
                len(own),
                f"{prose.number(mean)} ({prose.number(sd)})",
                added,
            )
        )
    interval = f"Gain over random weights ({100 * level:.0f} % interval)"
    return pd.DataFrame(lines, columns=["Endpoint", "Input of the linear model", "Repeats", "AUC, mean (SD)", interval])


def _range(values: pd.Series, words: str) -> str:
    low, high = prose.number(float(values.min())), prose.number(float(values.max()))
    return f"{words.lower()} mean {prose.number(float(values.mean()))}, {low} to {high}"
