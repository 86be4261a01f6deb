"""The named tables that every room hands over: their columns, and parquet in and out."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from helpers.errors import RadiogramError

DECISION = (
    "endpoint", "model", "part", "kind", "threshold", "net_benefit", "low", "high", "treat_all", "standardized",
    "interventions_avoided", "avoided_low", "avoided_high", "prevalence",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """What one row means, the columns it must have, and whether others may follow."""

    row: str
    names: tuple[str, ...]
    open: bool = False


# fmt: off
DECLARED: dict[str, Columns] = {
    "cases": Columns(
        "a case; endpoint columns (1, 0 or, where another endpoint is known, missing) and clinical ones follow",
        ("case", "patient", "center", "part"), open=True,
    ),
    "exclusions": Columns("an excluded case", ("case", "stage", "reason")),
    "repairs": Columns("something read differently from how it was written", ("case", "stage", "note")),
    "images": Columns("a case x sequence x reader's mask", ("case", "sequence", "reader", "image", "mask", "brain_mask", "dose", "target")),
    "truth": Columns(
        "a synthetic patient and endpoint: what the phantom knows",
        ("case", "endpoint", "heterogeneity", "clinical_risk", "probability", "bayes_auc"), open=True,
    ),
    "features": Columns("a case x reader; one column a feature", ("case", "reader"), open=True),
    "control_features": Columns(
        "a case x control (voxels shuffled inside or outside the mask of reader1); one column a feature",
        ("case", "control"), open=True,
    ),
    "controls": Columns(
        "a model of scans as they are (control original) or with voxels shuffled; model texture has no shape and no first-order features",
        ("control", "endpoint", "model", "part", "kind", "auc", "low", "high", "n", "events"),
    ),
    "duplicates": Columns(
        "two cases of different patients whose scans are identical or nearly so; similarity is a correlation",
        ("case_a", "case_b", "sequence", "kind", "similarity", "parts"),
    ),
    "geometry": Columns(
        "a measured case x sequence x reader",
        ("case", "sequence", "reader", "volume_ml", "voxels", "spacing", "gray_levels", "note"),
    ),
    "sources": Columns(
        "an image or mask that was read (kind: image or mask); sha256 is of every byte of it, in the order of slices",
        ("case", "sequence", "reader", "kind", "format", "series_uid", "structure", "sha256"),
    ),
    "audit": Columns(
        "a case x sequence whose features were recomputed with PyRadiomics, in the outline of one reader",
        ("case", "sequence", "reader", "features", "worst_relative_difference", "worst_feature", "beyond",
         "note"),
    ),
    "segmentations": Columns(
        "a measured case x set of masks x pair of readers",
        ("case", "sequence", "reader_a", "reader_b", "dice", "hausdorff95"),
    ),
    "intensities": Columns(
        "a measured case x sequence, within the mask of reader1",
        ("case", "sequence", "lowest", "median", "highest", "gray_levels"),
    ),
    "registrations": Columns(
        "a measured case x sequence laid over the reference; moved in mm, mutual information in nats before and after",
        ("case", "sequence", "moved", "before", "after"),
    ),
    "quality": Columns(
        "a measured case, worst masks first; number stands for the case on the page",
        ("case", "number", "concern", "dice", "hausdorff95", "gray_levels", "voxels", "edge", "note"),
    ),
    "reproducibility": Columns(
        "a feature, on the training patients",
        ("endpoint", "signature", "feature", "icc", "low", "high", "kept"),
    ),
    "funnel": Columns("a step of selection", ("endpoint", "signature", "step", "features")),
    "selected": Columns(
        "a selected feature; coefficient on the standardized scale",
        ("endpoint", "signature", "feature", "coefficient", "mean", "sd", "frequency"),
    ),
    "lasso": Columns(
        "a lambda of the path",
        ("endpoint", "signature", "lambda", "deviance", "standard_error", "nonzero", "chosen"),
    ),
    "lasso_path": Columns(
        "a lambda x feature ever selected",
        ("endpoint", "signature", "lambda", "feature", "coefficient"),
    ),
    "nomogram": Columns(
        "a term of the nomogram",
        ("endpoint", "term", "variable", "level", "coefficient", "standard_error", "odds_ratio", "low", "high", "p",
         "minimum", "maximum", "sd"),
    ),
    "fits": Columns(
        "a fitted object and the patients it saw",
        ("endpoint", "object", "fold", "patients", "fingerprint"),
    ),
    "predictions": Columns(
        "a case x endpoint x model x kind; kind is oof, apparent or frozen",
        ("case", "patient", "endpoint", "model", "part", "kind", "truth", "probability"),
    ),
    "contest": Columns(
        "a contender (inputs and classifier) in a part; difference is the winner's AUC minus its own",
        ("endpoint", "inputs", "classifier", "part", "kind", "metric", "estimate", "low", "high", "method", "inner_auc",
         "chosen", "folds_won", "features", "settings", "difference", "difference_low", "difference_high", "p", "p_holm",
         "n", "events"),
    ),
    "families": Columns(
        "a model or a fitted baseline in a part; difference is the leading model's AUC minus its own",
        ("endpoint", "model", "group", "part", "kind", "estimate", "low", "high", "method", "difference",
         "difference_low", "difference_high", "p", "p_holm", "n", "events", "note"),
    ),
    "first_stage": Columns(
        "a case x signature that enters the nomogram: its score, out of fold for training cases, else of the final signature",
        ("endpoint", "case", "part", "signature", "score"),
    ),
    "missing_values": Columns(
        "a clinical variable and how often it is missing, by outcome",
        ("endpoint", "variable", "n", "missing", "events", "events_missing", "others", "others_missing", "p"),
    ),
    "missing_data": Columns(
        "a coefficient (log odds) or the AUC in a part, by how missing values were handled; parts other than train are frozen",
        ("endpoint", "model", "handling", "part", "quantity", "term", "estimate", "low", "high", "df", "missing_information", "n", "events",
         "note", "sd"),
    ),
    "readings": Columns("a case x reader x condition", ("case", "reader", "condition", "rating", "call", "seconds")),
    "scores": Columns(
        "a metric of a model in a part",
        ("endpoint", "model", "part", "kind", "metric", "estimate", "low", "high", "method", "n", "events"),
    ),
    "comparisons": Columns(
        "a test of two models",
        ("endpoint", "part", "model_a", "model_b", "test", "estimate", "low", "high", "statistic", "df", "p",
         "p_holm", "family"),
    ),
    "thresholds": Columns(
        "a frozen operating point, and the bootstrap interval of its choice",
        ("endpoint", "model", "rule", "threshold", "low", "high", "chosen_on"),
    ),
    "roc": Columns(
        "a point of a ROC curve",
        ("endpoint", "model", "part", "kind", "threshold", "sensitivity", "specificity"),
    ),
    "calibration": Columns(
        "a point of a flexible calibration curve; version is main, loess or recalibrated",
        ("endpoint", "model", "part", "kind", "version", "predicted", "observed", "low", "high", "smoother"),
    ),
    "roc_band": Columns(
        "a specificity of a ROC curve, with the interval of the sensitivity there",
        ("endpoint", "model", "part", "kind", "specificity", "sensitivity", "low", "high"),
    ),
    "calibration_groups": Columns(
        "a quantile group of predicted risk",
        ("endpoint", "model", "part", "kind", "predicted", "observed", "low", "high", "count", "events"),
    ),
    "calibration_tests": Columns(
        "a test of calibration",
        ("endpoint", "model", "part", "kind", "test", "statistic", "df", "p", "note"),
    ),
    "recalibration": Columns(
        "a calibration metric of a model as given and recalibrated in training",
        ("endpoint", "model", "part", "version", "metric", "estimate", "low", "high"),
    ),
    "external_update": Columns(
        "a metric of a frozen model in an external cohort: as frozen, or updated there by cross-fitting",
        ("endpoint", "model", "part", "version", "metric", "estimate", "low", "high", "n", "events", "note"),
    ),
    "external_tests": Columns(
        "a frozen model in an external cohort: likelihood-ratio tests of updating it, and the least update that holds",
        ("endpoint", "model", "part", "joint", "joint_p", "slope", "slope_p", "suggested", "n", "events"),
    ),
    "external_calibration": Columns(
        "a point of a flexible calibration curve in an external cohort, by version of external_update",
        ("endpoint", "model", "part", "kind", "version", "predicted", "observed", "low", "high", "smoother"),
    ),
    "decision": Columns("a risk threshold of a decision curve", DECISION),
    "decision_adjusted": Columns("a risk threshold of a decision curve at the stated prevalence", DECISION),
    "decision_differences": Columns(
        "a risk threshold and two strategies",
        ("endpoint", "part", "model_a", "model_b", "threshold", "difference", "low", "high"),
    ),
    "reclassification": Columns(
        "a measure of reclassification",
        ("endpoint", "part", "model_a", "model_b", "measure", "estimate", "low", "high", "events", "nonevents",
         "method"),
    ),
    "reclassification_table": Columns(
        "a cell of a reclassification table; outcome is events or nonevents, categories count from 0",
        ("endpoint", "part", "model_a", "model_b", "outcome", "old", "new", "old_range", "new_range", "count"),
    ),
    "subgroups": Columns(
        "a metric of a model in a subgroup",
        ("endpoint", "model", "part", "kind", "variable", "level", "metric", "estimate", "low", "high", "n",
         "events", "suppressed"),
    ),
    "subgroup_tests": Columns(
        "a test of equal AUC in two subgroups",
        ("endpoint", "model", "part", "variable", "level_a", "level_b", "estimate", "low", "high", "statistic", "df",
         "p", "p_holm"),
    ),
    "strata": Columns(
        "a model in all patients of a part (variable all patients), or within a level of what no model reads",
        ("endpoint", "model", "part", "kind", "variable", "level", "metric", "estimate", "low", "high", "n", "events",
         "note"),
    ),
    "added_value": Columns(
        "a block of terms of the nomogram and the likelihood-ratio test of adding it, on the training patients",
        ("endpoint", "block", "terms", "statistic", "df", "p"),
    ),
    "sample_size": Columns(
        "a criterion of sample size",
        ("endpoint", "purpose", "criterion", "needed", "available", "note"),
    ),
    "validation": Columns(
        "a metric of a model by a method of internal validation, whole pipeline repeated",
        ("endpoint", "model", "method", "metric", "apparent", "optimism", "estimate", "low", "high", "replicates"),
    ),
    "instability": Columns(
        "a training case: its prediction, how refitted models spread around it, and the share of them that call it otherwise",
        ("endpoint", "model", "case", "probability", "low", "high", "error", "flips"),
    ),
    "mask_uncertainty": Columns(
        "a case x model: risk by its first mask, least and greatest over its masks, and the other masks that call it otherwise",
        ("endpoint", "model", "case", "part", "probability", "low", "high", "masks", "flips"),
    ),
    "mask_agreement": Columns(
        "a model in a part: share of patients whose call another mask changes, and how the risk itself agrees between masks",
        ("endpoint", "model", "part", "n", "masks", "flipped", "estimate", "low", "high", "mask_sd", "icc", "icc_low", "icc_high"),
    ),
    "selection_frequency": Columns(
        "a feature and the share of bootstrap samples whose selection kept it",
        ("endpoint", "signature", "feature", "frequency", "in_final", "replicates"),
    ),
    "centers": Columns(
        "a metric of a model in a center it never saw; kind is left out (fitted without it) or frozen (no patient of it in training)",
        ("endpoint", "model", "center", "kind", "metric", "estimate", "low", "high", "method", "n", "events", "note"),
    ),
    "center_pooled": Columns(
        "a model's AUC over centers it never saw (random effects), and the limits of a further center's",
        ("endpoint", "model", "estimate", "low", "high", "prediction_low", "prediction_high", "tau", "i2", "q", "p", "centers",
         "method"),
    ),
    "harmonization": Columns(
        "a metric with features as measured or harmonized: how well a signature's features tell the center, or a model the outcome",
        ("endpoint", "model", "part", "kind", "version", "metric", "estimate", "low", "high", "method", "n", "events"),
    ),
    "volumes": Columns(
        "a case as networks see it; plan numbers follow",
        ("case", "file", "sequences", "lesion_ml", "lesion_share", "note"), open=True,
    ),
    "training": Columns(
        "an epoch of a training; part is train or inner",
        ("model", "fold", "seed", "epoch", "part", "loss", "auc", "seconds", "kept"),
    ),
    "seed_scores": Columns(
        "the AUC of one seed's networks alone",
        ("endpoint", "model", "part", "kind", "seed", "auc"),
    ),
    "architectures": Columns(
        "a network: its inputs, size and where its weights came from",
        ("model", "architecture", "definition", "inputs", "parameters", "trained", "weights", "sha256", "license"),
    ),
    "pretraining": Columns(
        "an epoch of the pretraining; part is train or held out",
        ("objective", "epoch", "part", "loss", "restoration", "contrast", "psnr", "spread", "seconds"),
    ),
    "probe": Columns(
        "a linear probe of frozen encoders on the training patients",
        ("endpoint", "encoder", "labels", "repeat", "auc"),
    ),
    "saliency": Columns(
        "an explained case; outcome is TP, TN, FP or FN, number stands for the case on the page",
        ("endpoint", "model", "method", "case", "number", "outcome", "probability", "inside", "volume_share"),
    ),
    "randomization": Columns(
        "a depth to which weights were drawn anew, from the last layer down, and how similar saliency stayed",
        ("endpoint", "model", "method", "depth", "layer", "similarity", "inside"),
    ),
    "contributions": Columns(
        "a case x variable of a fusion: Shapley value in log odds",
        ("endpoint", "model", "case", "variable", "value", "contribution"),
    ),
    "guidance": Columns(
        "a seed of the experiment of the guide; guide is none, signal (on the region that tells the label) or elsewhere",
        ("guide", "seed", "auc", "beta", "attention"),
    ),
    "permutation": Columns(
        "a model's out-of-fold AUC within folds; permutation 0 has the true labels, the others labels dealt out anew",
        ("endpoint", "model", "permutation", "auc", "n", "events"),
    ),
    "canaries": Columns(
        "a canary (volume only or center only) in a part, and where frozen the leading model's AUC minus its own",
        ("endpoint", "canary", "part", "kind", "estimate", "low", "high", "method", "n", "events", "model", "difference",
         "difference_low", "difference_high", "p"),
    ),
    "recipe": Columns(
        "what would have been claimed after a step of the common recipe, which is wrong on purpose; labels are true or permuted",
        ("endpoint", "labels", "permutation", "step", "auc", "accuracy", "sensitivity", "specificity", "n", "events"),
    ),
    "feature_twins": Columns(
        "two cases of different patients whose features are identical or nearly so; distance 1 is that of typical patients",
        ("case_a", "case_b", "distance", "limit", "kind"),
    ),
    "plausibility": Columns("a rule and what it found", ("rule", "table", "where", "seen", "verdict")),
    "reader_scores": Columns(
        "a metric of a radiologist in a condition",
        ("endpoint", "reader", "condition", "metric", "estimate", "low", "high", "method", "n", "events"),
    ),
    "reader_comparisons": Columns(
        "a contrast of the reader study; contrast is e.g. aided - unaided, or model - aided; leading marks the one to read first",
        ("endpoint", "reader", "contrast", "metric", "estimate", "low", "high", "statistic", "df", "p", "method",
         "leading"),
    ),
    "reader_agreement": Columns(
        "an agreement of two readers (or of all) in a condition",
        ("endpoint", "condition", "reader_a", "reader_b", "statistic", "estimate", "low", "high", "agreement", "n"),
    ),
    "switches": Columns(
        "a radiologist's calls before and after seeing the model's",
        ("endpoint", "reader", "right_to_right", "right_to_wrong", "wrong_to_right", "wrong_to_wrong",
         "automation_bias", "rescued", "ignored", "model_wrong", "cases"),
    ),
}
# fmt: on


@dataclass(frozen=True)
class Tables:
    """The tables of one run, by name, as parquet files in one folder."""

    folder: Path

    def path(self, name: str) -> Path:
        if name not in DECLARED:
            raise KeyError(f"no table is called {name}: declare it in helpers.tables")
        return self.folder / f"{name}.parquet"

    def exists(self, name: str) -> bool:
        return self.path(name).is_file()

    def read(self, name: str) -> pd.DataFrame:
        """Raises RadiogramError when the stage that writes the table has not run."""
        if not self.exists(name):
            raise RadiogramError(
                f"Table {name} is not there yet: run the notebook that writes it, or the whole report."
            )
        return pd.read_parquet(self.path(name))

    def find(self, name: str) -> pd.DataFrame | None:
        """The table, or None where no stage of this study has written it."""
        return self.read(name) if name in DECLARED and self.exists(name) else None

    def write(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Write whole or not at all; returns the frame with its declared columns first."""
        frame = _declared(name, frame)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        write_whole(self.path(name), lambda path: pq.write_table(table, path))
        return frame

    def append(self, name: str, frame: pd.DataFrame, *, replacing: str) -> pd.DataFrame:
        """Add rows to a table, in place of those whose `replacing` column has the same values."""
        if self.exists(name):
            kept = self.read(name)
            kept = kept[~kept[replacing].isin(frame[replacing].unique())]
            frame = pd.concat([kept, frame], ignore_index=True) if len(kept) else frame
        return self.write(name, frame)


def empty(name: str) -> pd.DataFrame:
    """A table without rows."""
    return pd.DataFrame({column: pd.Series(dtype=object) for column in DECLARED[name].names})


def write_whole(path: Path, write) -> None:
    """Let `write` fill a file beside `path`, then rename it: a reader never meets half a file.

    Raises RadiogramError when the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        os.replace(beside, path)
    except OSError as error:
        raise full_disk(error, path.name) from error
    finally:
        beside.unlink(missing_ok=True)


def full_disk(error: OSError, name: str) -> Exception:
    """The sentence for a disk that is full; any other error as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RadiogramError(f"The disk is full: {name} could not be written. Free some space and run again.")
    return error


def _declared(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    columns = DECLARED[name]
    missing = [c for c in columns.names if c not in frame]
    extra = [c for c in frame if c not in columns.names]
    if missing or (extra and not columns.open):
        raise ValueError(
            f"table {name}: missing columns {missing}, undeclared columns {extra if not columns.open else []}"
        )
    return frame[[*columns.names, *extra]].reset_index(drop=True)
