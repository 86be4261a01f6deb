"""Does the guide guide? An experiment on small volumes of which one region alone tells the label."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from helpers import prose
from helpers.errors import RadiogramError
from helpers.learning.networks.batch import Batch, Shape
from helpers.learning.networks.guided import Guided
from helpers.learning.networks.tokens import Branches, guide_share
from helpers.learning.networks.vit3d import Encoder
from helpers.statistics import discrimination

NONE, SIGNAL, ELSEWHERE = "none", "signal", "elsewhere"
GUIDES = (
    NONE,
    SIGNAL,
    ELSEWHERE,
)  # no guide; one on the region that tells the label; one on a region that tells nothing
LEVEL = 0.95


@dataclass(frozen=True)
class Design:
    """Sizes of the experiment: voxels a side, and cases that train, that decide when to stop, and that judge."""

    side: int = 12
    patch: int = 4
    width: int = 32
    heads: int = 4
    foci: int = 3
    contrast: float = 4.0  # of a focus, in standard deviations of the noise in its mean
    trained: int = 240
    inner: int = 80
    judged: int = 400
    epochs: int = 16
    batch: int = 24
    learning_rate: float = 0.003


def experiment(
    *, seed: int, seeds: int = 5, mapper: Callable | None = None, design: Design | None = None
) -> pd.DataFrame:
    """Table `guidance`: guide, seed (from 0), auc of new cases, beta (mean of heads and layers) and attention.

    Every case has foci that look alike, bright or dark by chance; the label is whether one of them is bright. Where it
    lies only the guide can tell. Each seed draws its own cases and first weights, the same for all guides, so that guides
    compare within a seed. `attention` is the share of what CLS attends to that lies in the telling region.
    """
    items = [seed + k for k in range(seeds)]
    work = partial(_of_seed, design=design or Design())
    values = [outcome.value for outcome in mapper(work, items)] if mapper else [work(item) for item in items]
    lost = [item for item, value in zip(items, values, strict=True) if value is None]
    if lost:
        raise RadiogramError(f"The experiment of the guide did not come to its end with seed {lost[0]}: run it again.")
    rows = [(*row[:1], k, *row[1:]) for k, found in enumerate(values) for row in found]
    return pd.DataFrame(rows, columns=["guide", "seed", "auc", "beta", "attention"])


def tests(table: pd.DataFrame) -> pd.DataFrame:
    """Each guide against none: guide, estimate (difference of AUC), low, high, statistic, df, p; a paired t test over seeds."""
    aucs = table.pivot(index="seed", columns="guide", values="auc")
    return pd.DataFrame([{"guide": guide, **_paired(aucs[guide] - aucs[NONE])} for guide in GUIDES[1:]])


def numbers(table: pd.DataFrame) -> dict[str, str]:
    """What the report says: AUC of each guide, differences from none with P, and the answer in two sentences."""
    found = tests(table).set_index("guide")
    means = {f"auc_{guide}": prose.number(float(own["auc"].mean())) for guide, own in table.groupby("guide")}
    told = {
        guide: f"{prose.interval(*row[['estimate', 'low', 'high']])}, {_p(row['p'])}" for guide, row in found.iterrows()
    }
    return {
        **means,
        **{f"difference_{guide}": words for guide, words in told.items()},
        "answer": _answer(means, told, found, table),
    }


def _answer(means: dict[str, str], told: dict[str, str], found: pd.DataFrame, table: pd.DataFrame) -> str:
    helped, harmed = (found.loc[guide] for guide in GUIDES[1:])
    noise = float(table.loc[table["guide"] == NONE, "auc"].std())
    better = "guides" if helped["low"] > 0 else "was not shown to guide"
    harm = "did harm" if harmed["high"] < 0 else "did no harm beyond noise"
    seeds = prose.count(table["seed"].nunique(), "seed")
    return (
        f"The guide {better}: attention guided to the region that alone tells the label reached a mean AUC of "
        f"{means['auc_signal']} against {means['auc_none']} without a guide (difference {told[SIGNAL]}; paired t test over "
        f"{seeds}). A useless guide {harm}: mean AUC {means['auc_elsewhere']} (difference {told[ELSEWHERE]}), while seeds "
        f"alone move the AUC without a guide by a standard deviation of {prose.number(noise)}."
    )


def _p(value: float) -> str:
    return prose.p_value(float(value))


def _paired(differences: pd.Series) -> dict[str, float]:
    """Student's paired t test; without any spread there is nothing to test."""
    n, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / n**0.5 if n > 1 else np.nan
    if not error > 0:
        return {"estimate": mean, "low": np.nan, "high": np.nan, "statistic": np.nan, "df": n - 1, "p": np.nan}
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * error
    t = mean / error
    return {"estimate": mean, "low": mean - half, "high": mean + half, "statistic": t, "df": n - 1,
            "p": float(2 * stats.t.sf(abs(t), n - 1))}  # fmt: skip


