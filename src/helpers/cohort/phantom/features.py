"""A feature table drawn from the same latents as the images, for studies that enter at features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.latents import Phantom
from helpers.parameters import Parameters

BLOCK = 10  # features that share a nuisance factor, as the members of a feature family do

# Ranges of: correlation with the latent, share of the rest that a block's members have in common,
# ICC between readers of reproducible and of irreproducible features, and the share of the latter.
LOADING, COMMON = (0.35, 0.65), (0.5, 0.97)
ICC_GOOD, ICC_POOR, POOR = (0.86, 0.99), (0.2, 0.65), 0.25


@dataclass(frozen=True)
class Design:
    """What each column measures; fixed by the seed, the same for every patient.

    loading: correlation with `latent` (0 heterogeneity, 1 vascularity). common: share of the rest that the block
    shares. noise: sd between readers. skewed: log-normal instead of normal. center, scale: of the units it is in.
    """

    loading: np.ndarray
    latent: np.ndarray
    common: np.ndarray
    noise: np.ndarray
    skewed: np.ndarray
    center: np.ndarray
    scale: np.ndarray


def feature_table(phantom: Phantom, parameters: Parameters) -> pd.DataFrame:
    """Table `features`: a row a case and reader (reader1, then reader2), one column a feature.

    `phantom.informative_features` columns carry the heterogeneity (with two endpoints, half of them the vascularity);
    one block in ten follows lesion volume; every column has its own shift and scale at each center. Reader 2 measures
    what reader 1 does plus noise, large for a quarter of the features. Columns are named as radiomics of each sequence,
    and half of the blocks as deep features where `modeling.signatures` has deep.
    """
    options = parameters.phantom
    design = _design(parameters)
    truth = phantom.truth.drop_duplicates("case").reset_index(drop=True)
    measured = _measured(truth, phantom.cases["center"], design, parameters)
    rng = stream(parameters.seed, "second reader")
    second = measured + design.noise * rng.standard_normal((len(truth), options.features))
    names = _names(parameters)
    tables = []
    for reader, values in (("reader1", measured), ("reader2", second)):
        table = pd.DataFrame(_units(values, design), columns=names)
        table.insert(0, "reader", reader)
        table.insert(0, "case", truth["case"])
        tables.append(table)
    both = pd.concat(tables, ignore_index=True)
    return both.sort_values(["case", "reader"], kind="stable", ignore_index=True)


def _design(parameters: Parameters) -> Design:
    options, rng = parameters.phantom, stream(parameters.seed, "features")
    columns = options.features
    blocks = np.arange(columns) // BLOCK
    rank = np.argsort(np.argsort(rng.permutation(blocks.max() + 1)[blocks], kind="stable"), kind="stable")
    informative = rank < options.informative_features  # whole blocks, in random order
    sign = rng.choice([-1.0, 1.0], columns)
    icc = np.where(rng.random(columns) < POOR, rng.uniform(*ICC_POOR, columns), rng.uniform(*ICC_GOOD, columns))
    return Design(
        loading=informative * sign * rng.uniform(*LOADING, columns),
        latent=(blocks % 2) * (len(parameters.cohort.endpoints) > 1),
        common=rng.uniform(*COMMON, columns),
        noise=np.sqrt(2 * (1 - icc) / icc),
        skewed=rng.random(columns) < 0.25,
        center=rng.normal(0, 3, columns),
        scale=10 ** rng.uniform(-2, 3, columns),
    )


def _measured(truth: pd.DataFrame, centers: pd.Series, design: Design, parameters: Parameters) -> np.ndarray:
    """Standardized values of reader 1, (cases, features)."""
    cases, columns = len(truth), len(design.loading)
    blocks = np.arange(columns) // BLOCK
    shared = stream(parameters.seed, "blocks").standard_normal((cases, blocks.max() + 1))
    volume = np.log(truth["volume_ml"].to_numpy())
    shared[:, ::10] = ((volume - volume.mean()) / volume.std())[:, None]
    own = stream(parameters.seed, "columns").standard_normal((cases, columns))
    rest = np.sqrt(design.common) * shared[:, blocks] + np.sqrt(1 - design.common) * own
    latents = truth[["heterogeneity", "vascularity"]].to_numpy()[:, design.latent]
    values = design.loading * latents + np.sqrt(1 - design.loading**2) * rest
    for center in sorted(centers.unique()):
        rng, here = stream(parameters.seed, "features", center), (centers == center).to_numpy()
        values[here] = values[here] * np.exp(rng.normal(0, 0.1, columns)) + rng.normal(0, 0.3, columns)
    return values


def _units(values: np.ndarray, design: Design) -> np.ndarray:
    """From standard units to the feature's own: a quarter of the features are log-normal, all differ in scale."""
    return design.scale * np.where(design.skewed, np.exp(0.5 * values), design.center + values)


def _names(parameters: Parameters) -> list[str]:
    sequences = parameters.cohort.sequences or ("T1c",)
    deep = "deep" in parameters.modeling.signatures
    names = []
    for column in range(parameters.phantom.features):
        block = column // BLOCK
        sequence = sequences[block // 2 % len(sequences)]
        names.append(
            f"{sequence}_deep_{column}" if deep and block % 2 else f"{sequence}_original_firstorder_f{column:03d}"
        )
    return names
