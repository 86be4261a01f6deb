"""Repeated trials: counts of how often an interval holds the truth, or a test rejects a true hypothesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from zlib import crc32

import numpy as np

# A trial gives True or False by quantity, or None where nothing could be estimated.
Outcome = dict[str, bool | None]
COVERAGE, ERROR = (0.935, 0.965), (0.04, 0.06)
CHUNK = 250


@dataclass(frozen=True)
class Scenario:
    """A trial and its label; `share` of the repeats asked for are run, for trials that take long."""

    label: str
    trial: Callable[[np.random.Generator], Outcome]
    share: float = 1.0


@dataclass(frozen=True)
class Measured:
    """A share of trials: `missing` trials gave no estimate and are left out of it."""

    kind: str
    scenario: str
    quantity: str
    share: float
    error: float
    missing: float
    trials: int

    @property
    def verdict(self) -> str:
        low, high = COVERAGE if self.kind == "coverage" else ERROR
        return "below" if self.share < low else "above" if self.share > high else "within"


def covers(low: float, high: float, truth: float) -> bool | None:
    """Whether the limits hold the truth; None where there are none."""
    return None if np.isnan(low + high) else bool(low <= truth <= high)


def rejects(p: float, level: float = 0.05) -> bool | None:
    """Whether p rejects at the level; None where there is no p."""
    return None if np.isnan(p) else bool(p <= level)


def measure(kind: str, scenarios: Iterable[Scenario], *, repeats: int, seed: int, workers: int) -> list[Measured]:
    """Run every scenario; the chunks and their seeds do not depend on the number of workers."""
    jobs = [
        (scenario, chunk, min(CHUNK, asked - chunk * CHUNK), seed)
        for scenario in scenarios
        for asked in [max(int(repeats * scenario.share), 1)]
        for chunk in range(-(-asked // CHUNK))
    ]
    found: dict[str, Counter[tuple[str, bool | None]]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for (scenario, *_), counts in zip(jobs, pool.map(_chunk, jobs), strict=True):
            found.setdefault(scenario.label, Counter()).update(counts)
    return [row for label, counts in found.items() for row in _measured(kind, label, counts)]


def _chunk(job: tuple[Scenario, int, int, int]) -> Counter[tuple[str, bool | None]]:
    scenario, chunk, repeats, seed = job
    rng = np.random.default_rng([seed, crc32(scenario.label.encode()), chunk])
    counts: Counter[tuple[str, bool | None]] = Counter()
    for _ in range(repeats):
        counts.update(scenario.trial(rng).items())
    return counts


def _measured(kind: str, label: str, counts: Counter[tuple[str, bool | None]]) -> Iterable[Measured]:
    for quantity in dict.fromkeys(name for name, _ in counts):
        yes, no, none = (counts[quantity, answer] for answer in (True, False, None))
        known = yes + no
        share = yes / known if known else np.nan
        error = np.sqrt(share * (1 - share) / known) if known else np.nan
        yield Measured(kind, label, quantity, share, float(error), none / (known + none), known)
