"""What every metric of table `scores` is called, and in which of the report's tables it stands."""

from __future__ import annotations

ESSENTIAL = {
    "auc": "AUC",
    "calibration_in_the_large": "Calibration-in-the-large",
    "calibration_slope": "Calibration slope",
    "observed_expected": "Observed / expected",
    "ici": "Integrated calibration index",
    "brier": "Brier score",
    "scaled_brier": "Scaled Brier score",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
}
SECONDARY = {
    "auc_wald": "AUC, Wald interval",
    "auc_logit": "AUC, logit interval",
    "auc_bootstrap": "AUC, bootstrap interval",
    "partial_auc": "Partial AUC, McClish-corrected",
    "e50": "E50, median calibration error",
    "e90": "E90, 90th percentile of calibration error",
    "emax": "Emax, largest calibration error",
    "ppv_at_prevalence": "Positive predictive value at the stated prevalence",
    "npv_at_prevalence": "Negative predictive value at the stated prevalence",
    "lr_positive": "Positive likelihood ratio",
    "lr_negative": "Negative likelihood ratio",
    "diagnostic_odds_ratio": "Diagnostic odds ratio",
    "accuracy": "Accuracy",
    "no_information_rate": "No-information rate",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
    "f1": "F1",
    "tp": "True positives",
    "fp": "False positives",
    "fn": "False negatives",
    "tn": "True negatives",
}
METRICS = ESSENTIAL | SECONDARY
COUNTS = ("tp", "fp", "fn", "tn")
# Never given an interval: what they say is no estimate of anything beyond these patients.
ALONE = (*COUNTS, "no_information_rate")
