"""Where a method misses its band in simulation, why, and what the reader should do; measured by benchmarks/interval_coverage.py.

A 95 % interval should hold the truth in 93.5 to 96.5 % of studies, and a test at 5 % reject a true hypothesis in 4 to 6 %.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A sentence for the reader; it applies where the report holds one of `about` and has fewer patients than `below`."""

    sentence: str
    about: tuple[str, ...]
    below: float = float("inf")


KNOWN_LIMITS = {
    "AUC, wald": Limit(
        "The plain (Wald) interval of an AUC is too narrow in small samples and near 1: it held the truth in 87 % of "
        "cohorts of 60 patients at an AUC of 0.95, and in 92 % at 0.75; the logit interval in 94 to 96 % throughout. The report "
        "leads with the logit interval where a class has fewer than 40 patients or the AUC exceeds 0.95.",
        ("auc_wald",),
        200,
    ),
    "auc, panel bootstrap": Limit(
        "With 60 patients the percentile bootstrap of an AUC held the truth in 92 to 94 %: prefer the logit interval.",
        ("auc_bootstrap",),
        100,
    ),
    "calibration in the large": Limit(
        "The interval of calibration-in-the-large assumes that the slope is 1; where predictions are too extreme (slope 0.7) "
        "it held the truth in 93 to 94 %.",
        ("calibration_in_the_large",),
    ),
    "ici, panel bootstrap": Limit(
        "The integrated calibration index, E50, E90 and Emax cannot be negative and are too high in every sample, even for a "
        "perfectly calibrated model, so they have an upper limit only (one-sided bootstrap), and a cautious one: it held in every "
        "simulated study. Judge calibration by slope and intercept.",
        ("ici",),
    ),
    "panel bootstrap": Limit(
        "Percentile bootstrap intervals (Brier scores) held the truth in 93 to 94 % of cohorts of 60 patients.",
        ("brier",),
        100,
    ),
    "net benefit at 0.1, of two models": Limit(
        "At thresholds that few patients fall below, a difference in net benefit between two models rests on a handful of "
        "patients; its interval held the truth in as few as 91 %.",
        ("decision_differences",),
    ),
    "IDI, percentile bootstrap": Limit(
        "With 100 patients the percentile bootstrap of the IDI held the truth in 93 %.", ("reclassification",), 200
    ),
    "Cohen's kappa, weights": Limit(
        "With 60 cases the interval of a weighted kappa held the truth in 92 to 94 %.", ("reader_agreement",), 100
    ),
    "sensitivity or specificity, Clopper-Pearson": Limit(
        "The exact interval never holds the truth in less than 95 %, at the price of 96 to 98 % on average.", ()
    ),
    "McNemar, exact": Limit(
        "The exact McNemar test rejects a true hypothesis in 2 to 4 %, as its P takes few values; the mid-P is nearer 5 %.",
        (),
    ),
    "McNemar, mid": Limit(
        "With 30 patients McNemar's mid-P rejects a true hypothesis in 3.5 %: cautious, as P takes few values.",
        ("operating point", "reader_comparisons"),
        60,
    ),
    "Obuchowski-Rockette, random readers": Limit(
        "With two readers the random-reader test rejected a true hypothesis in 6 to 7 %; from four readers on in 4 to 5 %. It is "
        "not put first below four readers.",
        ("reader_comparisons",),
    ),
    "paired DeLong": Limit(
        "With 60 patients and areas of 0.9 the paired DeLong test rejected a true hypothesis in 4 %: cautious.",
        ("confirmatory", "exploratory"),
        100,
    ),
    "global chi-square": Limit(
        "With 60 patients the chi-square of equal areas rejected a true hypothesis in up to 6.3 % (areas of 0.7) and in 3.7 % "
        "(areas of 0.9).",
        ("global",),
        100,
    ),
    "unpaired DeLong": Limit(
        "Between subgroups of 30 patients with about ten events the unpaired DeLong test rejected a true hypothesis in 3 % at "
        "areas of 0.85: cautious where it matters most.",
        ("subgroup_tests",),
    ),
    "likelihood ratio of an added out-of-fold score": Limit(
        "Out-of-fold scores of training patients are not independent of each other: the likelihood-ratio (or Wald) test of such a "
        "score rejected a true hypothesis of no added value in about 15 % instead of 5 % (Hoefling and Tibshirani 2008, "
        "doi 10.1214/07-AOAS152). So no P is printed for a score in training, and its interval is too narrow; in patients no "
        "model was fitted on the same test rejected in 5 %.",
        ("added_value",),
    ),
}


def explanation(quantity: str) -> str:
    """The sentence of the longest name within the quantity's, or nothing."""
    known = [name for name in KNOWN_LIMITS if name in quantity]
    return KNOWN_LIMITS[max(known, key=len)].sentence if known else ""


def applying(present: Collection[str], *, patients: int) -> list[str]:
    """Sentences on what a report of this many patients holds; `present` names its metrics, families and tables."""
    return [
        limit.sentence
        for limit in KNOWN_LIMITS.values()
        if patients < limit.below and not set(limit.about).isdisjoint(present)
    ]
