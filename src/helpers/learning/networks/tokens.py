"""Every kind of input as tokens of one width: patches of the scans, clinical variables, numbers of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.learning.networks.batch import Batch, Shape

KINDS = {"images": "present", "clinical": "known", "plan": "planned"}  # and the mask that says what is there


class ImageTokens(nn.Module):
    """Patches of every sequence, by one shared encoder: (n, sequences, z, y, x) -> (n, sequences x patches, width).

    A sequence that is not there is closed, so that nobody attends to it, and so is a patch that is not `shown`. A case
    without any opens learned "unknown" tokens instead: attention always has somewhere to go, and its rows always sum to 1.
    """

    def __init__(self, encoder: nn.Module, sequences: Sequence[str], *, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.Linear(encoder.width, width)
        self.kind = _drawn(len(sequences), width)
        self.unknown = _drawn(len(sequences), width)

    def forward(self, images: Tensor, present: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens, and which of them are open: (n, sequences x patches) bool; `shown` (n, patches) bool."""
        n, sequences = present.shape
        encoded = self.encoder.tokens(images.flatten(0, 1).unsqueeze(1))
        tokens = self.project(encoded).unflatten(0, (n, sequences)) + self.kind[:, None]
        tokens = torch.where(present[:, :, None, None], tokens, self.unknown[:, None])
        opened = (present[:, :, None] & shown[:, None]).flatten(1)
        return tokens.flatten(1, 2), opened | ~opened.any(dim=1, keepdim=True)


class VariableTokens(nn.Module):
    """A token a variable: its kind, plus its value along a learned direction, or a learned "unknown" level.

    The numerical tokens of Gorishniy et al. 2021 (doi 10.48550/arXiv.2106.11959): values (n, variables) -> (n, variables, width).
    """

    def __init__(self, variables: Sequence[str], *, width: int) -> None:
        super().__init__()
        self.kind = _drawn(len(variables), width)
        self.direction = _drawn(len(variables), width)
        self.unknown = _drawn(len(variables), width)

    def forward(self, values: Tensor, known: Tensor) -> Tensor:
        return self.kind + torch.where(known[..., None], values[..., None] * self.direction, self.unknown)


@dataclass(frozen=True)
class Tokens:
    """What a case offers: tokens of its scans with who may be attended to and the guide, and those that ask."""

    scans: Tensor  # (n, sequences x patches, width)
    opened: Tensor  # (n, sequences x patches) bool
    guide: Tensor  # (n, sequences x patches)
    variables: tuple[Tensor, ...]  # of the clinical variables, of the plan: each (n, variables, width)


class Branches(nn.Module):
    """The kinds of input of a network as tokens; in training each kind is hidden from a share of the cases.

    Where networks are shown the `lesion_alone`, patches without any of it are closed: they hold nothing but their place.
    """

    def __init__(
        self,
        encoder: nn.Module,
        shape: Shape,
        *,
        inputs: tuple[str, ...],
        guide: str,
        width: int,
        hidden: float,
        lesion_alone: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.guide, self.hidden = tuple(k for k in KINDS if k in inputs), guide, hidden
        self.lesion_alone = lesion_alone
        self.images = ImageTokens(encoder, shape.sequences, width=width) if "images" in inputs else None
        self.clinical = VariableTokens(shape.clinical, width=width) if "clinical" in inputs else None
        self.plan = VariableTokens(shape.plan, width=width) if "plan" in inputs else None
        self.width = width

    def forward(self, batch: Batch) -> Tokens:
        batch = self._hide(batch) if self.training and self.hidden and len(self.inputs) > 1 else batch
        variables = []
        if self.clinical is not None:
            variables.append(self.clinical(batch.clinical, batch.known))
        if self.plan is not None:
            variables.append(self.plan(batch.plan, batch.planned))
        return Tokens(*self._scans(batch), tuple(variables))

    def _scans(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        if self.images is None:  # one token that says nothing
            one = torch.ones(len(batch), 1, device=batch.clinical.device)
            return one[..., None] * torch.zeros(self.width, device=one.device), one.bool(), one
        grid = self.images.encoder.grid
        shown = guide_share(batch, "lesion" if self.lesion_alone else "none", grid) > 0
        tokens, opened = self.images(batch.images, batch.present, shown)
        share = guide_share(batch, self.guide, grid)
        return tokens, opened, share.repeat(1, batch.present.shape[1])

    def _hide(self, batch: Batch) -> Batch:
        """A case of which every kind would be hidden shows them all."""
        hidden = torch.rand(len(batch), len(self.inputs)) < self.hidden  # drawn on the CPU: the same on every device
        hidden = (hidden & ~hidden.all(dim=1, keepdim=True)).to(batch.clinical.device)
        masks = [KINDS[kind] for kind in self.inputs]
        seen = {mask: getattr(batch, mask) & ~hidden[:, [i]] for i, mask in enumerate(masks)}
        return replace(batch, **seen)


def _drawn(count: int, width: int) -> nn.Parameter:
    bound = width**-0.5
    return nn.Parameter(torch.empty(count, width).uniform_(-bound, bound))


def guide_share(batch: Batch, guide: str, grid: tuple[int, int, int]) -> Tensor:
    """How much of the guide each patch holds, 0 to about 1.1: (n, patches).

    The mean over the patch of the dose as a share of the prescription, of the target, or of the lesion. Cases without
    that guide get 1 everywhere, and so does guide "none": the same everywhere guides nowhere.
    """
    n, patches = len(batch), grid[0] * grid[1] * grid[2]
    if guide == "none":
        return torch.ones(n, patches, device=batch.images.device)
    volume = getattr(batch, guide)
    share = functional.adaptive_avg_pool3d(volume[:, None], grid).flatten(1)
    there = volume.flatten(1).any(dim=1) if guide == "lesion" else batch.irradiated[:, ("dose", "target").index(guide)]
    return torch.where(there[:, None], share, torch.ones_like(share))
