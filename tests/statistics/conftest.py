"""Public tables with known answers, and R's random numbers, so that R's own examples run here.

R draws by Mersenne-Twister, inversion and rejection. The seeding scrambles by a linear congruential
generator (R source, src/main/RNG.c); sampling rejects (R 3.6 and later); one binomial trial is read from
one uniform (src/nmath/rbinom.c, inversion).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special


class RRandom:
    """A stream that continues as R's does after `set.seed(seed)`."""

    def __init__(self, seed: int) -> None:
        state = seed & 0xFFFFFFFF
        words = []
        for step in range(50 + 625):
            state = (69069 * state + 1) & 0xFFFFFFFF
            if step >= 50:
                words.append(state)
        self._bits = np.random.MT19937()
        # The first word is the position, which R resets to the end of the block.
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words[1:], dtype=np.uint32), "pos": 624},
        }

    def runif(self, n: int) -> np.ndarray:
        """n uniform numbers in (0, 1)."""
        values = self._bits.random_raw(n).astype(float) * 2.3283064365386963e-10
        return np.clip(values, 2.328306437080797e-10, 1 - 2.328306437080797e-10)

    def rnorm(self, n: int) -> np.ndarray:
        """n standard normal numbers, each inverted from two uniforms."""
        pairs = self.runif(2 * n).reshape(n, 2)
        return special.ndtri((np.floor(134217728 * pairs[:, 0]) + pairs[:, 1]) / 134217728)

    def bernoulli(self, p: np.ndarray) -> np.ndarray:
        """rbinom(length(p), 1, p)."""
        p = np.asarray(p, dtype=float)
        success = self.runif(p.size) >= np.maximum(p, 1 - p)
        return np.where(p > 0.5, ~success, success).astype(int)

    def index(self, n: int) -> int:
        """A number from 0 to n - 1 by rejection of random bits."""
        bits = math.ceil(math.log2(n))
        while True:
            value = 0
            for _ in range(0, bits + 1, 16):
                value = 65536 * value + int(math.floor(self.runif(1)[0] * 65536))
            value &= (1 << bits) - 1
            if value < n:
                return value

    def sample(self, n: int) -> list[int]:
        """sample(n): a permutation of 1 to n."""
        left, drawn = list(range(1, n + 1)), []
        for size in range(n, 0, -1):
            j = self.index(size)
            drawn.append(left[j])
            left[j] = left[size - 1]
        return drawn


@pytest.fixture(scope="session")
def r_random() -> type[RRandom]:
    """R's stream of random numbers: `r_random(seed)` is `set.seed(seed)`."""
    return RRandom


@pytest.fixture(scope="session")
def read_anchor(shared_data: Path) -> Callable[[str], pd.DataFrame]:
    """Read a public table, as "statistics/aSAH.csv"; the test skips when it is absent."""

    def read(name: str) -> pd.DataFrame:
        if not (shared_data / name).is_file():
            pytest.skip(f"the public table {name} is not under {shared_data}")
        return pd.read_csv(shared_data / name)

    return read


@pytest.fixture(scope="session")
def van_dyke(read_anchor: Callable[[str], pd.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """The Van Dyke study: truth (114,) and ratings (2, 5, 114); modality 1 is CINE, 2 spin echo."""
    table = read_anchor("readers/VanDyke.csv").sort_values(["treatment", "reader", "case"])
    truth = table.drop_duplicates("case").sort_values("case")["truth"].to_numpy(int)
    return truth, table["rating"].to_numpy(float).reshape(2, 5, 114)
