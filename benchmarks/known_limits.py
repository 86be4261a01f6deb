"""Where a method misses its band, why, and what the reader should do: by the name of the quantity in coverage.py.

Plain sentences, so that a report can print them beside the number they concern.
"""

from __future__ import annotations

KNOWN_LIMITS = {
    "AUC, wald": (
        "The plain (Wald) interval of an AUC is too narrow in small samples and near 1: it held the truth in 87 % of "
        "cohorts of 60 patients at an AUC of 0.95, and in 92 % at 0.75. The logit interval held it in 94 to 96 % throughout."
    ),
    "AUC, auto": (
        "The Wald interval is still taken from 30 patients a class on, where it held an AUC of 0.85 in 93.5 % of cohorts "
        "of 100 patients; the logit interval held it in 95.2 %."
    ),
    "calibration in the large": (
        "The interval assumes that the slope is 1; where predictions are too extreme (slope 0.7) it held the truth in "
        "93 to 94 %."
    ),
    "observed/expected": (
        "The interval counts the chance of how many events there are, but not that expected events move with them: it "
        "is too wide by about a tenth and held the truth in 97 %."
    ),
    "net benefit at 0.1, of two models": (
        "At thresholds that few patients fall below, the difference rests on a handful of patients and its interval held the "
        "truth in as few as 91 %."
    ),
    "net benefit at 0.1, against treating all": (
        "At thresholds that few patients fall below, the interval rests on a handful of patients and held the truth in "
        "as few as 56 % of cohorts of 60 and 72 % of 100; describe, do not test."
    ),
    "net benefit at 0.2, against treating all": (
        "With 60 to 100 patients the interval held the truth in 90 to 93 %; few patients fall below such a threshold."
    ),
    "IDI, percentile bootstrap": "With 100 patients the percentile bootstrap held the truth in 93 %; the Wald interval in 95 %.",
    "Cohen's kappa, weights": "With 60 patients the interval of a weighted kappa held the truth in 92 to 94 %.",
    "Fleiss' kappa": (
        "The standard error is the one under no agreement; at a kappa of 0.4 its interval held the truth in 90 %."
    ),
    "ici, panel bootstrap": (
        "The integrated calibration index cannot be negative and is biased upward in every sample, so its bootstrap "
        "interval never reaches 0, even for a perfectly calibrated model, and held an index of 0.05 in 79 % of cohorts "
        "of 60 patients. Read it as a description and judge calibration by slope and intercept."
    ),
    "calibration_slope, panel bootstrap": (
        "The percentile bootstrap of the slope held the truth in 90 to 93 % of cohorts of 60 to 100 patients; the "
        "logistic (Wald) interval in 95 to 96 %. Print the latter."
    ),
    "panel bootstrap": (
        "Percentile bootstrap intervals are too narrow by about the factor sqrt((n - 1)/n) and by normal in place of t "
        "quantiles: with 60 patients they held the truth in 92 to 94 %. Where an analytic interval exists, print that."
    ),
    "sensitivity or specificity, Clopper-Pearson": (
        "The exact interval never holds the truth in less than 95 %, at the price of 96 to 98 % on average."
    ),
    "McNemar, exact": "The exact test rejects a true hypothesis in 2 to 4 %, as its p takes few values; the mid-p is nearer 5 %.",
    "McNemar, mid": "With 30 patients the mid-p rejects a true hypothesis in 3.5 %: cautious, as p takes few values.",
    "Obuchowski-Rockette, random readers": (
        "With two readers the random-reader test rejected a true hypothesis in 6 to 7 %, its degrees of freedom being "
        "those of one difference; from four readers on in 4 to 5 %. It is not put first below four readers."
    ),
    "paired DeLong": "With 60 patients and areas of 0.9 the test rejected a true hypothesis in 4 %: cautious.",
    "global chi-square": (
        "With 60 patients the chi-square of three areas rejected a true hypothesis in up to 6.3 % (areas of 0.7) and in 3.7 % "
        "(areas of 0.9)."
    ),
    "unpaired DeLong": (
        "Between subgroups of 30 patients with about ten events the test rejected a true hypothesis in 3 % at areas of 0.85: "
        "cautious where it matters most."
    ),
    "likelihood ratio of an added out-of-fold score": (
        "Scores of training patients from models fitted to the other patients are not independent of each other: the "
        "likelihood-ratio (or Wald) test of such a score rejected a true hypothesis of no added value in 13 to 17 % instead of 5 % "
        "(Hoefling and Tibshirani 2008, doi 10.1214/07-AOAS152). In patients no model was fitted on it rejected in 5 %: "
        "judge added value there."
    ),
}


def explanation(quantity: str) -> str:
    """The limit of the longest name within the quantity's, or nothing."""
    known = [name for name in KNOWN_LIMITS if name in quantity]
    return KNOWN_LIMITS[max(known, key=len)] if known else ""
