"""Every parameter of a study, typed and frozen; its default and meaning stand in params/_defaults.yaml."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class Group(BaseModel):
    """Frozen values; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Endpoint(Group):
    """Two outcomes; where the column holds numbers, such as Ki-67 in percent, positive from `cut` on."""

    name: str
    positive: str
    negative: str
    cut: float | None = None


class Baseline(Group):
    name: str
    column: str
    direction: Literal["higher", "lower"]


class Subgroup(Group):
    name: str
    column: str
    cuts: tuple[float, ...] = ()


class Temporal(Group):
    """Patients from a value of a column on, such as the date of their scan, are the test part."""

    model_config = ConfigDict(serialize_by_alias=True)

    column: str
    start: int | float | date | str = Field(alias="from")


class Cohort(Group):
    source: Literal["phantom", "manifest", "features", "scores", "readings", "sts", "ucsf_pdgm"]
    root: Path | None
    manifest: Path | None
    features: Path | None
    scores: Path | None
    readings: Path | None
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    sequences: tuple[str, ...]
    clinical: tuple[str, ...]
    strata: tuple[str, ...]
    dose: str | None
    target: str | None
    plan: tuple[str, ...]
    baselines: tuple[Baseline, ...]
    part_column: str | None
    test_fraction: Annotated[float, Field(ge=0, lt=1)]
    test_centers: tuple[str, ...]
    external_centers: tuple[str, ...]
    temporal: Temporal | None
    external: dict[Annotated[str, Field(pattern=r"^\w[\w -]*$")], Path]
    max_excluded_fraction: Fraction


class Phantom(Group):
    patients: Annotated[int, Field(ge=20)]
    centers: Count
    prevalence: Annotated[float, Field(gt=0, lt=1)]
    signal: Annotated[float, Field(ge=0)]
    second_prevalence: Annotated[float, Field(gt=0, lt=1)]
    entry: Literal["images", "features"]
    features: Count
    informative_features: Annotated[int, Field(ge=0)]
    shape: tuple[Count, Count, Count]
    spacing: tuple[Positive, Positive, Positive]
    missing_fraction: Fraction
    unknown: Annotated[float, Field(ge=0, lt=1)]
    visibility: Annotated[float, Field(ge=1)]
    clinical_signal: Annotated[float, Field(ge=0)]
    readers: Count
    reader_auc: Annotated[float, Field(gt=0.5, lt=1)]
    reader_trust: Fraction


# A value of the masks, several that are taken together, or a region of a convention (helpers.imaging.labels).
MaskLabel = Count | Annotated[tuple[Count, ...], Field(min_length=1)] | Annotated[str, Field(pattern=r"^\w+:\w+$")]


class Perturbation(Group):
    rotation: Annotated[float, Field(ge=0, le=45)]
    translation: Annotated[float, Field(ge=0, le=10)]
    volume: Annotated[float, Field(ge=0, lt=1)]
    contour: Annotated[float, Field(ge=0, le=0.5)]


class Imaging(Group):
    spacing: tuple[Positive, Positive, Positive] | None
    orientation: Annotated[str, Field(pattern="^[RLAPIS]{3}$")] | None
    already: tuple[Literal["n4", "skull_strip", "zscore"], ...] | None
    n4: tuple[str, ...]
    n4_shrink: Count
    skull_strip: bool
    register_to: str | None
    register_transform: Literal["rigid", "affine"]
    register_limit: Positive
    mask_space: str | None
    normalize: dict[str, Literal["zscore", "zscore_mask", "percentile", "whitestripe_t1", "whitestripe_t2", "none"]]
    percentiles: tuple[Annotated[float, Field(ge=0, lt=100)], Annotated[float, Field(gt=0, le=100)]]
    clip_sd: Positive
    mask_label: MaskLabel | dict[str, MaskLabel]
    mask_reference: Literal["series", "frame"]
    geometry_tolerance: Annotated[
        float, Field(ge=0, le=1)
    ]  # beyond a millimeter a mismatch is an error, not a rounding
    minimum_voxels: Annotated[int, Field(ge=2)]
    perturbations: Count
    perturbation: Perturbation


