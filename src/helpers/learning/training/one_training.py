"""One network of one fold from one seed: trained on the fold's training rows, stopped by some of them, applied to the others."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from helpers.learning.fitted import FloatArray
from helpers.learning.networks.batch import Batch
from helpers.learning.networks.network import Net
from helpers.learning.training import trainer
from helpers.learning.training.augment import augmented
from helpers.learning.training.epochs import seed_of
from helpers.learning.training.losses import Objective
from helpers.parameters import Networks
from helpers.statistics.discrimination import auc

Judged = list[tuple[Tensor, Tensor, Tensor]]  # logits, labels and whether they are known, of each batch


class Learner(lightning.LightningModule):
    """A network on its way: AdamW on the objective, cases changed at random by (seed, epoch, case).

    Logs train_loss as it is minimized, inner_loss without the uncertainty of endpoints, and the mean AUC of the endpoints
    as train_auc and inner_auc; NaN where a part has one class only.
    """

    def __init__(self, net: Net, objective: Objective, *, settings: Networks, augment: bool, seed: int) -> None:
        super().__init__()
        self.net, self.objective, self.settings = net, objective, settings
        self.augment, self.seed = augment, seed
        self._judged: dict[str, Judged] = {"train": [], "inner": []}

    def on_after_batch_transfer(self, batch: tuple[Batch, Tensor], dataloader_idx: int) -> tuple[Batch, Tensor]:
        cases, index = batch
        if not (self.trainer.training and self.augment):
            return batch
        seeds = [seed_of(self.seed, "augment", self.current_epoch, i) for i in index.tolist()]
        return augmented(cases, seeds), index

    def training_step(self, batch: tuple[Batch, Tensor], batch_idx: int) -> Tensor:
        cases, _ = batch
        logits = self.net(cases)
        loss = self.objective(logits, cases.labels, cases.labeled, uncertainty=self.net.uncertainty)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(cases), sync_dist=True)
        self._judge("train", logits.detach(), cases)
        return loss

    def validation_step(self, batch: tuple[Batch, Tensor], batch_idx: int) -> None:
        cases, _ = batch
        self._judge("inner", self.net(cases), cases)

    def on_validation_epoch_end(self) -> None:
        logits, labels, labeled = _joined(self._judged["inner"])
        self.log("inner_loss", self.objective(logits, labels, labeled), sync_dist=True)
        self._log_auc("inner")

    def on_train_epoch_end(self) -> None:
        self._log_auc("train")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(_groups(self.net, self.settings))

    def _judge(self, part: str, logits: Tensor, cases: Batch) -> None:
        self._judged[part].append((logits.float(), cases.labels, cases.labeled))

    def _log_auc(self, part: str) -> None:
        logits, labels, labeled = (each.cpu().numpy() for each in _joined(self._judged[part]))
        self._judged[part].clear()
        self.log(f"{part}_auc", mean_auc(logits, labels, labeled), sync_dist=True)


def train(
    net: Net,
    objective: Objective,
    *,
    training: DataLoader,
    inner: DataLoader,
    settings: Networks,
    augment: bool,
    seed: int,
    **kept: Any,
) -> pd.DataFrame:
    """Leaves `net` at its best epoch and returns the epochs; `kept` as for `trainer.run`: folder, key, label."""
    freeze(net, settings)
    learner = Learner(net, objective, settings=settings, augment=augment, seed=seed)
    options = {"epochs": settings.epochs, "patience": settings.patience, "settings": settings}
    return trainer.run(learner, training, inner, seed=seed, **options, **kept)


@torch.no_grad()
def logits(net: Net, cases: DataLoader, *, device: str) -> FloatArray:
    """Logits (n, endpoints) of a network, which is left on the CPU and evaluating, in the order of the cases."""
    torch.set_num_threads(1)
    net.to(device).eval()
    found = [net(batch.to(device)).float().cpu().numpy() for batch, _ in cases]
    net.cpu()
    return np.concatenate(found).astype(np.float64)


def freeze(net: Net, settings: Networks) -> None:
    """Layers that start from given weights do not learn at a trunk rate of 0."""
    for parameter in net.trunk() if settings.trunk_rate == 0 else []:
        parameter.requires_grad_(False)


def mean_auc(logits: FloatArray, labels: FloatArray, labeled: FloatArray) -> float:
    """Mean over the endpoints (columns) that have both classes among the labeled cases; NaN without any."""
    found = []
    for column in range(logits.shape[1]):
        known = labeled[:, column].astype(bool)
        truth = labels[known, column].astype(int)
        if 0 < truth.sum() < truth.size and np.isfinite(logits[known, column]).all():
            found.append(auc(truth, logits[known, column].astype(float)).estimate)
    return float(np.mean(found)) if found else float("nan")


def _groups(net: Net, settings: Networks) -> list[dict[str, Any]]:
    """Given weights learn more slowly; biases, scales of normalization and uncertainties are not drawn to zero."""
    given = {id(parameter) for parameter in net.trunk()}
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for parameter in net.parameters():
        rate = settings.trunk_rate if id(parameter) in given else settings.learning_rate
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        if parameter.requires_grad:
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": own, "lr": rate, "weight_decay": decay} for (rate, decay), own in groups.items()]


def _joined(judged: Judged) -> tuple[Tensor, Tensor, Tensor]:
    logits, labels, labeled = (torch.cat(parts) for parts in zip(*judged, strict=True))
    return logits, labels, labeled
