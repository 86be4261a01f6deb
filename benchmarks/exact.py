"""Coverage and error of methods for counts, summed over every possible table instead of simulated.

Counts are discrete, so coverage swings with the truth; what counts is its average over a grid of truths.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from trials import Measured

from helpers.statistics.intervals import proportion
from helpers.statistics.mcnemar import mcnemar, tango
from helpers.statistics.two_by_two import likelihood_ratio

SHARES = np.linspace(0.5, 0.98, 97)


def rows(kind: str) -> list[Measured]:
    """Every exact result of "coverage" or "error"."""
    return _coverage() if kind == "coverage" else _error()


def _row(kind: str, scenario: str, quantity: str, share: float) -> Measured:
    return Measured(kind, scenario, quantity, float(share), 0.0, 0.0, 0)


def _coverage() -> list[Measured]:
    found = []
    for n in (20, 35, 70, 175):
        scenario = f"{n} patients, average over truths of 0.50 to 0.98"
        for method in ("wilson", "clopper-pearson"):
            quantity = f"sensitivity or specificity, {method.title()}"
            found.append(_row("coverage", scenario, quantity, _binomial(n, method)))
    for n in (30, 60, 100):
        scenario = f"{n} patients, average over differences of 0 to 0.2"
        found.append(_row("coverage", scenario, "paired difference in sensitivity, Tango", _paired(n)))
    for events, nonevents in ((20, 40), (70, 130)):
        scenario = f"{events} + {nonevents} patients, average over sensitivity and specificity of 0.6 to 0.9"
        found.append(_row("coverage", scenario, "positive likelihood ratio, log method", _ratio(events, nonevents)))
    return found


def _binomial(n: int, method: str) -> float:
    limits = np.array([(i.low, i.high) for i in (proportion(k, n, method=method) for k in range(n + 1))])
    chance = stats.binom.pmf(np.arange(n + 1), n, SHARES[:, None])
    held = (limits[:, 0] <= SHARES[:, None]) & (SHARES[:, None] <= limits[:, 1])
    return float((chance * held).sum(axis=1).mean())


def _paired(n: int) -> float:
    """Tango's interval over the trinomial of discordant pairs, 5 to 20 % of them in the smaller cell."""
    pairs = np.array([(b, c) for b in range(n + 1) for c in range(n + 1 - b)])
    truths = [(smaller + difference, smaller) for difference in np.linspace(0, 0.2, 9) for smaller in (0.05, 0.1, 0.2)]
    chances = [
        stats.multinomial.pmf(np.column_stack([pairs, n - pairs.sum(axis=1)]), n, [b, c, 1 - b - c]) for b, c in truths
    ]
    likely = np.max(chances, axis=0) > 1e-9
    limits = np.array([(i.low, i.high) for i in (tango(int(b), int(c), n) for b, c in pairs[likely])])
    held = [
        chance[likely] @ ((limits[:, 0] <= b - c) & (b - c <= limits[:, 1])) / chance[likely].sum()
        for chance, (b, c) in zip(chances, truths, strict=True)
    ]
    return float(np.mean(held))


def _ratio(events: int, nonevents: int) -> float:
    """Log method; tables with an empty cell have no interval and are left out."""
    limits = np.full((events + 1, nonevents + 1, 2), np.nan)
    for a in range(1, events + 1):
        for b in range(1, nonevents + 1):
            found = likelihood_ratio(a, events, b, nonevents)
            limits[a, b] = found.low, found.high
    held = []
    for sensitivity in np.linspace(0.6, 0.9, 7):
        for specificity in np.linspace(0.6, 0.9, 7):
            chance = np.outer(
                stats.binom.pmf(np.arange(events + 1), events, sensitivity),
                stats.binom.pmf(np.arange(nonevents + 1), nonevents, 1 - specificity),
            )
            known = np.isfinite(limits[..., 0])
            true = sensitivity / (1 - specificity)
            inside = (limits[..., 0] <= true) & (true <= limits[..., 1])
            held.append(chance[known & inside].sum() / chance[known].sum())
    return float(np.mean(held))


def _error() -> list[Measured]:
    found = []
    for n in (30, 60, 200):
        for name in ("mid_p", "exact_p", "asymptotic_p"):
            quantity = f"McNemar, {name.removesuffix('_p')}"
            scenario = f"{n} patients, average over 10 to 50 % discordant"
            found.append(_row("error", scenario, quantity, _mcnemar(n, name)))
    return found


def _mcnemar(n: int, name: str) -> float:
    """Error given the number of discordant pairs, averaged over its distribution."""
    by_count = np.zeros(n + 1)
    for d in range(1, n + 1):
        b = np.arange(d + 1)
        rejected = np.array([getattr(mcnemar(int(x), d - int(x)), name) <= 0.05 for x in b])
        by_count[d] = stats.binom.pmf(b, d, 0.5) @ rejected
    return float(
        np.mean([stats.binom.pmf(np.arange(n + 1), n, share) @ by_count for share in np.linspace(0.1, 0.5, 9)])
    )