def _of_seed(seed: int, *, design: Design) -> list[tuple[str, float, float, float]]:
    """(guide, auc, beta, attention) of every guide, on the same cases."""
    torch.set_num_threads(1)
    sizes = (design.trained, design.inner, design.judged)
    rng = np.random.default_rng([seed, 5])
    cohorts = [draw(n, rng, design=design) for n in sizes]
    return [(guide, *_judged(guide, cohorts, seed=seed, design=design)) for guide in GUIDES]


@dataclass(frozen=True)
class Cohort:
    """Cases as a network sees them, and the region (n, z, y, x) that tells the label; `elsewhere` tells nothing."""

    batch: Batch
    telling: Tensor
    elsewhere: Tensor

    def guided(self, guide: str) -> Batch:
        """The cases with that guide as their target volume."""
        target = {NONE: torch.ones_like(self.telling), SIGNAL: self.telling, ELSEWHERE: self.elsewhere}[guide]
        return Batch(**{**vars(self.batch), "target": target})


def draw(n: int, rng: np.random.Generator, *, design: Design) -> Cohort:
    """Noise with foci of one patch each, at places drawn anew for each case; the label is the first one's brightness."""
    side, patch, tiles = design.side, design.patch, design.side // design.patch
    places = np.stack([rng.permutation(tiles**3)[: design.foci + 1] for _ in range(n)])
    regions = torch.from_numpy(_patches(places, tiles).repeat(patch, 2).repeat(patch, 3).repeat(patch, 4)).float()
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=(n, design.foci))).float()
    noise = torch.from_numpy(rng.normal(size=(n, side, side, side))).float()
    seen = noise + design.contrast * patch**-1.5 * (signs[:, :, None, None, None] * regions[:, : design.foci]).sum(
        dim=1
    )
    return Cohort(_batch(seen, signs[:, 0] > 0), telling=regions[:, 0], elsewhere=regions[:, design.foci])


def _patches(places: np.ndarray, tiles: int) -> np.ndarray:
    """(n, k) numbers of patches -> (n, k, tiles, tiles, tiles), 1 in that patch."""
    return (places[..., None] == np.arange(tiles**3)).reshape(*places.shape, tiles, tiles, tiles)


def _batch(images: Tensor, labels: Tensor) -> Batch:
    n, none = len(images), torch.zeros(len(images), 0)
    yes, empty = torch.ones(n, 1, dtype=torch.bool), torch.zeros_like(images)
    irradiated = torch.tensor([[False, True]]).expand(n, 2)
    return Batch(
        images=images[:, None], present=yes, lesion=empty, dose=empty, target=empty, irradiated=irradiated,
        clinical=none, known=none.bool(), plan=none, planned=none.bool(), labels=labels[:, None].float(), labeled=yes,
    )  # fmt: skip


def _judged(guide: str, cohorts: Iterable[Cohort], *, seed: int, design: Design) -> tuple[float, float, float]:
    training, inner, new = (cohort.guided(guide) for cohort in cohorts)
    telling = [*cohorts][2].telling
    net = _trained(guide, training, inner, seed=seed, design=design)
    with torch.no_grad():
        logits = net(new)[:, 0].numpy()
    region = guide_share(Batch(**{**vars(new), "target": telling}), "target", net.grid)
    attention = float((net.attention(new).mean(dim=1) * region).sum(dim=1).mean())
    area = discrimination.auc(new.labels[:, 0].numpy(), logits)
    return area.estimate, float(net.beta().mean()), attention


def _trained(guide: str, training: Batch, inner: Batch, *, seed: int, design: Design) -> Guided:
    """The network of the study, small, at the epoch of lowest inner loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _network(guide, design)
        optimizer = torch.optim.AdamW(net.parameters(), lr=design.learning_rate)
        best, kept = np.inf, net.state_dict()
        for _ in range(design.epochs):
            _epoch(net, training, optimizer, size=design.batch)
            with torch.no_grad():
                loss = float(_loss(net.eval(), inner))
            if loss < best:
                best, kept = loss, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net.eval()


def _epoch(net: Guided, training: Batch, optimizer: torch.optim.Optimizer, *, size: int) -> None:
    net.train()
    for positions in torch.randperm(len(training)).split(size):
        optimizer.zero_grad()
        _loss(net, training.take(positions)).backward()
        optimizer.step()


def _loss(net: Guided, batch: Batch) -> Tensor:
    return functional.binary_cross_entropy_with_logits(net(batch), batch.labels)


def _network(guide: str, design: Design) -> Guided:
    size = (design.side, design.side, design.side)
    shape = Shape(sequences=("image",), size=size, clinical=(), plan=(), endpoints=("bright",))
    encoder = Encoder(size, design.patch, design.width, 1, design.heads)
    own = "none" if guide == NONE else "target"
    branches = Branches(encoder, shape, inputs=("images",), guide=own, width=design.width, hidden=0.0)
    return Guided(branches, 1, heads=design.heads, dropout=0.2)
