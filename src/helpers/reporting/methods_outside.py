"""What the methods section says of external cohorts and of missing values, where their notebooks ran."""

from __future__ import annotations

from helpers import prose
from helpers.statistics import updating
from helpers.study import Study


def paragraphs(study: Study) -> dict[str, str]:
    """Heading and paragraph of every such notebook that found something to show."""
    stages = {"08_external": ("external", "External cohorts", external)}
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
