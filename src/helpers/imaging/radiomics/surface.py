"""A lesion's surface by marching cubes, its area and volume, and the farthest points on it, exactly.

Every edge between a voxel inside and one outside is cut halfway, so a cell is one of 256 kinds and the mesh is
counted, not built: how many cells of each kind, and the sum of their positions, give area and volume.
"""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np

# Corners (z, y, x) and edges of a cell, numbered as Lorensen & Cline (1987, doi 10.1145/37401.37422) do.
CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))

# Triangles of the 128 kinds without corner 7 (bit n: corner n is inside), their edges as hexadecimal digits, ordered
# so that the volume inside counts positive; the other kinds are these turned inside out. Where corners inside meet
# diagonally on a face they are kept apart. Bourke (1994), "Polygonising a scalar field", prints the same surfaces.
TRIANGLES = (
    "|308|019|318198|12a|12a308|0292a9|3282a8a98|23b|20b08b|23b019|21b19b98b|13a3ba|10a08a8ba|0393b9ba9|98a8ba|478|30"
    "7047|019478|317197947|12a478|12a307047|0292a9478|3272a9297947|23b478|20424b47b|23b019478|21b19b94b47b|13a3ba478|"
    "10a04707a7ba|0393b9ba9478|4797b9ba9|549|308549|014154|315358548|12a549|12a308549|0242a4a54|3282a8a58548|23b549|2"
    "0b08b549|23b014154|21b15414b48b|13a3ba549|10a08a8ba549|0343ba3a4a54|54a48a8ba|579789|305095357|018157178|317157|"
    "12a579789|12a305095357|0282a8a58578|3252a5357|23b579789|20b09b95b57b|23b018157178|21b15717b|13a3ba579789|10a0950"
    "5707b0ba|03b0ba0a5057078|57a7ba|65a|30865a|01965a|31819865a|125265|125265308|026069659|328265258598|23b65a|20b08"
    "b65a|23b01965a|21b19b98b65a|1353b5b65|10508b0b5b65|0393b9b69659|65b59b98b|47865a|30704765a|01947865a|31719794765"
    "a|125265478|125265307047|026069659478|329269659397947|23b47865a|20424b47b65a|23b01947865a|21b19b94b47b65a|1353b5"
    "b65478|10b04b47b1b5b65|0393b9b69659478|4797b9b69659|64a49a|30864a49a|0161a6064|3181a8a68648|129264249|1292642493"
    "08|024264|328264248|23b64a49a|20b08b64a49a|23b0161a6064|21b1a616414818b|1393b9b69649|10818b1b6164149|0363b6064|6"
    "4b48b|67a78a89a|30709a0a7a67|0181a8a68678|3171a7a67|129267279789|129269679739309|026068678|327267|23b67a78a89a|2"
    "070979a7a6727b|23b0181a8a68678|21b1a7a6717b|1363b6169678689|10967b|0363b6068678|67b"
)
SAFE = 1 + 1e-12  # a bound is passed over only when rounding cannot have made it too small


