"""How long the heavy statistics take, against scikit-learn on the same data: python benchmarks/speed.py."""

from __future__ import annotations

import base64
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

# Before numpy starts its threads: ratios compare one thread with one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy import special  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from helpers.reporting import inspect  # noqa: E402
from helpers.statistics.agreement import icc  # noqa: E402
from helpers.statistics.discrimination import delong  # noqa: E402
from helpers.statistics.panel import bootstrap_panel  # noqa: E402

MODELS, CASES = 10, 1_000_000
REPLICATES, PANEL_MODELS, PANEL_CASES = 2000, 5, 300


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cohort(models: int, cases: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth (cases,) and correlated scores (models, cases)."""
    rng = np.random.default_rng(1)
    truth = (rng.random(cases) < 0.3).astype(int)
    return truth, truth + rng.normal(size=cases) + rng.normal(size=(models, cases))


def large() -> None:
    """DeLong's areas and covariances of ten models in a million cases; peak memory is that of this process."""
    truth, scores = cohort(MODELS, CASES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ours = seconds(lambda: delong(truth, scores))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    theirs = seconds(lambda: [roc_auc_score(truth, score) for score in scores])
    print(
        f"| DeLong, {MODELS} models, {CASES:,} cases | {ours:.2f} s | {theirs:.2f} s | {ours / theirs:.2f} | ", end=""
    )
    print(f"{peak:.2f} GiB peak, {before:.2f} GiB of it the data |")


def panel() -> None:
    """The whole bootstrap panel, against a loop of areas alone over as many resamples."""
    truth, scores = cohort(PANEL_MODELS, PANEL_CASES)
    risks = special.expit(scores - 1.5)
    options = {"cut": 0.3, "thresholds": np.arange(1, 100) / 100, "specificity": np.linspace(0, 1, 101)}
    ours = seconds(lambda: bootstrap_panel(truth, risks, replicates=REPLICATES, seed=1, **options))
    rng = np.random.default_rng(1)
    drawn = rng.integers(PANEL_CASES, size=(REPLICATES, PANEL_CASES))
    theirs = seconds(lambda: [roc_auc_score(truth[rows], risk[rows]) for rows in drawn for risk in risks])
    label = f"{REPLICATES:,} bootstraps of the panel, {PANEL_MODELS} models, {PANEL_CASES} cases"
    print(f"| {label} | {ours:.2f} s | {theirs:.2f} s (area alone) | {ours / theirs:.2f} | |")


def agreement() -> None:
    ratings = np.random.default_rng(1).normal(size=(5000, 60, 2))
    icc(ratings[:10])
    print(f"| ICC of 5,000 features, 60 targets, 2 raters | {1000 * seconds(lambda: icc(ratings)):.0f} ms | | | |")


def inspection() -> None:
    """A page of 14 megabytes, searched for 5,000 patients and a path, against the standard library's parser alone."""
    letters = base64.b64encode(np.random.default_rng(0).bytes(1_100_000)).decode()
    pictures = f'<img alt="A dot" src="data:image/png;base64,{letters}">' * 9
    page = f'<!DOCTYPE html><html lang="en"><head><title>T</title></head><body>{pictures}{"<p>words</p>" * 50_000}</body></html>'
    names = [f"UCSF-PDGM-{i:04d}" for i in range(5000)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page)
        ours = seconds(lambda: inspect.inspect(path, patients=names, maximum_megabytes=15, paths=["/home/ada"]))
    theirs = seconds(lambda: HTMLParser().feed(page))
    label = f"inspection of a page of {len(page) / 1e6:.0f} MB, {len(names):,} patients"
    print(f"| {label} | {ours:.2f} s | {theirs:.2f} s (parser alone) | {ours / theirs:.2f} | |")


PARTS = {"large": large, "panel": panel, "agreement": agreement, "inspection": inspection}


def main() -> None:
    """Each part runs in a process of its own, so that its peak memory is its own."""
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]]()
        return
    print("| Work | ours | scikit-learn | ratio | memory |\n|---|---:|---:|---:|---|", flush=True)
    for name in PARTS:
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
