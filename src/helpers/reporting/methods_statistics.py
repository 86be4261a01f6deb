"""What the methods section says of the statistics, written from the parameters that ran."""

from __future__ import annotations

from helpers import prose
from helpers.evaluation import reader_words, strata
from helpers.parameters import Parameters
from helpers.study import Study

COVARIANCES = {"delong": "DeLong's", "jackknife": "jackknife"}


def performance(parameters: Parameters, *, scores: bool) -> str:
    statistics, cohort = parameters.statistics, parameters.cohort
    rule = "Youden's index"
    if statistics.threshold_rule == "sensitivity":
        rule = f"a sensitivity of at least {statistics.target_sensitivity:g}"
    level = f"{100 * statistics.level:.0f} %"
    low, high = (f"{100 * value:.0f}" for value in statistics.decision_range)
    unfitted = ""
    if cohort.baselines:
        unfitted = f" Comparators that are not fitted: {prose.listing([b.name for b in cohort.baselines])}."
    return (
        f"Discrimination is the area under the receiver operating characteristic curve (AUC) with {level} DeLong intervals "
        f"[@delong1988; @sun2014]: Wald, or logit where the AUC exceeds 0.95 or a class has fewer than 40 patients; at perfect "
        f"separation only an exact lower limit is given. The direction of a score was fixed beforehand, so an AUC below 0.5 stays "
        f"below. Calibration is told by calibration-in-the-large (with the slope held at 1), slope, observed over expected "
        f"events (interval of a ratio estimator), a flexible curve (logistic regression on restricted cubic splines, three knots below "
        f"100 events and five above; loess as a second opinion), the integrated calibration index [@austin2019], E50, E90, Emax, and "
        f"the plain and scaled Brier scores; bands and intervals without a formula are percentile bootstraps over patients "
        f"({statistics.bootstrap:,} replicates, models frozen; of the calibration errors, which are biased upward, the upper "
        f"limit only). The threshold of each "
        f"model was chosen on {'supplied' if scores else 'out-of-fold'} training predictions by {rule} and then frozen; "
        f"sensitivity, specificity, predictive values and accuracy at it have Wilson intervals, balanced accuracy, F1 and Matthews "
        f"correlation intervals derived from them, likelihood ratios the log method [@simel1991]. Clinical usefulness is told by decision "
        f"curves [@vickers2006] over risk thresholds from {low} to {high} %, whose intervals (MOVER) describe and do not test "
        f"[@vickers2023]. {statistics.decision_rationale.rstrip('.')}.{_prevalence(parameters)}{_subgroups(parameters)}{unfitted}"
    )


def _prevalence(parameters: Parameters) -> str:
    if parameters.statistics.prevalence is None:
        return ""
    return f" Predictive values [@mercaldo2007] and decision curves are also given at a prevalence of {parameters.statistics.prevalence:g}."


def _subgroups(parameters: Parameters) -> str:
    named = [g.name for g in parameters.statistics.subgroups]
    if not named:
        return ""
    fewest = parameters.statistics.subgroup_events
    return (
        f" Subgroups by {prose.listing(named)} were named beforehand; those with fewer than {fewest} events, or fewer than {fewest} "
        f"without, are suppressed.{_strata(parameters)}"
    )


def _strata(parameters: Parameters) -> str:
    named = [prose.variable(g.name, inline=True) for g in strata.groupings(parameters)]
    if not named:
        return ""
    return (
        f" No model reads {prose.listing(named)}: every model was also judged within its levels, where one that only told levels "
        "apart would rank patients no better than chance."
    )


def comparisons(parameters: Parameters) -> str:
    pairs = [f"{prose.model_inline(a)} against {prose.model_inline(b)}" for a, b in parameters.statistics.comparisons]
    declared = (
        f" Declared beforehand and Holm-adjusted together: {prose.listing(pairs)}; all others are exploratory."
        if pairs
        else ""
    )
    return (
        "Models were compared by the paired DeLong test, only in patients none of them was fitted on, and all at once by its "
        "chi-square; calls at the frozen thresholds by McNemar's mid-P test with Tango's interval [@fagerland2013; @tango1998]; "
        "the same model in two parts by the unpaired DeLong test on Welch's degrees of freedom."
        f"{declared} P values are adjusted by Holm's method within each family. Reclassification is given as net reclassification and "
        "integrated discrimination improvement [@pencina2008], events and non-events apart; neither is used for a conclusion, and both "
        "are withheld where the new model is miscalibrated [@pepe2015]. Sample sizes follow the criteria of Riley and colleagues "
        "[@riley2019; @riley2021]."
    )


def readers(study: Study) -> str:
    """How the readings were compared; what the study file says of their organization stands first."""
    readers = study.parameters.readers
    first, second = map(reader_words.under, readers.conditions)
    sentences = ["The radiologists are simulated."] if study.synthetic else []
    sentences += [f"{readers.design.rstrip('.')}."] if readers.design else []
    if readers.call_at is not None:
        sentences.append(f"Where no call was given, a rating of {readers.call_at:g} or more counts as a positive call.")
    sentences.append(
        f"Readings {first} and {second} were compared reader by reader: the AUC by the paired DeLong test, where ratings have three "
        "levels or more (binary ratings have no ROC curve), sensitivity and specificity of the calls by McNemar's mid-P test with "
        "Tango's interval, Holm-adjusted together for each reader, and reading time by Wilcoxon's signed-rank test with the "
        "Hodges-Lehmann shift. The mean over readers was compared by the Obuchowski-Rockette method [@obuchowski1995] with the degrees of "
        f"freedom of Hillis [@hillis2007] and {COVARIANCES[readers.covariance]} covariances (jackknife for sensitivity and specificity): "
        "for random readers and cases, for these readers only, and for these cases only; with fewer than four readers the analysis "
        "of these leads. Agreement is told by Cohen's and Fleiss' kappa of the calls and by quadratic-weighted kappa of ratings of at most "
        "ten levels."
    )
    if study.entry != "readings":
        sentences.append(
            "Radiologists read test patients only. The model was compared with each reader and with their mean by DeLong's covariances "
            f"on the same cases, and called not inferior if the lower limit of the difference lay above {prose.number(-readers.margin)}."
        )
    return " ".join(sentences)


def internal_validation(parameters: Parameters) -> str:
    """How the whole pipeline was repeated."""
    repeats, samples = parameters.validation.repeats, parameters.validation.bootstraps
    return (
        "Every learning step (gate, filters, LASSO with its cross-validation, cross-fitting, recalibration, nomogram) was repeated in "
        f"{prose.count(samples, 'bootstrap sample')} of training patients, for Harrell's optimism [@harrell1996] with Noma's interval "
        "[@noma2021], the .632+ estimate [@efron1997] and the instability of predictions [@riley2023], and in "
        f"{prose.count(repeats, 'further draw')} of the outer folds, whose smallest and largest values are given and are no confidence "
        "interval. The threshold was not chosen again."
    )


def other_outlines(parameters: Parameters) -> str:
    """How the risk was carried through every outline of the lesion."""
    source = "each further reader's outline"
    if parameters.selection.reproducibility == "perturbation":
        source = "each perturbed copy of the outline"
    return (
        f"The final models, with all that was learned in training frozen, were applied to the features from {source} of the patients "
        "they were not fitted on. Reported are the range of each patient's risk, the share of patients whose call at the frozen "
        "threshold any other outline changes (Wilson's interval), the standard deviation of the risk between the outlines of a "
        "patient, and the ICC(A,1) of the risk [@koo2016]. Training patients were left out."
    )
