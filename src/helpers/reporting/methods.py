"""The methods section, written from the parameters that ran."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers import prose
from helpers.cohort import enroll, split
from helpers.imaging import deep
from helpers.imaging.radiomics import choice
from helpers.parameters import Cohort, Parameters, Selection
from helpers.reporting import (
    methods_centers,
    methods_contest,
    methods_images,
    methods_networks,
    methods_outside,
    methods_statistics,
)  # fmt: skip
from helpers.study import Study

CLASSES = {
    "shape": "shape", "firstorder": "first-order", "glcm": "gray level co-occurrence", "glrlm": "gray level run length",
    "glszm": "gray level size zone", "gldm": "gray level dependence", "ngtdm": "neighboring gray tone difference",
}  # fmt: skip
ENGINES = {
    "fast": "Radiogram's own engine, which is held to PyRadiomics' values",
    "pyradiomics": "PyRadiomics itself",
}
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
        told["Images"] = methods_images.images(parameters)
        told["Features"] = _features(parameters, versions)
    elif study.entry == "features":
        told["Features"] = _given_features(parameters)
    if study.entry in ("images", "features") and parameters.modeling.signatures:
        told["Selection"] = _selection(parameters)
        told["Model"] = _model(parameters)
    elif study.entry == "scores":
        told["Model"] = _given_scores()
    told |= _networks(study)
    if study.entry != "readings":
        told["Performance"] = methods_statistics.performance(parameters, scores=study.entry == "scores")
        told["Comparisons"] = methods_statistics.comparisons(parameters)
    if {"readers", "readings"} & set(parameters.report.sections):
        told["Radiologists"] = methods_statistics.readers(study)
    if "validation" in parameters.report.sections:
        told["Internal validation"] = methods_statistics.internal_validation(parameters)
    told |= methods_outside.paragraphs(study)
    if "centers" in parameters.report.sections or parameters.harmonization.method != "none":
        told["Centers"] = methods_centers.centers(parameters)
    if "08_masks" in parameters.notebooks:
        told["Other outlines"] = methods_statistics.other_outlines(parameters)
    told["Software"] = _software(parameters, versions)
    return "\n\n".join(f"## {heading}\n\n{text}" for heading, text in told.items()) + "\n"


def _networks(study: Study) -> dict[str, str]:
    """Paragraphs on the stages of networks and of the contest that ran."""
    stages = {
        "02_volumes": ("Volumes", methods_networks.volumes),
        "05_pretraining": ("Pretraining", methods_networks.pretraining),
        "05_contest": ("Contest", methods_contest.contest),
        "06_networks": ("Networks", methods_networks.networks),
        "09_explanation": ("Explanation", methods_networks.explanation),
    }
    return {heading: write(study) for name, (heading, write) in stages.items() if name in study.parameters.notebooks}


def _participants(study: Study) -> str:
    cohort = study.parameters.cohort
    endpoints = prose.listing([f"{e.positive} (against {e.negative})" for e in cohort.endpoints])
    cases = enroll.included(study)
    sentences = [
        f"{SOURCES[cohort.source]}.",
        f"The {'endpoint is' if len(cohort.endpoints) == 1 else 'endpoints are'} {endpoints}.",
        _split(cohort, seed=study.parameters.seed) if study.entry in ("images", "features") else _stated(cases),
        "" if study.entry == "readings" else "No step that learns from data saw a patient outside the training part.",
        _unknown(cases, cohort),
        _missing(cohort, any_missing=bool(cases[list(cohort.clinical)].isna().any().any()), entry=study.entry),
        "" if study.entry == "readings" else "The report is laid out after TRIPOD+AI [@collins2024].",
    ]
    return " ".join(s for s in sentences if s)


def _unknown(cases: pd.DataFrame, cohort: Cohort) -> str:
    """What became of patients in whom not every endpoint is known."""
    if not cases[[e.name for e in cohort.endpoints]].isna().any(axis=None):
        return ""
    return (
        "Patients in whom an endpoint was unknown stayed in the study for the other: models and statistics of an endpoint rest on the "
        "patients in whom it is known, and a network of both learned nothing of an unknown label."
    )


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
    if cohort.external:
        outside += f" Patients of {prose.listing(list(cohort.external))} came from files of their own and form external cohorts."
    if cohort.test_centers:
        return f"All patients of {prose.listing(cohort.test_centers)} form the test part.{outside}"
    if cohort.test_fraction == 0:
        return f"No test part was drawn: all other patients were trained on, and judged out of fold.{outside}"
    if cohort.temporal:
        return f"The split is by time (temporal validation): {split.temporal_rule(cohort.temporal)}.{outside}"
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


def _features(parameters: Parameters, versions: Mapping[str, str]) -> str:
    sentences = []
    if parameters.radiomics.enabled:
        sentences.append(_radiomics(parameters, versions))
    if parameters.deep.enabled:
        sentences.append(deep.sentence(parameters.deep, versions))
    return " ".join(sentences)


def _radiomics(parameters: Parameters, versions: Mapping[str, str]) -> str:
    """What was computed, from a study's own parameters or by sequence from settings files, and by which engine."""
    by_file = choice.words(parameters)
    others = [name for name in parameters.cohort.sequences if choice.file_of(name, parameters) is None]
    asked = " ".join([*by_file, *([_asked(parameters, others if by_file else [])] if others else [])])
    return (
        f"Radiomics features as defined by PyRadiomics {versions.get('pyradiomics', '')} [@vangriethuysen2017], most of them "
        f"standardized by the IBSI [@zwanenburg2020], were computed by {ENGINES[parameters.radiomics.engine]}. {asked}"
    )


