"""Which pixels' centers lie inside closed contours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROUNDED = 6  # decimals of a pixel: contours through pixel centers must not depend on the last bits of a transform


def fill(contours: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels (rows, columns; bool) whose centers lie inside an odd number of contours, each (n, 2) of x, y in pixels.

    This even-odd rule makes a contour within a contour a hole, and closes the double edge of a keyhole. Centers on
    a left or upper edge are in, on a right or lower edge out, so that contours which share an edge share no pixel.
    """
    rows, columns = shape
    crossings = np.zeros((rows, columns + 1), dtype=np.int32)
    for contour in contours:
        points = np.round(contour, ROUNDED)
        row, x = _crossings(points, np.roll(points, -1, axis=0), rows)
        np.add.at(crossings, (row, np.clip(np.ceil(x), 0, columns).astype(int)), 1)
    return (np.cumsum(crossings[:, :columns], axis=1) & 1).astype(bool)


def _crossings(start: np.ndarray, end: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Where edges cross the rows of pixel centers: the rows, and x there."""
    upward = start[:, 1] <= end[:, 1]
    low, high = np.where(upward[:, None], start, end), np.where(upward[:, None], end, start)
    first = np.maximum(np.ceil(low[:, 1]), 0).astype(int)
    last = np.minimum(np.ceil(high[:, 1]), rows).astype(int)  # exclusive: an edge holds its upper end, not its lower
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(start)), counts)
    row = first[edge] + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    run = high[edge] - low[edge]
    x = low[edge, 0] + (row - low[edge, 1]) * run[:, 0] / run[:, 1]
    return row, np.round(x, ROUNDED)
