"""Gray level size zones: PyRadiomics' features of touching voxels of one gray level."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from helpers.imaging.radiomics import angles, emphasis
from helpers.imaging.radiomics.discretize import Levels
from helpers.imaging.radiomics.settings import Settings

QUANTITIES = {
    "GrayLevelNonUniformity": "level_nonuniformity",
    "GrayLevelNonUniformityNormalized": "level_nonuniformity_normalized",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelZoneEmphasis": "high_level",
    "LargeAreaEmphasis": "large",
    "LargeAreaHighGrayLevelEmphasis": "large_high_level",
    "LargeAreaLowGrayLevelEmphasis": "large_low_level",
    "LowGrayLevelZoneEmphasis": "low_level",
    "SizeZoneNonUniformity": "size_nonuniformity",
    "SizeZoneNonUniformityNormalized": "size_nonuniformity_normalized",
    "SmallAreaEmphasis": "small",
    "SmallAreaHighGrayLevelEmphasis": "small_high_level",
    "SmallAreaLowGrayLevelEmphasis": "small_low_level",
    "ZoneEntropy": "entropy",
    "ZonePercentage": "percentage",
    "ZoneVariance": "size_variance",
}
NAMES = tuple(QUANTITIES)
PLACES = emphasis.places(QUANTITIES)
NUMBER = np.zeros(2**12 + 1, dtype=np.uint8)  # of the only bit that is set
NUMBER[2 ** np.arange(13)] = np.arange(13)


def measure(levels: Levels, *, spacing: tuple[float, float, float], settings: Settings) -> np.ndarray:
    """The features in the order of NAMES; `spacing` plays no part.

    Raises CaseError when the lesion's box has room for no neighbor. Thibault 2009, as PyRadiomics 3.0.1 defines
    it: zones touch by faces, edges or corners.
    """
    box = angles.padded(levels)
    steps = angles.directions(box.size, settings=settings, both=False, distances=(1,))
    alike = angles.alike(box, steps @ box.strides)
    zones = _zones(box.inside, alike, steps @ box.strides, _enough(steps.tobytes()), NUMBER, len(box.ranks))
    keys, counts = np.unique(_keys(box.ranks, *zones, len(box.present)), return_counts=True)
    size, rank = np.divmod(keys, len(box.present))
    sizes, column = np.unique(size, return_inverse=True)
    entries = (np.array([0, len(keys)]), rank, column, counts.astype(np.float64))
    return emphasis.measure(*entries, box.present, sizes.astype(np.float64))[0, PLACES]


@cache
def _enough(steps: bytes) -> np.ndarray:
    """For every set of neighbors (bits, one a step) one of each cluster that touches: joining those joins all."""
    directions = np.frombuffer(steps, dtype=np.int64).reshape(-1, 3)
    touch = np.abs(directions[:, None] - directions[None]).max(axis=2) <= 1
    return _representatives(touch, np.zeros(2 ** len(directions), dtype=np.uint16))


@njit(cache=True, nogil=True, error_model="numpy")
def _representatives(touch, kept):
    members = len(touch)
    for bits in range(len(kept)):
        left = bits
        for k in range(members):
            if left >> k & 1:
                kept[bits] |= np.uint16(1 << k)
                cluster, grown = 0, 1 << k
                while grown != cluster:
                    cluster = grown
                    for a in range(members):
                        for b in range(members):
                            if cluster >> a & 1 and bits >> b & 1 and touch[a, b]:
                                grown |= 1 << b
                left &= ~cluster
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def _zones(inside, alike, offsets, enough, number, length):
    """A voxel of every zone, and the zones' sizes, in one pass from the last voxel to the first.

    A voxel takes the label of a neighbor behind it with its gray level; labels that turn out to name one zone are
    kept in lists, each with one representative, so that it is found at once (He 2009, doi 10.1109/TIP.2009.2016566).
    """
    label = np.empty(length, np.int32)
    zone, following, last = np.empty((3, len(inside)), np.int32)
    members, sizes, voxels = np.empty((3, len(inside)), np.int32)
    labels = 0
    for k in range(len(inside) - 1, -1, -1):
        i = np.int64(inside[k])
        bits = np.int64(enough[alike[i]])
        if bits == 0:
            label[i] = zone[labels] = last[labels] = labels
            following[labels], members[labels], sizes[labels], voxels[labels] = -1, 1, 1, i
            labels += 1
            continue
        bit = bits & -bits
        own = label[i + offsets[number[bit]]]
        label[i] = own
        sizes[own] += 1
        bits ^= bit
        while bits:
            bit = bits & -bits
            one, other = zone[own], zone[label[i + offsets[number[bit]]]]
            if one != other:
                _merge(one, other, zone, following, last, members)
            bits ^= bit
    return _gather(zone[:labels], sizes, voxels)


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(one, other, zone, following, last, members):
    """The shorter list of labels joins the longer."""
    if members[one] < members[other]:
        one, other = other, one
    label = other
    while label >= 0:
        zone[label] = one
        label = following[label]
    following[last[one]] = other
    last[one] = last[other]
    members[one] += members[other]


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(zone, sizes, voxels):
    """Sizes of labels summed by zone, and the zones' first voxels."""
    for label in range(len(zone)):
        if zone[label] != label:
            sizes[zone[label]] += sizes[label]
    zones = 0
    for label in range(len(zone)):
        if zone[label] == label:
            voxels[zones], sizes[zones] = voxels[label], sizes[label]
            zones += 1
    return voxels[:zones].copy(), sizes[:zones].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _keys(ranks, roots, sizes, levels):
    keys = np.empty(len(roots), np.int64)
    for k in range(len(roots)):
        keys[k] = np.int64(sizes[k]) * levels + (np.int64(ranks[roots[k]]) - 1)
    return keys