def _asked(parameters: Parameters, sequences: list[str]) -> str:
    settings = parameters.radiomics
    filters = {
        "original": "the original image",
        "log": f"Laplacian of Gaussian filters (sigma {prose.listing([f'{s:g}' for s in settings.log_sigma])} mm)",
        "wavelet": "the eight wavelet decompositions",
    }
    images = prose.listing([filters[name] for name in settings.image_types])
    classes = prose.listing([CLASSES[name] for name in settings.classes])
    bins = f"{settings.bin_count} gray levels" if settings.bin_count else f"gray levels of width {settings.bin_width:g}"
    scans = f" of {prose.listing(sequences)}" if sequences else ""
    return f"From {images}{scans} came {classes} features, with {bins}."


def _given_features(parameters: Parameters) -> str:
    return "Features were taken from the table supplied; how they were extracted is described by whoever supplied it."


def _selection(parameters: Parameters) -> str:
    rules = parameters.selection
    sentences = [
        "Everything in this paragraph was learned from training patients, and learned anew in every fold.",
        "Features that were not finite or hardly varied were dropped.",
        _gate(parameters),
        _univariate(rules),
        f"Of two features with an absolute Spearman correlation above {rules.redundancy:g} one was dropped.",
        _mrmr(rules),
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


def _univariate(rules: Selection) -> str:
    if rules.univariate == "none":
        return ""
    test = {"mannwhitney": "the Mann-Whitney test", "t": "Welch's t test"}[rules.univariate]
    return (
        f"Features were kept that differed between patients with and without the endpoint by {test}, at a false discovery rate of "
        f"{rules.univariate_fdr:g} [@benjamini1995]."
    )


def _mrmr(rules: Selection) -> str:
    """The criterion by its name and in words: a report must say which of the mRMR it was."""
    if rules.mrmr is None:
        return ""
    relevance, redundancy = "F statistic", "mean absolute Pearson correlation"
    if rules.mrmr_criterion.startswith("MI"):
        relevance, redundancy = "mutual information with the endpoint", "mean mutual information"
    how = "divided by" if rules.mrmr_criterion.endswith("Q") else "less"
    return (
        f"Of those, {prose.count(rules.mrmr, 'feature')} were taken by minimum redundancy, maximum relevance [@ding2005] (criterion "
        f"{rules.mrmr_criterion}: {relevance} {how} {redundancy} with the features taken before)."
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
    nomogram = (
        f" The nomogram is a logistic regression on {enters}, fitted on these out-of-fold scores, never on scores of patients the "
        "first stage was fitted on."
        if modeling.nomogram
        else ""
    )
    return (
        f"First-stage models gave the {names}, each cross-fitted in {modeling.folds} folds: a training patient's score comes from "
        f"a model that never saw the patient.{variables}{nomogram} Test patients were scored once, by the models fitted on all "
        "training patients."
    )


def _given_scores() -> str:
    return (
        "The models were fitted elsewhere; their predictions are taken as they are. Predictions of training patients must be "
        "out-of-fold, as the thresholds are chosen on them."
    )


def _software(parameters: Parameters, versions: Mapping[str, str]) -> str:
    named = (
        "radiogram",
        "numpy",
        "scipy",
        "scikit-learn",
        "statsmodels",
        "torch",
        "lightning",
        "monai",
        "timm",
        "shap",
        "SimpleITK",
    )
    told = prose.listing([f"{name} {versions[name]}" for name in named if versions.get(name, "absent") != "absent"])
    return f"Computed with {told}; every random draw derives from seed {parameters.seed}. All versions are listed under provenance."
