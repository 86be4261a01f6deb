"""Stationary wavelet bands over one box, equal to transforming the whole scan, bit for bit as PyWavelets does it.

Each level filters an axis around its circle and keeps every sample; PyRadiomics starts the next level from the
approximation without spreading the filter. Only the box, and what the levels to come reach around it, is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np
import pywt
from numba import njit

from helpers.imaging.geometry import Box
from helpers.imaging.radiomics.scan import Scan
from helpers.imaging.radiomics.settings import Settings

LETTERS = "LH"


def names(settings: Settings) -> list[str]:
    """wavelet-LLH ... wavelet-LLL, the letters x, y, z; wavelet2-... from the second level on."""
    bands = ["".join(letters) for letters in product(LETTERS, repeat=len(_axes(settings)))]
    levels = range(1, settings.level + 1)
    details = [f"{_prefix(level)}-{band}" for level in levels for band in bands[1:]]
    return [*details, f"{_prefix(settings.level)}-{bands[0]}"]


def bands(scan: Scan, box: Box, *, settings: Settings) -> Iterator[tuple[str, np.ndarray]]:
    """(name, band over `box`) of a scan, in the order of `names`.

    float32 stays float32, all else becomes float64. PyRadiomics repeats the first voxel at the end of an axis of
    odd size, and so does this.
    """
    axes = _axes(settings)
    kind = np.float32 if scan.dtype == np.float32 else np.float64
    taps = _taps(settings.wavelet, kind)
    last = settings.start_level + settings.level
    circles = [size + size % 2 for size in scan.shape]
    windows = [_window(edge, axis in axes, last, taps.shape[1]) for axis, edge in enumerate(box)]
    index = [_wrapped(w[last], circles[a], size) for a, (w, size) in enumerate(zip(windows, scan.shape, strict=True))]
    approximation = np.ascontiguousarray(scan.take(np.ix_(*index)), dtype=kind)
    for level in range(last):
        ahead = [window[last - 1 - level] for window in windows]
        wanted = level >= settings.start_level
        parts = _split(approximation, ahead, axes, circles, taps, details=wanted)
        approximation = parts.pop(LETTERS[0] * len(axes))
        inner = tuple(slice(e.start - w.start, e.stop - w.start) for e, w in zip(box, ahead, strict=True))
        if wanted:
            prefix = _prefix(level - settings.start_level + 1)
            yield from ((f"{prefix}-{band}", parts[band][inner].copy()) for band in sorted(parts, key=_order))
    yield f"{_prefix(settings.level)}-{LETTERS[0] * len(axes)}", approximation


@lru_cache(maxsize=16)
def _taps(wavelet: str, kind: type) -> np.ndarray:
    """Low and high pass, read off a unit impulse: PyWavelets' float32 filters are not its float64 ones rounded."""
    length = pywt.Wavelet(wavelet).dec_len
    impulse = np.zeros(length + length % 2, dtype=kind)
    impulse[0] = 1
    return np.roll(pywt.swt(impulse, wavelet, level=1)[0], length // 2, axis=1)[:, :length]


def _prefix(level: int) -> str:
    return "wavelet" if level == 1 else f"wavelet{level}"


def _order(band: str) -> list[int]:
    return [LETTERS.index(letter) for letter in band]


def _axes(settings: Settings) -> list[int]:
    """x first; the axis across the slices is left out in 2D."""
    return [axis for axis in (2, 1, 0) if not (settings.force2d and axis == settings.force2d_dimension)]


def _window(edge: slice, filtered: bool, levels: int, length: int) -> list[slice]:
    """The extents needed with 0, 1, ... levels still to go; they may lie beyond the circle."""
    before, after = (length // 2 - 1, length // 2) if filtered else (0, 0)
    return [slice(edge.start - n * before, edge.stop + n * after) for n in range(levels + 1)]


def _wrapped(window: slice, circle: int, size: int) -> np.ndarray:
    position = np.arange(window.start, window.stop) % circle
    return np.where(position == size, 0, position)


def _split(
    source: np.ndarray, windows: list[slice], axes: list[int], circles: list[int], taps: np.ndarray, *, details: bool
) -> dict[str, np.ndarray]:
    """One level: low and high pass along each axis in turn, each shrinking the array to its window."""
    parts = {"": source}
    for axis in axes:
        count = windows[axis].stop - windows[axis].start
        ends = np.arange(windows[axis].start, windows[axis].stop) % circles[axis] + taps.shape[1] // 2
        beyond = np.maximum(ends - circles[axis] + 1, 0)  # taps that have passed the end of the circle
        split = {}
        for band, part in parts.items():
            kinds = range(2 if details else 1)
            for letter, filtered in zip(LETTERS, _filter_all(part, axis, count, taps, beyond, kinds), strict=False):
                split[band + letter] = filtered
        parts = split
    return parts


def _filter_all(
    part: np.ndarray, axis: int, count: int, taps: np.ndarray, beyond: np.ndarray, kinds: range
) -> Iterator[np.ndarray]:
    sizes = list(part.shape)
    sizes[axis] = count
    before = int(np.prod(part.shape[:axis]))
    flat = part.reshape(before, part.shape[axis], -1)
    for kind in kinds:
        out = np.empty(sizes, dtype=part.dtype)
        _filter(flat, taps[kind], beyond, out.reshape(before, count, -1))
        yield out


@njit(cache=True, nogil=True, error_model="numpy")
def _filter(source, taps, beyond, out):
    """Along the middle axis: out[i] = sum of taps[j] source[i + length - 1 - j], in PyWavelets' order of terms.

    Taps beyond the end of the circle are summed first, and from the last of them back.
    """
    length = taps.size
    for p in range(out.shape[0]):
        for i in range(out.shape[1]):
            first = min(beyond[i], length)
            for q in range(out.shape[2]):
                out[p, i, q] = 0
            for j in range(length):
                tap = first - 1 - j if j < first else j
                row = i + length - 1 - tap
                for q in range(out.shape[2]):
                    out[p, i, q] += taps[tap] * source[p, row, q]
