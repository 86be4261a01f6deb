"""What training minimizes: a cross-entropy an endpoint that ignores unknown labels and does not forget the rare class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from helpers.errors import RadiogramError

GAMMA = 2.0  # of the focal loss
Imbalance = Literal["weights", "focal", "none"]


@dataclass(frozen=True, eq=False)
class Objective:
    """How labels of each endpoint count: `weights` (endpoints, 2) of classes 0 and 1, and whether the loss is focal."""

    weights: Tensor
    focal: bool

    def by_endpoint(self, logits: Tensor, labels: Tensor, labeled: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss (endpoints,) over the cases whose label is known, and whether there are any (endpoints,).

        Logits, labels and labeled are (n, endpoints). An unknown label adds nothing, whatever stands in its place.
        """
        logits, labels = logits.float(), torch.where(labeled, labels.float(), torch.zeros_like(labels.float()))
        each = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        if self.focal:  # Lin et al. 2017, doi 10.1109/ICCV.2017.324: exp(-each) is the probability of what is true
            each = (1 - torch.exp(-each)) ** GAMMA * each
        weights = self.weights.to(logits.device)
        each = each * torch.where(labels > 0.5, weights[:, 1], weights[:, 0])
        counts = labeled.sum(dim=0)
        return torch.where(labeled, each, torch.zeros_like(each)).sum(dim=0) / counts.clamp(min=1), counts > 0

    def __call__(self, logits: Tensor, labels: Tensor, labeled: Tensor, *, uncertainty: Tensor | None = None) -> Tensor:
        """One number: endpoints weigh the same, or by their `uncertainty`, a log variance s each, as exp(-s) loss + s / 2.

        That is the classification likelihood of Kendall et al. 2018 (doi 10.1109/CVPR.2018.00781). An endpoint that no case
        of the batch has a label for is left out with its s.
        """
        losses, there = self.by_endpoint(logits, labels, labeled)
        if uncertainty is not None:
            losses = torch.exp(-uncertainty) * losses + uncertainty / 2
        return torch.where(there, losses, torch.zeros_like(losses)).sum() / there.sum().clamp(min=1)


def objective(labels: NDArray[np.float64], *, imbalance: Imbalance, endpoints: tuple[str, ...]) -> Objective:
    """From the labels (n, endpoints) of the training rows, NaN where unknown.

    `weights` are inverse to the frequency of a class, n / (2 n_class). Raises RadiogramError for an endpoint of one class.
    """
    counts = np.array([[(column == label).sum() for label in (0, 1)] for column in labels.T], dtype=float)
    for endpoint, (without, events) in zip(endpoints, counts, strict=True):
        if not without or not events:
            raise RadiogramError(
                f"Endpoint {endpoint} has {events:.0f} training cases with it and {without:.0f} without in one fold of the "
                "networks: lower modeling.folds or networks.inner_fraction, or enroll more."
            )
    balanced = counts.sum(axis=1, keepdims=True) / (2 * counts)
    weights = balanced if imbalance == "weights" else np.ones_like(counts)
    return Objective(torch.tensor(weights, dtype=torch.float32), imbalance == "focal")


def prior_shift(made: Objective) -> NDArray[np.float64]:
    """What is added to the logits (endpoints,) so that they are log odds at the frequency of the training rows again.

    Classes weighted inverse to their frequency are learned as if they were equally frequent, which moves every log odds by
    the logarithm of the ratio of the weights. 0 without weights; a focal loss has no such simple inverse, and gets none.
    """
    weights = made.weights.double().numpy()
    return np.log(weights[:, 0] / weights[:, 1])
