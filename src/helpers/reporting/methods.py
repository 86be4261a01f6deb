"""The methods section, written from the parameters that ran."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers import prose
from helpers.cohort import enroll
from helpers.evaluation import reader_words
from helpers.parameters import Cohort, Parameters
from helpers.study import Study

CLASSES = {
    "shape": "shape", "firstorder": "first-order", "glcm": "gray level co-occurrence", "glrlm": "gray level run length",
    "glszm": "gray level size zone", "gldm": "gray level dependence", "ngtdm": "neighboring gray tone difference",
}  # fmt: skip
COVARIANCES = {"delong": "DeLong's", "jackknife": "jackknife"}
SOURCES = {
    "phantom": "Patients, scans, masks and outcomes were drawn by a forward model of synthetic lesions",
    "manifest": "Patients were listed in one sheet with their endpoint, scans, masks and clinical variables",
    "features": "Patients were listed in one sheet with their endpoint, features and clinical variables",
    "scores": "Patients were listed in one sheet with their outcome, part and the predictions of each model",
    "readings": "Cases were listed in one sheet with their outcome and the readings of each radiologist",
    "sts": "Patients are those of the public soft-tissue sarcoma collection of The Cancer Imaging Archive",
    "ucsf_pdgm": "Patients are those of the public UCSF preoperative diffuse glioma collection with published features",
}


def methods(study: Study, *, versions: Mapping[str, str]) -> str:
    """Markdown: a heading and a paragraph for everything that ran, and for nothing else.

    versions: package name to version, as in run.json.
    """
    parameters = study.parameters
    told = {"Participants and split": _participants(study)}
    if study.entry == "images":
        told["Images"] = _images(parameters)
        told["Features"] = _features(parameters, versions)
    elif study.entry == "features":
        told["Features"] = _given_features(parameters)
    if study.entry in ("images", "features"):
        told["Selection"] = _selection(parameters)
        told["Model"] = _model(parameters)
    elif study.entry == "scores":
        told["Model"] = _given_scores()
    if study.entry != "readings":
        told["Performance"] = _performance(parameters, scores=study.entry == "scores")
        told["Comparisons"] = _comparisons(parameters)
    if {"readers", "readings"} & set(parameters.report.sections):
        told["Radiologists"] = _readers(study)
    told["Software"] = _software(parameters, versions)
    return "\n\n".join(f"## {heading}\n\n{text}" for heading, text in told.items()) + "\n"


def _participants(study: Study) -> str:
    cohort = study.parameters.cohort
    endpoints = prose.listing([f"{e.positive} (against {e.negative})" for e in cohort.endpoints])
    cases = enroll.included(study)
    sentences = [
        f"{SOURCES[cohort.source]}.",
        f"The {'endpoint is' if len(cohort.endpoints) == 1 else 'endpoints are'} {endpoints}.",
        _split(cohort, seed=study.parameters.seed) if study.entry in ("images", "features") else _stated(cases),
        "" if study.entry == "readings" else "No step that learns from data saw a patient outside the training part.",
        _missing(cohort, any_missing=bool(cases[list(cohort.clinical)].isna().any().any()), entry=study.entry),
        "" if study.entry == "readings" else "The report is laid out after TRIPOD+AI [@collins2024].",
    ]
    return " ".join(s for s in sentences if s)


def _stated(cases: pd.DataFrame) -> str:
    """Nothing is drawn where nothing is fitted."""
    if set(cases["part"]) == {"test"}:
        return "Nothing was fitted here, and all of them were judged."
    return "The training and test parts are those stated in the sheet."


def _split(cohort: Cohort, *, seed: int) -> str:
    if cohort.part_column:
        return "The training and test parts are those stated in the sheet."
    outside = ""
    if cohort.external_centers:
        outside = f" Patients of {prose.listing(cohort.external_centers)} were kept apart as external cohorts."
    if cohort.test_centers:
        return f"All patients of {prose.listing(cohort.test_centers)} form the test part.{outside}"
    share = f"{100 * cohort.test_fraction:.0f} %"
    return (
        f"A test part of {share} of the patients, stratified by outcome, was drawn once, by patient, before anything was "
        f"fitted (seed {seed}).{outside}"
    )


def _missing(cohort: Cohort, *, any_missing: bool, entry: str) -> str:
    if entry in ("scores", "readings") or not cohort.clinical:
        return ""
    if not any_missing:
        return "No clinical value was missing."
    return "Missing clinical values were replaced by the training median or commonest level."


def _images(parameters: Parameters) -> str:
    imaging, sequences = parameters.imaging, prose.listing(parameters.cohort.sequences)
    grid = "kept on the grid of the scan"
    if imaging.spacing:
        grid = f"resampled to {' x '.join(f'{s:g}' for s in imaging.spacing)} mm"
    perturbed = ""
    if parameters.selection.reproducibility == "perturbation":
        perturbed = (
            f" There was no second reader: {prose.count(imaging.perturbations, 'perturbed copy', 'perturbed copies')} of "
            "each mask (moved, grown or shrunk, contour redrawn) took that reader's place."
        )
    return (
        f"Images were {sequences}, {grid}. {_normalization(parameters)} A mismatch between the grids of mask and scan of at "
        f"most {imaging.geometry_tolerance:g} mm was repaired and noted, a larger one refused; lesions of fewer than "
        f"{imaging.minimum_voxels} voxels were excluded.{perturbed}"
    )


def _normalization(parameters: Parameters) -> str:
    rules = parameters.imaging.normalize
    rule = {s: rules.get(s, rules.get("default", "zscore")) for s in parameters.cohort.sequences}
    scored, physical = [s for s in rule if rule[s] == "zscore"], [s for s in rule if rule[s] == "none"]
    sentences = []
    if scored:
        clip = parameters.imaging.clip_sd
        sentences.append(
            f"Intensities of {prose.listing(scored)} were z-scored within the body and clipped at {clip:g} standard deviations."
        )
    if physical:
        sentences.append(f"Intensities of {prose.listing(physical)} were kept in physical units.")
    return " ".join(sentences)


def _features(parameters: Parameters, versions: Mapping[str, str]) -> str:
    sentences = []
    if parameters.radiomics.enabled:
        sentences.append(_radiomics(parameters, versions))
    if parameters.deep.enabled:
        sentences.append(_deep(parameters, versions))
    return " ".join(sentences)


def _radiomics(parameters: Parameters, versions: Mapping[str, str]) -> str:
    settings = parameters.radiomics
    filters = {
        "original": "the original image",
        "log": f"Laplacian of Gaussian filters (sigma {prose.listing([f'{s:g}' for s in settings.log_sigma])} mm)",
        "wavelet": "the eight wavelet decompositions",
    }
    images = prose.listing([filters[name] for name in settings.image_types])
    classes = prose.listing([CLASSES[name] for name in settings.classes])
    bins = f"{settings.bin_count} gray levels" if settings.bin_count else f"gray levels of width {settings.bin_width:g}"
    return (
        f"Radiomics features as defined by PyRadiomics {versions.get('pyradiomics', '')} [@vangriethuysen2017], most of them "
        f"standardized by the IBSI [@zwanenburg2020], were computed from {images}: {classes} features, with {bins}."
    )


def _deep(parameters: Parameters, versions: Mapping[str, str]) -> str:
    settings = parameters.deep
    weights = {
        "random": "with random, untrained weights",
        "imagenet": "pretrained on ImageNet",
    }.get(settings.weights, "with weights read from a local file")
    cited = " [@liu2022]" if "convnext" in settings.backbone else ""
    return (
        f"Deep features are the pooled activations of `{settings.backbone}`{cited} in timm {versions.get('timm', '')}, "
        f"{weights}, on {prose.count(settings.slices, 'axial slice')} of largest lesion area, cropped {settings.margin:g} mm "
        f"around the lesion and resized to {settings.size} x {settings.size} pixels, averaged over slices."
    )


def _given_features(parameters: Parameters) -> str:
    return "Features were taken from the table supplied; how they were extracted is described by whoever supplied it."


def _selection(parameters: Parameters) -> str:
    rules = parameters.selection
    sentences = [
        "Everything in this paragraph was learned from training patients, and learned anew in every fold.",
        "Features that were not finite or hardly varied were dropped.",
        _gate(parameters),
        f"Of two features with an absolute Spearman correlation above {rules.redundancy:g} one was dropped.",
        f"The rest were standardized and entered a LASSO logistic regression [@friedman2010] with {rules.lasso_folds}-fold "
        f"cross-validation over {rules.lasso_path} values of lambda, of which {_lasso_rule(rules.lasso_rule)} was taken.",
    ]
    return " ".join(s for s in sentences if s)


def _gate(parameters: Parameters) -> str:
    rules = parameters.selection
    if rules.reproducibility == "none":
        return "Agreement between readers was not tested, as there was one segmentation of each lesion."
    judged = "the lower 95 % limit" if rules.icc_bound == "low" else "the estimate"
    masks = "two readers' masks"
    if rules.reproducibility == "perturbation":
        masks = "the mask and its perturbed copies (there was no second reader)"
    return (
        f"A feature was kept if {judged} of its intraclass correlation ICC(A,1) [@koo2016] between {masks} was at least "
        f"{rules.icc_threshold:g}."
    )


def _lasso_rule(rule: str) -> str:
    if rule == "1se":
        return "the largest whose deviance lay within one standard error of the smallest"
    return "the one with the smallest deviance"


def _model(parameters: Parameters) -> str:
    modeling = parameters.modeling
    names = prose.listing([f"{name} score" for name in modeling.signatures])
    enters = prose.listing(
        ["the clinical variables themselves" if s == "clinical" else f"the {s} score" for s in modeling.nomogram]
    )
    variables = ""
    if parameters.cohort.clinical and "clinical" in (*modeling.signatures, *modeling.nomogram):
        variables = f" Clinical variables were chosen beforehand: {prose.listing(parameters.cohort.clinical)}."
    return (
        f"First-stage models gave the {names}, each cross-fitted in {modeling.folds} folds: a training patient's score comes from "
        f"a model that never saw the patient.{variables} The nomogram is a logistic regression on {enters}, fitted on these "
        "out-of-fold scores, never on scores of patients the first stage was fitted on. Test patients were scored once, by the "
        "models fitted on all training patients."
    )


def _given_scores() -> str:
    return (
        "The models were fitted elsewhere; their predictions are taken as they are. Predictions of training patients must be "
        "out-of-fold, as the thresholds are chosen on them."
    )


def _performance(parameters: Parameters, *, scores: bool) -> str:
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
        f"[@delong1988; @sun2014]: Wald, or logit where the AUC exceeds 0.95 or a class has fewer than 30 patients; at perfect "
        f"separation only an exact lower limit is given. The direction of a score was fixed beforehand, so an AUC below 0.5 stays "
        f"below. Calibration is told by calibration-in-the-large (with the slope held at 1), slope, observed over expected "
        f"events, a flexible curve (logistic regression on restricted cubic splines, three knots below 100 events and five above; "
        f"loess as a second opinion), the integrated calibration index [@austin2019], E50, E90, Emax, and the plain and scaled "
        f"Brier scores; bands and intervals without a formula are percentile bootstraps over patients "
        f"({statistics.bootstrap:,} replicates, models frozen). The threshold of each "
        f"model was chosen on {'supplied' if scores else 'out-of-fold'} training predictions by {rule} and then frozen; "
        f"sensitivity, specificity, predictive values and accuracy at it have Wilson intervals, balanced accuracy, F1 and Matthews "
        f"correlation intervals derived from them, likelihood ratios the log method [@simel1991]. Clinical usefulness is told by decision "
        f"curves [@vickers2006] over risk thresholds from {low} to {high} %, whose intervals describe and do not test "
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
        "without, are suppressed."
    )


def _comparisons(parameters: Parameters) -> str:
    pairs = [
        f"{prose.model_name(a).lower()} against {prose.model_name(b).lower()}"
        for a, b in parameters.statistics.comparisons
    ]
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


def _readers(study: Study) -> str:
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
        "Hodges-Lehmann shift. The mean over readers was compared by the Obuchowski-Rockette method (1995) with the degrees of freedom "
        f"of Hillis (2007) and {COVARIANCES[readers.covariance]} covariances (jackknife for sensitivity and specificity): for random "
        "readers and cases, for these readers only, and for these cases only; with fewer than four readers the analysis of these leads. "
        "Agreement is told by Cohen's and Fleiss' kappa of the calls and by quadratic-weighted kappa of ratings of at most ten levels."
    )
    if study.entry != "readings":
        sentences.append(
            "Radiologists read test patients only. The model was compared with each reader and with their mean by DeLong's covariances "
            f"on the same cases, and called not inferior if the lower limit of the difference lay above {prose.number(-readers.margin)}."
        )
    return " ".join(sentences)


def _software(parameters: Parameters, versions: Mapping[str, str]) -> str:
    named = ("radiogram", "numpy", "scipy", "scikit-learn", "statsmodels", "torch", "SimpleITK")
    told = prose.listing([f"{name} {versions[name]}" for name in named if versions.get(name, "absent") != "absent"])
    return f"Computed with {told}; every random draw derives from seed {parameters.seed}. All versions are listed under provenance."
