"""Did pretraining help? A linear model on the frozen encoder, with few labels, against the same encoder untrained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from helpers.errors import RadiogramError
from helpers.learning.networks.vit3d import Encoder, patches
from helpers.tables import DECLARED

REPEATS = 20  # draws of the labeled patients
FEWEST = 5  # patients of each class among the labeled ones, and among those who judge
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse, of the ridge penalty, from which cross-validation chooses
STEP = 32  # images a pass
PRETRAINED, RANDOM, VOLUME = "pretrained", "random", "volume"
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """Mean AUC of the pretrained and of the random encoder of an endpoint, their difference and its interval."""

    endpoint: str
    labels: int
    pretrained: float
    random: float
    difference: float
    low: float
    high: float

    @property
    def helped(self) -> bool:
        return self.low > 0


def probe(
    images: FloatArray,
    lesions: FloatArray,
    volume: FloatArray,
    cases: pd.DataFrame,
    *,
    endpoints: Sequence[str],
    pretrained: Encoder,
    untrained: Callable[[], Encoder],
    labels: int,
    seed: int,
    repeats: int = REPEATS,
) -> pd.DataFrame:
    """Table `probe`: AUC of three linear models in patients whose labels they were not given, again and again.

    `images` (n, sequences, z, y, x) of the training cases (NaN where a sequence is missing), `lesions` (n, z, y, x) the
    share of each voxel inside the lesion, `volume` (n,) of the lesion in ml, `cases` (n rows) with `patient` and the
    endpoints; `untrained` makes the encoder with weights drawn by torch's generator, which every repeat seeds anew.
    Raises RadiogramError where labels are too few.
    """
    known = embeddings(pretrained, images, lesions)
    rows = []
    for repeat in range(repeats):
        torch.manual_seed(_number(seed, "probe", repeat))
        inputs = {
            PRETRAINED: known,
            RANDOM: embeddings(untrained(), images, lesions),
            VOLUME: np.log1p(volume)[:, None],
        }
        for endpoint in endpoints:
            chosen = _draw(cases, endpoint, labels=labels, seed=_number(seed, endpoint, repeat))
            truth = cases[endpoint].to_numpy(dtype=float)
            for name, values in inputs.items():
                auc = _auc(values, truth, cases["patient"], chosen)
                rows.append((endpoint, name, int(chosen.sum()), repeat, auc))
    return pd.DataFrame(rows, columns=list(DECLARED["probe"].names))


@torch.inference_mode()
def embeddings(encoder: Encoder, images: FloatArray, lesions: FloatArray) -> FloatArray:
    """(n, sequences x width): the lesion's mean token of each sequence; of a missing one the mean over those who have it.

    Patches count by their share of the lesion; where no lesion is drawn all count alike.
    """
    n, sequences = images.shape[:2]
    flat = torch.from_numpy(np.nan_to_num(images).reshape(n * sequences, 1, *images.shape[2:]).astype(np.float32))
    weights = shares(lesions, encoder.patch).repeat_interleave(sequences, dim=0)
    parts = zip(flat.split(STEP), weights.split(STEP), strict=True)
    found = [torch.einsum("npw,np->nw", encoder.tokens(part), share) for part, share in parts]
    vectors = torch.cat(found).double().numpy().reshape(n, sequences, encoder.width)
    missing = np.isnan(images).reshape(n, sequences, -1).all(axis=2)
    for s in range(sequences):
        vectors[missing[:, s], s] = vectors[~missing[:, s], s].mean(axis=0) if (~missing[:, s]).any() else 0.0
    return vectors.reshape(n, sequences * encoder.width)


def shares(lesions: FloatArray, patch: int) -> Tensor:
    """(n, N), rows that sum to 1: the share of the lesion in each patch, or of all alike where there is none."""
    inside = patches(torch.from_numpy(lesions[:, None].astype(np.float32)), patch).sum(dim=2)
    inside[inside.sum(dim=1) == 0] = 1.0
    return inside / inside.sum(dim=1, keepdim=True)


def verdicts(table: pd.DataFrame, *, cases: pd.DataFrame, level: float = 0.95) -> list[Verdict]:
    """Whether the pretrained encoder was better than the random one, an endpoint each.

    The repeats share patients: the variance of their mean is corrected for that as Nadeau and Bengio 2003
    (doi 10.1023/A:1024068626366) do, with the ratio of judging to labeled patients.
    """
    found = []
    for endpoint, own in table.groupby("endpoint", sort=False):
        wide = own.pivot(index="repeat", columns="encoder", values="auc")
        labels, total = int(own["labels"].iloc[0]), int(cases[str(endpoint)].notna().sum())
        gap = (wide[PRETRAINED] - wide[RANDOM]).to_numpy(dtype=float)
        error = float(np.sqrt(gap.var(ddof=1) * (1 / gap.size + (total - labels) / labels)))
        reach = float(stats.t.ppf((1 + level) / 2, gap.size - 1)) * error
        middle = float(gap.mean())
        means = {name: float(wide[name].mean()) for name in (PRETRAINED, RANDOM)}
        found.append(
            Verdict(str(endpoint), labels, **means, difference=middle, low=middle - reach, high=middle + reach)
        )
    return found


def _draw(cases: pd.DataFrame, endpoint: str, *, labels: int, seed: int) -> NDArray[np.bool_]:
    """(n,) whether a case is among the labeled: patients of each class in their share, at most half of all.

    Raises RadiogramError where a class has too few patients for both sides.
    """
    known = cases[cases[endpoint].notna()]
    event = known.groupby("patient")[endpoint].max()
    share = min(labels / len(event), 0.5) if len(event) else 0.0
    generator = np.random.default_rng(seed)
    drawn: list[str] = []
    for value in (1, 0):
        patients = np.sort(event.index[event == value].to_numpy(dtype=str))
        count = round(share * patients.size)
        if min(count, patients.size - count) < FEWEST:
            raise RadiogramError(
                f"Endpoint {endpoint} has {patients.size} labeled training patients with value {value}, too few for the "
                "linear probe of the pretraining: lower pretraining.probe_labels only if more than "
                f"{FEWEST} of them remain on either side, or leave 05_pretraining out of the study's notebooks."
            )
        drawn += generator.permutation(patients)[:count].tolist()
    return (cases["patient"].astype(str).isin(drawn) & cases[endpoint].notna()).to_numpy()


def _auc(values: FloatArray, truth: FloatArray, patients: pd.Series, chosen: NDArray[np.bool_]) -> float:
    judged = ~chosen & ~np.isnan(truth) & ~patients.isin(patients[chosen]).to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=STRENGTHS, cv=3, l1_ratios=(0.0,), **_options()))
    model.fit(values[chosen], truth[chosen])
    return float(roc_auc_score(truth[judged], model.decision_function(values[judged])))


def _options() -> dict[str, Any]:
    """Ridge-penalized, chosen by the likelihood."""
    return {"scoring": "neg_log_loss", "max_iter": 500, "class_weight": "balanced", "use_legacy_attributes": False}


def _number(seed: int, *words: object) -> int:
    return int(np.random.SeedSequence([seed, *(crc32(str(w).encode()) for w in words)]).generate_state(1)[0])
