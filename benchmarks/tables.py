"""Real feature tables with permuted outcomes, and how often the interval of a cross-validated area holds the truth.

python benchmarks/tables.py ../shared/data/radmlbench --permutations 20
python benchmarks/tables.py --coverage 200
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from helpers import study, surveying
from helpers.cluster import map_cases
from helpers.learning import crossfit, folds, tabular
from helpers.learning.resampling import derived_seed
from helpers.parameters import Parameters
from helpers.prose import markdown_table
from helpers.statistics.crossvalidated import cross_validated_auc
from helpers.statistics.discrimination import delong

FAST = ["selection.reproducibility=none", "selection.lasso_folds=5", "selection.lasso_path=20"]
NEW = 2000  # patients that tell the true area of a model
REPEATS = 3
SCENARIOS = [(n, p, signal) for n, p in ((80, 40), (160, 40)) for signal in (0.0, 0.6, 1.2)]


def main() -> None:
    """Print what the arguments ask for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path, nargs="?", help="folder of feature tables")
    asked.add_argument("--permutations", type=int, default=20)
    asked.add_argument("--coverage", type=int, default=0, metavar="N", help="simulated tables a scenario")
    asked.add_argument("--workers", type=int, default=0)
    told = asked.parse_args()
    setting = f"execution.workers={told.workers}"
    if told.folder:
        with tempfile.TemporaryDirectory() as out:
            how = {"target": "Target", "permutations": told.permutations, "repeats": REPEATS, "overrides": (setting,)}
            print(*surveying.survey(told.folder, Path(out), **how), sep="\n")
    if told.coverage:
        print(markdown_table(pd.DataFrame(coverage(told.coverage, setting))))


def coverage(number: int, *settings: str) -> Iterator[dict[str, str]]:
    """A row a scenario: how often each 95 % interval holds the mean true area of the models that were fitted."""
    parameters = study.load("params/_defaults.yaml", overrides=[*FAST, *settings]).parameters
    for n, p, signal in SCENARIOS:
        trial = partial(one, n=n, p=p, signal=signal, parameters=parameters)
        found = np.array([o.value for o in map_cases(trial, range(number), execution=parameters.execution)])
        estimate, truth = found[:, 0], found[:, 1]
        row = {"Scenario": f"{n} x {p}, signal {signal}", "true AUC": truth.mean(), "mean estimate": estimate.mean()}
        for i, name in ((2, "ours"), (4, "Nadeau-Bengio")):
            low, high = found[:, i], found[:, i + 1]
            known = np.isfinite(low)
            for whose, area in (("these models", truth), ("the pipeline", np.full(number, truth.mean()))):
                held = ((low <= area) & (area <= high))[known]
                row[f"{name}: {whose} %"] = f"{100 * held.mean():.1f}"
        yield row | {"estimable %": f"{100 * np.isfinite(found[:, 2]).mean():.0f}"}


def one(seed: int, *, n: int, p: int, signal: float, parameters: Parameters) -> tuple[float, ...]:
    """Estimate and mean true area of one simulated table, and the limits of both intervals."""
    generator = np.random.default_rng([seed, n, p, int(10 * signal)])
    truth, values = simulated(generator, n, p, signal)
    new_truth, new_values = simulated(generator, NEW, p, signal)
    rows = tabular.bare_rows(truth, np.arange(n).astype(str), values, endpoint="Target")
    new = tabular.bare_rows(new_truth, np.array([f"new {i}" for i in range(NEW)]), new_values, endpoint="Target")
    score, fold, area, true = np.empty((REPEATS, n)), np.empty((REPEATS, n), dtype=int), [], []
    with threadpool_limits(1):
        for r in range(REPEATS):
            own = derived_seed(seed, "coverage", r)
            fold[r] = folds.draw(rows, folds=parameters.modeling.folds, seed=own, purpose="outer")
            for k, (training, held) in enumerate(crossfit.splits(rows, fold[r])):
                model = tabular.fit(training, parameters=parameters, seed=own)
                score[r, fold[r] == k] = model.score(held)
                area.append(delong(held.truth, model.score(held))[0][0])
                true.append(delong(new_truth, model.score(new))[0][0])
    ours = cross_validated_auc(truth, score, fold)
    return (
        ours.estimate,
        float(np.mean(true)),
        ours.low,
        ours.high,
        *nadeau_bengio(np.array(area), parameters.modeling.folds),
    )


def simulated(generator: np.random.Generator, n: int, p: int, signal: float) -> tuple[np.ndarray, pd.DataFrame]:
    """Truth (n,), half of it events, and features (n, p), three of which carry the signal."""
    truth = generator.permutation(np.arange(n) % 2)
    values = generator.normal(size=(n, p))
    values[:, :3] += signal * truth[:, None]
    return truth, pd.DataFrame(values)


def nadeau_bengio(areas: np.ndarray, number: int) -> tuple[float, float]:
    """The corrected resampled t interval (Nadeau and Bengio 2003, doi 10.1023/A:1024068626366) of areas by fold."""
    spread = areas.std(ddof=1) * np.sqrt(1 / areas.size + 1 / (number - 1))
    reach = stats.t.ppf(0.975, areas.size - 1) * spread
    return (areas.mean() - reach, areas.mean() + reach) if spread > 0 else (np.nan, np.nan)


if __name__ == "__main__":
    main()
