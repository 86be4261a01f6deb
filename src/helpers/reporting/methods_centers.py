"""What the methods section says of harmonization and of centers, written from the parameters that ran."""

from __future__ import annotations

from helpers import prose
from helpers.parameters import Harmonization, Parameters

PRIORS = {"parametric": "parametric", "nonparametric": "non-parametric"}
UNSEEN = {
    "refuse": "A center that was not in training is refused.",
    "none": "Features of a center that was not in training are left as they are.",
    "location": "Of a center that was not in training the mean of its own images is taken out: this uses the images of patients "
    "who are judged, never their outcomes.",
}


def centers(parameters: Parameters) -> str:
    """Whether and how features are harmonized; how centers are left out and pooled, where the report shows it."""
    shown = "centers" in parameters.report.sections
    told = [_harmonized(parameters.harmonization)] if parameters.harmonization.method != "none" else []
    return " ".join([*told, *([_left_out(parameters)] if shown else [])])


def _harmonized(settings: Harmonization) -> str:
    kept = ""
    if settings.preserve:
        names = prose.listing([prose.variable(name, inline=True) for name in settings.preserve])
        kept = f" The effect of {names} was preserved; the outcome was never given to it."
    reference = f" Features were brought to those of {settings.reference}." if settings.reference else ""
    return (
        f"Radiomics and deep features were harmonized between centers by ComBat [@johnson2007; @fortin2018] with "
        f"{PRIORS[settings.prior]} empirical Bayes estimates, fitted on training rows only and anew in every fold and sample, before "
        f"any other step of the selection.{kept}{reference} {UNSEEN[settings.unseen]}"
    )


def _left_out(parameters: Parameters) -> str:
    fewest, level = parameters.validation.center_events, f"{100 * parameters.statistics.level:.0f} %"
    return (
        "Every center with training patients was left out in turn: all that learns was fitted on the training patients of the other "
        "centers, and its training patients were scored frozen; test patients took no part. A center without training patients was "
        f"scored by the final models. Centers with fewer than {fewest} events, or fewer than {fewest} without, have no AUC of their "
        "own. AUCs were pooled on the logit scale by random effects [@dersimonian1986] with the interval of Hartung and Knapp "
        f"[@hartung2001], never narrower than without their correction, and a {level} prediction interval for a further center. How "
        "well features tell the center was measured out of fold on training patients, by logistic regression on the first ten principal "
        "components; the models were fitted with and without ComBat, and both results are given."
    )