FeatureClass = Literal["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


class Radiomics(Group):
    enabled: bool
    image_types: tuple[Literal["original", "log", "wavelet"], ...]
    log_sigma: tuple[Positive, ...]
    classes: tuple[FeatureClass, ...]
    bin_count: Annotated[int, Field(ge=2)] | None
    bin_width: Positive | None
    maximum_levels: Annotated[int, Field(ge=2)]
    settings: dict[str, Path]
    engine: Literal["fast", "pyradiomics"]
    audit_fraction: Fraction


class Deep(Group):
    enabled: bool
    backbone: str
    weights: str
    layer: Literal["pooled", "logits"]
    slices: Count
    slices_rule: Literal["largest", "2.5d", "2.5d_planes"]
    pooling: Literal["mean", "max", "mean_max"]
    margin: Annotated[float, Field(ge=0)]
    size: Annotated[int, Field(ge=32)]
    precision: Literal["float32", "bfloat16"]
    runtime: Literal["torch", "openvino"]


class Selection(Group):
    reproducibility: Literal["reader", "perturbation", "none"]
    icc_threshold: Fraction
    icc_bound: Literal["low", "estimate"]
    univariate: Literal["none", "mannwhitney", "t"]
    univariate_fdr: Fraction
    redundancy: Annotated[float, Field(gt=0, le=1)]
    mrmr: Count | None
    mrmr_criterion: Literal["FCQ", "FCD", "MIQ", "MID"]
    lasso_folds: Annotated[int, Field(ge=3)]
    lasso_rule: Literal["1se", "min"]
    lasso_path: Annotated[int, Field(ge=10)]


class Harmonization(Group):
    method: Literal["none", "combat"]
    prior: Literal["parametric", "nonparametric"]
    preserve: tuple[str, ...]
    reference: str | None
    unseen: Literal["refuse", "none", "location"]


Signature = Literal["radiomics", "deep", "clinical"]


class Modeling(Group):
    signatures: tuple[Signature, ...]
    nomogram: tuple[Signature, ...]
    folds: Annotated[int, Field(ge=2)]


Classifier = Literal[
    "logistic regression", "support vector machine", "random forest", "k-nearest neighbors", "gradient boosting"
]


class ContestInput(Group):
    """What a contender reads: blocks (a sequence and a kind, or a kind alone for all sequences), and clinical variables."""

    name: Annotated[str, Field(pattern=r"^\w[\w +-]*$")]
    blocks: tuple[Annotated[str, Field(pattern=r"^(\S.* )?(radiomics|deep)$")], ...] = ()
    clinical: bool = False


class Contest(Group):
    inputs: Annotated[tuple[ContestInput, ...], Field(min_length=1)]
    classifiers: Annotated[tuple[Classifier, ...], Field(min_length=1)]
    carried: tuple[str, ...]
    folds: Annotated[int, Field(ge=2)]
    trees: Count


Architecture = Literal[
    "resnet10", "resnet50", "resnet10_monai", "vgg11", "vgg16", "mresnet", "densenet121", "convnext", "transformer"
]
Input = Literal["images", "clinical", "plan"]


class Network(Group):
    """One network of a study; what is left out is every sequence, and every endpoint at once."""

    name: Annotated[str, Field(pattern=r"^\w[\w -]*$")]
    architecture: Architecture
    sequences: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    fusion: Literal["early", "late"] = "early"
    weights: str = "random"
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)] = ("images",)
    combine: Literal["attention", "concatenation"] = "attention"
    guide: Literal["none", "dose", "target", "lesion"] = "none"


class Fusion(Group):
    """A logistic regression on the out-of-fold scores of other models, and on clinical variables: all (true) or some.

    Without members it is a model of those variables alone, such as age.
    """

    name: Annotated[str, Field(pattern=r"^\w[\w -]*$")]
    members: tuple[str, ...] = ()
    clinical: bool | tuple[str, ...] = False


