from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.errors import RadiogramError
from helpers.learning.pretraining import judge, pretrain
from helpers.learning.training import epochs
from helpers.tables import DECLARED


def weights(study):
    return (study.folder / "models" / pretrain.WEIGHTS).read_bytes()


def fitted(study, held, mapper):
    return pretrain.fit(study, held.listed, held.cases, mapper=mapper)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["restore_contrast", "mae"])
def test_the_encoder_that_is_kept_is_the_one_that_is_loaded(open_study, keep, mapper, objective):
    study = open_study(f"pretraining.objective={objective}")
    table = fitted(study, keep(study), mapper)
    assert list(table) == list(DECLARED["pretraining"].names)
    assert set(table["part"]) == {"train", "held out"} and set(table["epoch"]) == {0, 1, 2}
    assert table.loc[table["part"] == "held out", ["loss", "psnr", "spread"]].notna().all().all()
    assert table["contrast"].notna().all() == (objective == "restore_contrast")
    found = pretrain.encoder(study)
    assert not found.training and found.tokens(torch.zeros(1, 1, 8, 8, 8)).shape == (1, 8, 12)
    assert pretrain.restored(study).shape == (pretrain.PICTURES, 3, 8, 8)


@pytest.mark.slow
def test_two_pretrainings_agree_to_the_byte_and_an_unchanged_one_is_kept(open_study, keep, mapper, monkeypatch):
    study = open_study()
    held = keep(study)
    first, table = (fitted(study, held, mapper), weights(study))[::-1]
    monkeypatch.setattr(pretrain.trainer, "run", None)  # what is unchanged is not trained again
    assert fitted(study, held, mapper).equals(table)
    monkeypatch.undo()
    (study.folder / "models" / pretrain.ABOUT).unlink()
    (study.folder / "models" / pretrain.KEPT / epochs.LAST).unlink()
    fitted(study, held, mapper)
    assert weights(study) == first


@pytest.mark.slow
def test_an_interrupted_pretraining_goes_on_to_the_same_bytes(open_study, keep, mapper, monkeypatch):
    study = open_study()
    held = keep(study)
    fitted(study, held, mapper)
    whole = weights(study)
    for name in (pretrain.ABOUT, pretrain.WEIGHTS, f"{pretrain.KEPT}/{epochs.LAST}"):
        (study.folder / "models" / name).unlink()
    write, calls = epochs.Kept._write, []

    def interrupted(self, trainer, module):
        calls.append(trainer.current_epoch)
        write(self, trainer, module)
        if trainer.current_epoch == 1:
            raise RadiogramError("the power went out")

    monkeypatch.setattr(epochs.Kept, "_write", interrupted)
    with pytest.raises(RadiogramError, match="power"):
        fitted(study, held, mapper)
    monkeypatch.setattr(epochs.Kept, "_write", lambda *given: (calls.append(given[1].current_epoch), write(*given))[0])
    fitted(study, held, mapper)
    assert calls == [0, 1, 2]
    assert weights(study) == whole


@pytest.mark.slow
def test_no_voxel_of_a_test_patient_reaches_the_encoder(open_study, keep, mapper):
    study = open_study()
    fitted(study, keep(study), mapper)
    before = weights(study)
    for name in (pretrain.ABOUT, f"{pretrain.KEPT}/{epochs.LAST}"):
        (study.folder / "models" / name).unlink()

    def spoiled(number, found):
        return {**found, "images": found["images"] + 5} if number % 5 == 4 else found

    held = keep(study, changed=spoiled)
    fitted(study, held, mapper)
    assert weights(study) == before
    testing = held.cases.loc[held.cases["part"] == "test", "patient"]
    assert not set(testing) & set(pretrain.about(study)["patients"])


@pytest.mark.slow
def test_the_probe_judges_the_encoder_on_training_patients(open_study, keep, mapper):
    study = open_study()
    held = keep(study)
    fitted(study, held, mapper)
    table = judge.probe(study, held.listed, held.cases)
    assert list(table) == list(DECLARED["probe"].names)
    assert set(table["encoder"]) == {"pretrained", "random", "volume"}
    assert table["labels"].eq(12).all()  # half of 24 training patients, not the 20 asked for
    assert table.loc[table["encoder"] == "volume", "auc"].eq(0.5).all()  # every lesion is as large
    assert judge.probe(study, held.listed, held.cases).equals(table)


def test_a_sequence_that_a_case_lacks_is_not_learned_from(open_study, keep, mapper):
    study = open_study()

    def lacking(number, found):
        return {**found, "present": np.array([True, number > 3])}

    held = keep(study, changed=lacking)
    fitted(study, held, mapper)
    about = pretrain.about(study)
    assert about["images"] + about["held_out"] == about["volumes"] == 2 * 24 - 4
    images, _ = judge.images_of(study, judge.labeled(held.listed, held.cases))  # FLAIR before T1c, as asked
    assert np.isnan(images[:4, 0]).all() and not np.isnan(images[4:]).any()


def test_without_a_pretraining_there_is_no_encoder(open_study):
    with pytest.raises(RadiogramError, match="05_pretraining"):
        pretrain.encoder(open_study())


def test_an_encoder_of_other_sizes_is_refused(open_study, keep, mapper):
    study = open_study()
    fitted(study, keep(study), mapper)
    with pytest.raises(RadiogramError, match="other sizes"):
        pretrain.encoder(open_study("pretraining.width=24"))


def test_a_sequence_that_the_study_lacks_is_named(open_study, keep, mapper):
    study = open_study("pretraining.sequences=[ADC]")
    with pytest.raises(RadiogramError, match="ADC"):
        fitted(study, keep(study), mapper)


def test_hardly_an_image_is_too_few(open_study, keep, mapper):
    study = open_study("pretraining.sequences=[T1c]")
    with pytest.raises(RadiogramError, match="too few"):
        fitted(study, keep(study, count=3), mapper)
