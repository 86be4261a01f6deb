"""One training: the same bytes whatever interrupts it, the best epoch kept, and a sentence for what goes wrong."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from helpers.errors import RadiogramError
from helpers.learning.training import epochs as epoch_room
from helpers.learning.training import trainer
from helpers.study import load


class Small(pl.LightningModule):
    """Two layers with dropout; `bad` epochs have a worse inner loss, `interrupt` ends an epoch in its middle."""

    def __init__(self, *, interrupt: int | None = None, worse_from: int | None = None, nan_at: int | None = None):
        super().__init__()
        torch.manual_seed(7)
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.interrupt, self.worse_from, self.nan_at = interrupt, worse_from, nan_at
        self.met: list[list[int]] = []

    def training_step(self, batch, index):
        x, y, number = batch
        self.met.append([self.current_epoch, *number.tolist()])
        if self.interrupt == self.current_epoch and index == 1:
            raise OSError("the power went out")
        loss = torch.nn.functional.mse_loss(self.net(x)[:, 0] + 0.1 * torch.randn(len(x)), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(x))
        return loss

    def validation_step(self, batch, index):
        x, y, _ = batch
        loss = torch.nn.functional.mse_loss(self.net(x)[:, 0], y)
        if self.worse_from is not None:
            loss = torch.tensor(float(abs(self.current_epoch - self.worse_from)))
        if self.nan_at == self.current_epoch:
            loss = loss * float("nan")
        self.log("inner_loss", loss, on_epoch=True, batch_size=len(x))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.05)


@pytest.fixture(scope="module")
def settings():
    return load("demo").parameters.networks.model_copy(update={"accelerator": "cpu"})


@pytest.fixture(scope="module")
def loaders():
    drawn = torch.Generator().manual_seed(1)
    x = torch.randn(24, 4, generator=drawn)
    data = TensorDataset(x, x[:, 0] - x[:, 1], torch.arange(24))
    return DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=24)


def fitted(module, loaders, folder, settings, *, seed=3, epochs=5, patience=None, **options):
    rows = trainer.run(
        module, loaders[0], loaders[1], folder=folder, epochs=epochs, patience=patience, seed=seed,
        settings=settings, **options,
    )  # fmt: skip
    return rows, b"".join(t.numpy().tobytes() for t in module.state_dict().values())


def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path, settings, loaders):
    whole, expected = fitted(Small(), loaders, tmp_path / "whole", settings)
    with pytest.raises(OSError, match="power"):
        fitted(Small(interrupt=3), loaders, tmp_path / "broken", settings)
    resumed, found = fitted(module := Small(), loaders, tmp_path / "broken", settings)
    assert found == expected
    assert {row[0] for row in module.met} == {3, 4}, "whole epochs are not trained again"
    columns = ["epoch", "part", "loss", "kept"]
    assert resumed[columns].equals(whole[columns])


def test_cases_come_in_another_order_in_each_epoch_and_in_the_same_in_each_run(tmp_path, settings, loaders):
    orders = []
    for folder in ("a", "b"):
        module = Small()
        fitted(module, loaders, tmp_path / folder, settings, epochs=2)
        orders.append(module.met)
    assert orders[0] == orders[1]
    first, second = ([n for row in orders[0] if row[0] == epoch for n in row[1:]] for epoch in (0, 1))
    assert first != second and sorted(first) == sorted(second) == list(range(24))


def test_another_seed_gives_another_training(tmp_path, settings, loaders):
    found = [fitted(Small(), loaders, tmp_path / str(s), settings, seed=s, epochs=2)[1] for s in (1, 2)]
    assert found[0] != found[1]


def test_the_best_epoch_is_restored_and_patience_ends_the_training(tmp_path, settings, loaders):
    rows, kept = fitted(Small(worse_from=2), loaders, tmp_path / "long", settings, epochs=9, patience=3)
    assert rows["epoch"].max() == 5
    assert rows.loc[rows["kept"], "epoch"].unique().tolist() == [2]
    best = torch.load(tmp_path / "long" / epoch_room.BEST, weights_only=True)["weights"]
    assert kept == b"".join(t.numpy().tobytes() for t in best.values())


def test_without_a_held_set_the_last_epoch_is_kept(tmp_path, settings, loaders):
    rows, _ = fitted(Small(), (loaders[0], None), tmp_path / "all", settings, epochs=3)
    assert rows["part"].unique().tolist() == ["train"]
    assert rows.loc[rows["kept"], "epoch"].tolist() == [2]


def test_a_finished_training_is_not_repeated_and_one_of_another_key_is(tmp_path, settings, loaders):
    _, expected = fitted(Small(), loaders, tmp_path / "run", settings, epochs=2, key="one")
    again = Small()
    assert fitted(again, loaders, tmp_path / "run", settings, epochs=2, key="one")[1] == expected
    assert not again.met
    other = Small()
    fitted(other, loaders, tmp_path / "run", settings, epochs=2, key="two")
    assert other.met


def test_memory_that_does_not_suffice_names_what_to_lower(tmp_path, settings, loaders):
    class Huge(Small):
        def training_step(self, batch, index):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80 GiB")

    with pytest.raises(RadiogramError, match=r"does not fit in memory; lower networks.batch or volumes.size"):
        fitted(Huge(), loaders, tmp_path / "huge", settings)


def test_memory_that_the_processor_lacks_is_the_same_sentence(tmp_path, settings, loaders):
    class Huge(Small):
        def training_step(self, batch, index):
            return torch.empty(1 << 60).sum()

    with pytest.raises(RadiogramError, match=r"does not fit in memory; lower pretraining.batch"):
        fitted(Huge(), loaders, tmp_path / "huge", settings, lower="pretraining.batch")


def test_a_loss_that_is_no_number_ends_the_training(tmp_path, settings, loaders):
    with pytest.raises(RadiogramError, match=r"loss of epoch 2 is not a number.*networks.learning_rate"):
        fitted(Small(nan_at=1), loaders, tmp_path / "nan", settings)


def test_what_is_not_a_lack_of_memory_stays_what_it_is(tmp_path, settings, loaders):
    class Wrong(Small):
        def training_step(self, batch, index):
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        fitted(Wrong(), loaders, tmp_path / "wrong", settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the sentences of a machine without a GPU")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"accelerator": "gpu"}, "there is no GPU here"), ({"precision": "bf16-mixed"}, "needs a GPU")],
)
def test_a_gpu_that_is_not_there_is_said(tmp_path, settings, loaders, change, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        fitted(Small(), loaders, tmp_path, settings.model_copy(update=change))


def test_nothing_is_printed(tmp_path, settings, loaders, capfd):
    fitted(Small(), loaders, tmp_path / "quiet", settings, epochs=1)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""
