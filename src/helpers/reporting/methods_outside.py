"""What the methods section says of external cohorts and of missing values, where their notebooks ran."""

from __future__ import annotations

from helpers import prose
from helpers.statistics import updating
from helpers.study import Study


def paragraphs(study: Study) -> dict[str, str]:
    """Heading and paragraph of every such notebook that found something to show."""
    stages = {
        "08_external": ("external", "External cohorts", external),
        "08_missing": ("missing", "Missing values", missing),
    }
    told = prose.numbers(study.folder)
    return {
        heading: write(study)
        for name, (key, heading, write) in stages.items()
        if name in study.parameters.notebooks and key in told and not told[key].get("absent")
    }


def external(study: Study) -> str:
    """How models were judged and updated in external cohorts."""
    alpha = 100 * (1 - study.parameters.statistics.level)
    return (
        "In external cohorts every model was applied as frozen in training, which is the external validation. Beside it stand two updates "
        "of the usual ladder [@steyerberg2004], a re-estimated intercept, and intercept and slope, fitted within the external cohort by "
        f"cross-fitting ({updating.FOLDS} stratified folds, drawn {updating.REPEATS} times, log odds averaged): they say what a place "
        "could expect that adapts the model to its own patients, and are no validation of the frozen model. Which update the "
        f"patients there call for was asked by closed testing [@vergouwe2017] at {alpha:g} %, among these three; single coefficients "
        "were not re-estimated."
    )


def missing(study: Study) -> str:
    """How missing clinical values were imputed several times, beside the median."""
    options = study.parameters.imputation
    return (
        "The models replace a missing clinical value by the training median or commonest level. As a check, values were imputed "
        f"{options.imputations} times by chained equations of {options.iterations} turns [@vanbuuren2011]: predictive mean matching "
        "(five donors) for numbers, individualized logistic regressions for categories, coefficients drawn from their posterior. "
        "Equations were fitted on training patients; their predictors were all clinical variables, the scores that enter the same "
        "model, and, among training patients only, the outcome [@moons2006]. Test patients were completed by equations without it, since "
        "whoever uses a model does not have the outcome. Coefficients were pooled by Rubin's rules with small-sample "
        "degrees of freedom [@barnard1999], the AUC of the pooled equation over the completions of the test patients on the logit scale. "
        "Complete cases stand beside. First-stage scores themselves were not imputed again."
    )
