"""Alternative texts of the figures of images: who is shown, what is unusual, what each step did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers import prose
from helpers.figures import names
from helpers.figures.contact_sheet import Tile, readers_of
from helpers.imaging.overview import Step


def alt_contact_sheet(tiles: Sequence[Tile]) -> str:
    """How many lesions, whose contours, and of each numbered case its Dice and what is unusual."""
    if not tiles:
        return "No lesion was measured."
    who = prose.listing([names.reader(reader) for reader in readers_of(tiles)])
    shown = prose.count(len(tiles), "lesion")
    first = f"Contact sheet of {shown}, each on the axial slice where it is largest, with the contours of {who}."
    told = [_told(tile) for tile in tiles]
    unusual = [words for tile, words in zip(tiles, told, strict=True) if words and (tile.concern or tile.slice is None)]
    compared = [tile.dice for tile in tiles if np.isfinite(tile.dice)]
    overlap = f" Dice {prose.number(min(compared))} to {prose.number(max(compared))}." if compared else ""
    rest = f" To look at: {'; '.join(unusual)}." if unusual else " Nothing is unusual about any of them."
    return first + overlap + rest


def _told(tile: Tile) -> str:
    words = tile.concern.replace(";", ",") or "nothing unusual"
    return f"number {tile.number}, {words}" + (", cannot be drawn" if tile.slice is None else "")


def alt_preprocessing(steps: Sequence[Step]) -> str:
    """Each sequence's steps in words, with the intensities of the head before and after."""
    if not steps:
        return "No scan was prepared."
    sentences = []
    for sequence in dict.fromkeys(step.sequence for step in steps):
        own = [step for step in steps if step.sequence == sequence]
        told = prose.listing([f"{step.name} ({step.words})" for step in own])
        sentences.append(
            f"{sequence.replace('_', ' ')}: {told}; intensities {_range(own[0])} before, {_range(own[-1])} after."
        )
    return " ".join(["A slice of one case after each step, with the histogram of the head's intensities.", *sentences])


def told_steps(steps: Sequence[Step]) -> str:
    """A sentence a sequence on what each step did to the example, with its numbers."""
    sentences = []
    for sequence in dict.fromkeys(step.sequence for step in steps):
        own = [step for step in steps if step.sequence == sequence]
        done = prose.listing([step.words for step in own[1:]]) or "measured as it was read"
        sentences.append(f"{sequence.replace('_', ' ')} ({own[0].words}): {done}.")
    return " ".join(sentences)


def _range(step: Step) -> str:
    if not step.values.size:
        return "not measured"
    low, high = (f"{v:.3g}".replace("-", "\N{MINUS SIGN}") for v in np.percentile(step.values, [1, 99]))
    return f"{low} to {high}"
