"""Random numbers: one stream a purpose, so that no draw depends on what was drawn before it."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """A stream of random numbers of its own for each name (a purpose, a case, a center), whatever the order of use."""
    return np.random.default_rng([seed % 2**64, *(crc32(name.encode()) for name in names)])
