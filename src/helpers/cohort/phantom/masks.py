"""Two readers' masks of the same lesion: each outlines it with a hand and a habit of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_fill_holes, label

from helpers.cohort.phantom.anatomy import Head
from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.fields import noise
from helpers.cohort.phantom.lesion import Lesion


@dataclass(frozen=True)
class Hand:
    """A reader's habits, in mm: how far outside the true surface they draw on average, how much that varies from
    lesion to lesion and from slice to slice, and how much their line wanders."""

    bias: float
    between: float
    slices: float
    wander: float


HANDS = {"reader1": Hand(0.1, 0.3, 0.25, 0.7), "reader2": Hand(0.7, 0.5, 0.4, 1.0)}


def outline(head: Head, lesion: Lesion, reader: str, *, seed: int, case: str) -> np.ndarray:
    """The reader's mask, uint8 (z, y, x): one piece without holes, within the skull."""
    hand, rng = HANDS[reader], stream(seed, case, reader)
    field = lesion.inside
    line = hand.bias + hand.between * rng.standard_normal()
    line = line + hand.slices * rng.standard_normal((field.shape[0], 1, 1))
    line = line + hand.wander * noise(rng, field.shape, head.grid.spacing, scale=6 * head.scale)
    drawn = (field + head.scale * line > 0) & (head.brain[lesion.box] > 0.2)
    mask = np.zeros(head.grid.shape, np.uint8)
    mask[lesion.box] = one_piece(drawn | (field >= field.max()))
    return mask


def one_piece(drawn: np.ndarray) -> np.ndarray:
    """The largest connected piece, its holes filled."""
    pieces, number = label(drawn)
    if number > 1:
        drawn = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return binary_fill_holes(drawn)
