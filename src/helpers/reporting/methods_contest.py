"""What the methods section says of the contest, from the parameters that ran."""

from __future__ import annotations

from helpers import prose
from helpers.learning.contest.classifiers import SETTINGS, written
from helpers.study import Study


def contest(study: Study) -> str:
    """Contenders, selection, tuning, how the winner was chosen, and the fitted baselines."""
    settings = study.parameters.contest
    inputs = "; ".join(f"{each.name}: {_reads(each.blocks, clinical=each.clinical)}" for each in settings.inputs)
    tried = "; ".join(
        f"{name} {prose.listing([f'({written(s)})' for s in SETTINGS[name]], 'or')}" for name in settings.classifiers
    )
    return (
        f"Each of {prose.count(len(settings.inputs), 'set')} of inputs ({inputs}) met each of "
        f"{prose.count(len(settings.classifiers), 'classifier')} of scikit-learn. The selection described above was done for each block, a "
        "block being the features of one sequence and kind; classifiers read the selected features and, where named, the coded clinical "
        f"variables, all standardized. Settings tried, which are ours: {tried}; width is gamma times the number of columns, leaf the "
        f"fewest patients of a leaf, share the columns tried at a split; a forest has {settings.trees} trees. In every outer fold, and "
        f"once on all training patients, {settings.folds}-fold cross-validation within the training patients, which repeated the "
        "selection in each of its folds, tuned every contender and chose the winner, both by the mean AUC over its folds. The winner's "
        "out-of-fold prediction in a fold is that of the contender chosen inside that fold. What a contender gives (log odds, "
        "distances or votes) became a risk by a sigmoid fitted on its values of inner held-out patients. Baselines (log volume, "
        "center, clinical variables, and the prevalence for everyone) were fitted on the same folds; "
        "a center's risk is its share of events with one further patient of "
        "average risk added, so that a center never seen gets the prevalence."
    )


def _reads(blocks: tuple[str, ...], *, clinical: bool) -> str:
    return prose.listing([*blocks, *(["clinical variables"] if clinical else [])])
