"""The reader study in words and rounded numbers, the same in tables, captions and sentences."""

from __future__ import annotations

from helpers import prose

METRICS = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "seconds": "Seconds a case",
}
ANALYSES = {
    "fixed readers": "these readers only",
    "random readers": "any such readers and cases",
    "fixed cases": "any such readers on these cases only",
}


def reader(name: str) -> str:
    """ "reader1" -> "Reader 1", "3" -> "Reader 3", "mean of readers" -> "Mean of readers"."""
    told = f"reader {name}" if name.isdigit() else prose.reader_name(name)
    return told[:1].upper() + told[1:]


def condition(name: str) -> str:
    """ "1" -> "condition 1"; a condition with a name keeps it."""
    return f"condition {name}" if name.isdigit() else name


def under(name: str) -> str:
    """How readings in a condition are told in a sentence: "unaided", "in condition 1", "with CINE"."""
    if name in ("unaided", "aided"):
        return name
    return f"in {condition(name)}" if name.isdigit() else f"with {name}"


def contrast(text: str, *, inside: bool = False) -> str:
    """ "aided - unaided" -> "Aided minus unaided"; `inside` a sentence without the capital."""
    first, _, second = text.partition(" - ")
    told = f"{condition(first)} minus {condition(second)}"
    return told if inside else told[:1].upper() + told[1:]


def change(metric: str, estimate: float, low: float, high: float) -> str:
    """A difference in a metric: seconds to a tenth, shares and areas to a thousandth."""
    return prose.interval(estimate, low, high, 1) if metric == "seconds" else prose.difference(estimate, low, high)