class Volumes(Group):
    extent: Literal["lesion", "whole"]
    margin: Annotated[float, Field(ge=0)]
    size: tuple[Count, Count, Count]
    missing: Literal["exclude", "mask"]
    outside: Literal["keep", "blank"]
    prescription: Positive | None


class Networks(Group):
    models: tuple[Network, ...]
    fusions: tuple[Fusion, ...]
    seeds: Count
    inner_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    epochs: Count
    patience: Count
    batch: Count
    learning_rate: Positive
    trunk_rate: Annotated[float, Field(ge=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    imbalance: Literal["weights", "focal", "none"]
    augment: bool
    width: Count
    backbone: str
    slices: Count
    modality_dropout: Annotated[float, Field(ge=0, lt=1)]
    precision: Literal["32", "bf16-mixed", "16-mixed"]
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Count
    hours: Positive


class Pretraining(Group):
    objective: Literal["restore_contrast", "mae"]
    folder: Path | None
    sequences: tuple[str, ...]
    patch: Count
    width: Count
    depth: Count
    heads: Count
    epochs: Count
    batch: Count
    learning_rate: Positive
    temperature: Positive
    masked: Annotated[float, Field(gt=0, lt=1)]
    probe_labels: Count


class Explanation(Group):
    models: tuple[str, ...]
    cases: Count


class Controls(Group):
    voxels: tuple[Literal["inside", "outside"], ...]


class Statistics(Group):
    level: Annotated[float, Field(gt=0.5, lt=1)]
    bootstrap: Annotated[int, Field(ge=100)]
    threshold_rule: Literal["youden", "sensitivity"]
    target_sensitivity: Fraction
    decision_range: tuple[Fraction, Fraction]
    decision_rationale: str
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None
    partial_range: tuple[Fraction, Fraction]
    partial_focus: Literal["specificity", "sensitivity"]
    reclassification_cuts: tuple[Fraction, ...]
    comparisons: tuple[tuple[str, str], ...]
    subgroups: tuple[Subgroup, ...]
    subgroup_events: Count


class Validation(Group):
    bootstraps: Annotated[int, Field(ge=0)]
    repeats: Annotated[int, Field(ge=0)]
    center_events: Annotated[int, Field(ge=2)]


class Integrity(Group):
    permutations: Annotated[int, Field(ge=0)]
    splits: Count
    openings: Count | None
    openings_consequence: Literal["caution", "withhold"]


class Imputation(Group):
    imputations: Annotated[int, Field(ge=2)]
    iterations: Count


class Readers(Group):
    conditions: tuple[str, str]
    call_at: float | None
    covariance: Literal["delong", "jackknife"]
    margin: Positive
    design: str


class Report(Group):
    sections: tuple[str, ...]
    renderer: Literal["auto", "quarto", "pandoc"]
    maximum_megabytes: Positive


class Execution(Group):
    workers: Annotated[int, Field(ge=0)]
    scheduler: str | None
    retries: Annotated[int, Field(ge=0)]
    case_minutes: Positive
    case_gigabytes: Positive
    isolated: bool
    dashboard: bool


class Parameters(Group):
    title: str
    question: str
    seed: int
    preset: Literal["quick", "paper"]
    presets: dict[str, Any]
    notebooks: tuple[str, ...]
    cohort: Cohort
    phantom: Phantom
    imaging: Imaging
    radiomics: Radiomics
    deep: Deep
    harmonization: Harmonization
    selection: Selection
    modeling: Modeling
    contest: Contest
    volumes: Volumes
    networks: Networks
    pretraining: Pretraining
    explanation: Explanation
    controls: Controls
    statistics: Statistics
    validation: Validation
    integrity: Integrity
    imputation: Imputation
    readers: Readers
    report: Report
    execution: Execution


def known_parameters(model: type[BaseModel] = Parameters, prefix: str = "") -> list[str]:
    """Dotted names of every parameter."""
    names = []
    for field, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names += known_parameters(info.annotation, f"{prefix}{field}.")
        else:
            names.append(f"{prefix}{field}")
    return names
