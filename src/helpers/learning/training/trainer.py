"""One training with Lightning: the same bytes from the same seed, interrupted or not, and its best epoch restored."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from helpers.errors import RadiogramError
from helpers.learning.training.epochs import BEST, LAST, Kept, Seeded, reordered, seed_of
from helpers.parameters import Networks

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
CHATTER = ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")


def run(
    module: LightningModule,
    training: DataLoader,
    held: DataLoader | None,
    *,
    folder: Path,
    epochs: int,
    patience: int | None,
    seed: int,
    settings: Networks,
    monitor: str = "inner_loss",
    key: str = "",
    label: str = "training",
    lower: str = "networks.batch or volumes.size",
) -> pd.DataFrame:
    """Train `module`, leave it at its best epoch (the one of lowest `monitor` on `held`; the last without `held`).

    Returns a row an epoch and part: epoch (from 0), part (train or inner), seconds, what the module logged under
    `train_...` and `inner_...` without that beginning, and kept (whether the module is left at that epoch).
    The module has to depend on nothing but its weights, its optimizers, `current_epoch`, the batch and torch's, numpy's
    and Python's generators, which are seeded from (seed, epoch). Learning rates fall along half a cosine.
    `folder` keeps every epoch; a training of the same `key` that was interrupted continues there, to the same bytes.
    Raises RadiogramError for a device that is not there, for memory that does not suffice (naming `lower`), and for
    a loss that is not a number.
    """
    require_device(settings)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    options = {"epochs": epochs, "patience": patience, "key": key, "label": label}
    kept = Kept(folder, monitor=None if held is None else monitor, **options)
    kept.take_up(module)
    if not kept.done:
        with _quiet(), _memory(label, lower):
            _fit(module, training, held, kept=kept, seed=seed, settings=settings)
        kept.take_up(module)  # what other processes of the same training left
    module.load_state_dict(torch.load(folder / BEST, map_location="cpu", weights_only=True)["weights"])
    module.cpu().eval()
    return pd.DataFrame(kept.rows).assign(kept=lambda rows: rows["epoch"] == kept.best_epoch)


def forget(folder: Path) -> None:
    """Remove what `run` keeps for continuing, once its result lies elsewhere."""
    for name in (LAST, BEST):
        (folder / name).unlink(missing_ok=True)


def device_of(settings: Networks) -> str:
    """cuda or cpu: where networks run."""
    return "cpu" if settings.accelerator == "cpu" or not torch.cuda.is_available() else "cuda"


def require_device(settings: Networks) -> None:
    """Raises RadiogramError when the GPUs or the precision asked for cannot be had here."""
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if settings.accelerator == "gpu" and not available:
        raise RadiogramError("networks.accelerator: there is no GPU here; set networks.accelerator=auto.")
    if device_of(settings) == "cpu" and settings.precision != "32":
        raise RadiogramError(
            f"networks.precision: {settings.precision} needs a GPU, and none is used here; set networks.precision=32."
        )
    if device_of(settings) == "cuda" and settings.devices > available:
        raise RadiogramError(
            f"networks.devices: {settings.devices} GPUs are asked for and {available} are here; "
            f"set networks.devices={available}."
        )


def _fit(
    module: LightningModule,
    training: DataLoader,
    held: DataLoader | None,
    *,
    kept: Kept,
    seed: int,
    settings: Networks,
) -> None:
    trainer = Trainer(
        accelerator="cpu" if device_of(settings) == "cpu" else "gpu",
        devices=settings.devices,
        strategy="auto" if settings.devices == 1 else "ddp_spawn",
        precision=settings.precision,
        max_epochs=kept.epochs,
        callbacks=[Seeded(seed, kept.epochs), kept],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=kept.folder,
    )
    # Lightning's own way of resuming repeats hooks of the epoch it stopped in; the count of whole epochs is enough.
    done = trainer.fit_loop.epoch_progress.current
    done.ready = done.started = done.processed = done.completed = kept.next_epoch
    trainer.fit(module, reordered(training, seed_of(seed, "loader")), held)


@contextmanager
def _memory(label: str, lower: str) -> Iterator[None]:
    """Raises RadiogramError naming what to lower when memory does not suffice."""
    try:
        yield
    except Exception as error:  # torch's, of one process or of several, are told apart by their words alone
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        raise RadiogramError(f"{label}: a batch does not fit in memory; lower {lower}.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's remarks on itself help nobody here."""
    loggers = [logging.getLogger(name) for name in CHATTER]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