def area_and_volume(cells: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Area (mm2) and volume (mm3) of the mesh of `scan`; `spacing` is z, y, x in mm.

    Cells that meet at a face whose corners inside are diagonal can leave the mesh open there; the volume then depends
    on where the array begins, as PyRadiomics' does.
    """
    area, offset, normal = _kinds(spacing)
    counts, positions = cells[:, 0], cells[:, 1:] * np.asarray(spacing)
    return float(counts @ area), float(counts @ offset + np.sum(positions * normal))


@lru_cache(maxsize=64)
def _kinds(spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of the 256 kinds, as `scan` numbers them: its area, its volume towards the cell's origin, and the
    normal by which that volume grows with the cell's position."""
    corners = np.array(CORNERS) * np.asarray(spacing)
    cuts = np.array([(corners[a] + corners[b]) / 2 for a, b in EDGES])
    area, offset, normal = np.zeros(256), np.zeros(256), np.zeros((256, 3))
    for kind, edges in enumerate(TRIANGLES.split("|")):
        a, b, c = (cuts[[int(edge, 16) for edge in edges[k::3]]] for k in range(3))
        across = np.cross(b - a, c - a)
        area[[kind, 255 - kind]] = np.sqrt((across**2).sum(axis=1)).sum() / 2
        offset[kind], normal[kind] = (np.cross(a, b) * c).sum() / 6, across.sum(axis=0) / 6
        offset[255 - kind], normal[255 - kind] = -offset[kind], -normal[kind]
    index = np.arange(256)
    numbered = sum(((index >> _bit(corner)) & 1) << n for n, corner in enumerate(CORNERS))
    return area[numbered], offset[numbered], normal[numbered]


def _bit(corner: tuple[int, int, int]) -> int:
    """The bit of a corner in the numbers of `scan`: x outermost, so that a step along x is a shift by four."""
    z, y, x = corner
    return 4 * x + 2 * z + y


def diameters(extremes: tuple[np.ndarray, ...], spacing: tuple[float, float, float]) -> tuple[float, ...]:
    """Largest distances (mm) between two points of the surface of `scan`: in a plane of equal z, of equal y, of equal
    x, and anywhere.

    Exact: distance is convex, so only corners of the convex hull of a plane's points can be the farthest.
    """
    z, y, x = (step / 2 for step in spacing)
    low_x, high_x, low_y, high_y = extremes
    points, begins = _corners(low_x, high_x)
    equal_z = _widest_plane(points, begins, y, x)
    equal_y = _widest_plane(*_corners(low_x.T.copy(), high_x.T.copy()), z, x)
    equal_x = _widest_plane(*_corners(low_y.T.copy(), high_y.T.copy()), z, y)
    return equal_z, equal_y, equal_x, _widest(points, begins, z, y, x)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def scan(inside: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Cells and outermost cuts of a lesion, `inside` bool or uint8 (z, y, x) with a margin of one voxel outside.

    Cells: of each of 256 kinds how many there are, and the sums of their z, y and x. Cuts, positions doubled so that
    they are whole: lowest and highest x of each row (z, y), then lowest and highest y of each row (z, x).
    """
    nz, ny, nx = inside.shape
    cells = np.zeros((256, 4), dtype=np.int64)
    far = 2 * max(nx, ny)
    low_x = np.full((2 * nz, 2 * ny), far, dtype=np.int32)
    low_y = np.full((2 * nz, 2 * nx), far, dtype=np.int32)
    high_x, high_y = np.full_like(low_x, -1), np.full_like(low_y, -1)
    for z in range(nz - 1):
        for y in range(ny - 1):
            kind = 0
            for x in range(nx):
                ahead = (
                    inside[z, y, x] + 2 * inside[z, y + 1, x] + 4 * inside[z + 1, y, x] + 8 * inside[z + 1, y + 1, x]
                )
                kind = (kind >> 4) | (ahead << 4)
                if kind == 0 or kind == 255:
                    continue
                cell = cells[kind]
                cell[0] += 1
                cell[1] += z
                cell[2] += y
                cell[3] += x - 1
                _cut(kind, 2 * z, 2 * y, 2 * x - 2, low_x, high_x, low_y, high_y)
    return cells, (low_x, high_x, low_y, high_y)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cut(
    kind: int,
    z: int,
    y: int,
    x: int,
    low_x: np.ndarray,
    high_x: np.ndarray,
    low_y: np.ndarray,
    high_y: np.ndarray,
) -> None:
    """Notes the cuts of the three edges at corner 7 of a cell at (z, y, x), doubled; every edge is such a one once."""
    corner = (kind >> 3) & 1
    for bit, dz, dy, dx in ((7, 2, 2, 1), (2, 2, 1, 0), (1, 1, 2, 0)):
        if (kind >> bit) & 1 != corner:
            k, j, i = z + dz, y + dy, x + dx
            low_x[k, j], high_x[k, j] = min(low_x[k, j], i), max(high_x[k, j], i)
            low_y[k, i], high_y[k, i] = min(low_y[k, i], j), max(high_y[k, i], j)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _corners(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the convex hull of each plane's cuts: points (plane, row, column) and where each plane's begin.

    A plane's rows hold their outermost columns `low` and `high` (low > high: none). Whole numbers, so exact.
    """
    planes, rows = low.shape
    points = np.empty((2 * planes * rows, 3), dtype=np.int64)
    begins = np.zeros(planes + 1, dtype=np.int64)
    n = 0
    for plane in range(planes):
        for side, ends in ((1, low[plane]), (-1, high[plane])):
            first = n
            for row in range(rows):
                if low[plane, row] <= high[plane, row]:
                    n = _without_dents(points, first, n, row, ends[row], side)
                    points[n, 0], points[n, 1], points[n, 2] = plane, row, ends[row]
                    n += 1
        begins[plane + 1] = n
    return points[:n].copy(), begins


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _without_dents(points: np.ndarray, first: int, n: int, row: int, column: int, side: int) -> int:
    """How many of a chain's points stay corners once (row, column) joins it (Andrew 1979, the monotone chain)."""
    while n - first >= 2:
        along = (points[n - 1, 1] - points[n - 2, 1]) * (column - points[n - 2, 2])
        across = (points[n - 1, 2] - points[n - 2, 2]) * (row - points[n - 2, 1])
        if side * (along - across) > 0:
            break
        n -= 1
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _widest_plane(points: np.ndarray, begins: np.ndarray, row_step: float, column_step: float) -> float:
    """The largest distance between two points of one plane."""
    best = 0.0
    for plane in range(len(begins) - 1):
        for i in range(begins[plane], begins[plane + 1]):
            for j in range(begins[plane], i):
                rows, columns = points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
                best = max(best, (rows * row_step) ** 2 + (columns * column_step) ** 2)
    return np.sqrt(best)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _widest(points: np.ndarray, begins: np.ndarray, z: float, y: float, x: float) -> float:
    """The largest distance between any two points, past pairs of planes whose enclosing circles are too near.

    Planes pair off from a distance found by going to the farthest point a few times.
    """
    placed = points * np.array([z, y, x])
    circles = _circles(placed, begins)
    best = _far_apart(placed)
    for a in range(len(begins) - 1):
        for b in range(a, len(begins) - 1):
            if begins[a] == begins[a + 1] or begins[b] == begins[b + 1]:
                continue
            height = (circles[a, 0] - circles[b, 0]) ** 2
            reach = circles[a, 3] + circles[b, 3]
            between = np.hypot(circles[a, 1] - circles[b, 1], circles[a, 2] - circles[b, 2])
            if (height + (between + reach) ** 2) * SAFE < best:
                continue
            for i in range(begins[a], begins[a + 1]):
                to_circle = np.hypot(placed[i, 1] - circles[b, 1], placed[i, 2] - circles[b, 2])
                if (height + (to_circle + circles[b, 3]) ** 2) * SAFE >= best:
                    best = max(best, _farthest(placed, i, begins[b], begins[b + 1])[0])
    return np.sqrt(best)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _circles(placed: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """A circle around each plane's points: z, y, x of its center and its radius."""
    circles = np.zeros((len(begins) - 1, 4))
    for plane in range(len(begins) - 1):
        own = placed[begins[plane] : begins[plane + 1]]
        if len(own):
            y, x = (own[:, 1].min() + own[:, 1].max()) / 2, (own[:, 2].min() + own[:, 2].max()) / 2
            squared = 0.0
            for point in own:
                squared = max(squared, (point[1] - y) ** 2 + (point[2] - x) ** 2)
            circles[plane, 0], circles[plane, 1], circles[plane, 2] = own[0, 0], y, x
            circles[plane, 3] = np.sqrt(squared)
    return circles


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _far_apart(placed: np.ndarray) -> float:
    """The squared distance between two points that are likely far apart."""
    best, here = 0.0, 0
    for _ in range(4):
        squared, here = _farthest(placed, here, 0, len(placed))
        best = max(best, squared)
    return best


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _farthest(placed: np.ndarray, i: int, begin: int, end: int) -> tuple[float, int]:
    """The squared distance from point i to the farthest of begin to end, and which that is."""
    best, found = -1.0, i
    for j in range(begin, end):
        squared = (
            (placed[i, 0] - placed[j, 0]) ** 2 + (placed[i, 1] - placed[j, 1]) ** 2 + (placed[i, 2] - placed[j, 2]) ** 2
        )
        if squared > best:
            best, found = squared, j
    return best, found
