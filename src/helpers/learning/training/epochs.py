"""What happens around each epoch: generators seeded anew, learning rates set, everything kept, the best remembered."""

from __future__ import annotations

import math
import os
import random
import time
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch.utils.data import DataLoader, RandomSampler, Sampler

from helpers.errors import RadiogramError
from helpers.progress import say, spell
from helpers.tables import full_disk

LAST, BEST = "last.pt", "best.pt"
TOLD = 60.0  # seconds between lines on how far a training is
PARTS = ("train", "inner")


def seed_of(seed: int, *words: object) -> int:
    """One number for a purpose: the same words, the same number, in every process and on every machine."""
    return int(np.random.SeedSequence([seed, *[crc32(str(w).encode()) for w in words]]).generate_state(1)[0])


class Order(Sampler[int]):
    """All positions in an order drawn from (seed, epoch): an interrupted training meets the order it would have met."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self):
        drawn = torch.Generator().manual_seed(seed_of(self.seed, "order", self.epoch))
        return iter(torch.randperm(self.length, generator=drawn).tolist())


def reordered(loader: DataLoader, seed: int) -> DataLoader:
    """The same loader, a shuffled one in an order of (seed, epoch); its own generator leaves the global one alone."""
    shuffled = isinstance(loader.sampler, RandomSampler)
    sampler = Order(len(loader.dataset), seed) if shuffled else loader.sampler
    return DataLoader(
        loader.dataset, batch_size=loader.batch_size, sampler=sampler, drop_last=loader.drop_last,
        collate_fn=loader.collate_fn, num_workers=loader.num_workers, pin_memory=loader.pin_memory,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip


class Seeded(Callback):
    """At each epoch's start: every generator from (seed, epoch), and learning rates along half a cosine to zero."""

    def __init__(self, seed: int, epochs: int) -> None:
        self.seed, self.epochs = seed, epochs

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        epoch = trainer.current_epoch
        drawn = seed_of(self.seed, "epoch", epoch, trainer.global_rank)
        torch.manual_seed(drawn)
        np.random.seed(drawn)
        random.seed(drawn)
        for sampler in [getattr(loader, "sampler", None) for loader in _loaders(trainer)]:
            if isinstance(sampler, Order):
                sampler.set_epoch(epoch)
        share = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        for group in [g for optimizer in trainer.optimizers for g in optimizer.param_groups]:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * share


class Kept(Checkpoint):
    """After each epoch, on disk: weights, optimizers, what was measured, and the weights of the best epoch.

    Only a whole epoch counts: an interrupted one is done again from its start, and comes out the same. A state that
    was written under another `key` is not taken up.
    """

    def __init__(
        self, folder: Path, *, epochs: int, patience: int | None, monitor: str | None, key: str, label: str
    ) -> None:
        self.folder, self.epochs, self.patience = folder, epochs, patience
        self.monitor, self.key, self.label = monitor, key, label
        self.rows: list[dict[str, Any]] = []
        self.best_epoch, self.best, self.stopped = -1, math.inf, False
        self._restored: dict[str, Any] | None = None
        self._begun = self._told = time.monotonic()

    @property
    def next_epoch(self) -> int:
        return len({row["epoch"] for row in self.rows})

    @property
    def done(self) -> bool:
        return self.stopped or self.next_epoch >= self.epochs

    def take_up(self, module: LightningModule) -> None:
        """Continue from what the folder keeps, if it is of this training."""
        path = self.folder / LAST
        if not path.is_file():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["key"] != self.key:
            return
        self.rows, self.best_epoch, self.best = state["rows"], state["best_epoch"], state["best"]
        self.stopped = state["stopped"]
        module.load_state_dict(state["weights"])
        self._restored = state

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._begun = self._told = time.monotonic()
        if self._restored is not None:
            for optimizer, state in zip(trainer.optimizers, self._restored["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            trainer.precision_plugin.load_state_dict(self._restored["precision"])
            self._restored = None

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._epoch_begun = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Raises RadiogramError when a loss is no number any more."""
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows += _rows(trainer.current_epoch, measured, seconds=time.monotonic() - self._epoch_begun)
        self._judge(trainer, measured)
        if trainer.is_global_zero:
            self._write(trainer, module)
            self._tell()
        trainer.strategy.barrier("kept")

    def _judge(self, trainer: Trainer, measured: dict[str, float]) -> None:
        epoch = trainer.current_epoch
        losses = {name: value for name, value in measured.items() if name.endswith("_loss")}
        if not all(map(math.isfinite, losses.values())):
            remedy = "lower networks.learning_rate, or set networks.precision=32"
            raise RadiogramError(f"{self.label}: the loss of epoch {epoch + 1} is not a number any more; {remedy}.")
        value = -float(epoch) if self.monitor is None else measured[self.monitor]  # unjudged, the latest is the best
        if value < self.best:
            self.best, self.best_epoch = value, epoch
        self.stopped = self.patience is not None and epoch - self.best_epoch >= self.patience
        trainer.should_stop = trainer.should_stop or self.stopped

    def _write(self, trainer: Trainer, module: LightningModule) -> None:
        weights = module.state_dict()
        if self.best_epoch == trainer.current_epoch:
            _save({"key": self.key, "weights": weights}, self.folder / BEST)
        state = {
            "key": self.key, "rows": self.rows, "best_epoch": self.best_epoch, "best": self.best,
            "stopped": self.stopped, "weights": weights, "precision": trainer.precision_plugin.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
        }  # fmt: skip
        _save(state, self.folder / LAST)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told > TOLD and not self.done:
            self._told = now
            here = len({row["epoch"] for row in self.rows if "seconds" in row})
            left = (now - self._begun) / max(here, 1) * (self.epochs - self.next_epoch)
            say(f"{self.label}: epoch {self.next_epoch} of at most {self.epochs}, at most {spell(left)} left")


def _loaders(trainer: Trainer) -> list[Any]:
    loaders = trainer.train_dataloader
    return list(loaders) if isinstance(loaders, list | tuple) else [loaders]


def _rows(epoch: int, measured: dict[str, float], *, seconds: float) -> list[dict[str, Any]]:
    """A row a part: what the module logged as train_loss is the loss of part train."""
    rows = []
    for part in PARTS:
        own = {n.removeprefix(f"{part}_"): v for n, v in sorted(measured.items()) if n.startswith(f"{part}_")}
        if own:
            rows.append({"epoch": epoch, "part": part, "seconds": seconds, **own})
    return rows


def _save(state: dict[str, Any], path: Path) -> None:
    """Whole or not at all. Raises RadiogramError when the disk is full."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            torch.save(state, file)
        os.replace(beside, path)
    except OSError as error:
        raise full_disk(error, path.name) from error
    finally:
        beside.unlink(missing_ok=True)
