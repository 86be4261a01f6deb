"""How the columns of a case enter a network: coded and scaled by training rows, and never made up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning.training import checkpoint, inputs
from helpers.learning.training.dataset import Cases, loader
from helpers.parameters import Network

CLINICAL = Network(name="both", architecture="transformer", inputs=("images", "clinical", "plan"))


@pytest.fixture(scope="module")
def planned(trial):
    """A trial with plan numbers: one with gaps, one that no training patient has."""
    made = trial(40, name="planned", cohort__dose="DOSE", cohort__plan="[prescription]")
    frame = checkpoint.joined(made.cases, made.volumes)
    names = inputs.plan_columns(made.study.parameters)
    rng = np.random.default_rng(0)
    for name in names:
        frame[name] = rng.normal(50, 5, len(frame))
    frame.loc[::6, names[0]] = np.nan
    frame.loc[frame["part"] == "train", names[1]] = np.nan
    return made, frame, names


@pytest.fixture(scope="module")
def fitted(planned):
    made, frame, _ = planned
    return inputs.fit(CLINICAL, frame[frame["part"] == "train"], parameters=made.study.parameters)


def test_the_shape_names_what_enters(planned, fitted):
    _, _, names = planned
    assert fitted.shape.sequences == ("T1c", "FLAIR") and fitted.shape.endpoints == ("label", "other")
    assert fitted.shape.clinical == ("age", "sex=male")
    absent = names[1].removeprefix("plan_")
    assert absent not in fitted.shape.plan and len(fitted.shape.plan) == len(names) - 1


def test_known_values_of_training_rows_have_mean_0_and_deviation_1(planned, fitted):
    _, frame, _ = planned
    training = frame[frame["part"] == "train"]
    for values, known in (fitted.clinical(training), fitted.plan(training)):
        for column, here in zip(values.T, known.T, strict=True):
            assert column[here].mean() == pytest.approx(0, abs=1e-9)
            assert column[here].std() == pytest.approx(1, abs=1e-9)


def test_an_unknown_value_is_0_and_said_to_be_unknown(planned, fitted):
    _, frame, _ = planned
    values, known = fitted.clinical(frame)
    missing = np.column_stack([frame["age"].isna(), frame["sex"].isna()])
    assert missing.any(axis=0).all() and (known == ~missing).all() and (values[missing] == 0).all()


def test_a_level_that_training_never_had_is_unknown(planned, fitted):
    _, frame, _ = planned
    values, known = fitted.clinical(frame.assign(sex="diverse"))
    assert not known[:, 1].any() and (values[:, 1] == 0).all()


def test_test_rows_do_not_shape_the_scales(planned, fitted):
    made, frame, _ = planned
    changed = frame.assign(age=frame["age"].where(frame["part"] == "train", 1000.0))
    again = inputs.fit(CLINICAL, changed[changed["part"] == "train"], parameters=made.study.parameters)
    assert again.to_json() == fitted.to_json()


def test_inputs_survive_the_way_to_disk(planned, fitted):
    _, frame, _ = planned
    again = inputs.from_json(json.loads(json.dumps(fitted.to_json())), what=fitted.what)
    assert again.shape == fitted.shape and again.seen == fitted.seen and again.variables == fitted.variables
    for name in ("clinical", "plan"):
        for a, b in zip(getattr(again, name)(frame), getattr(fitted, name)(frame), strict=True):
            assert a.tobytes() == b.tobytes()


def test_a_network_of_images_alone_gets_no_columns(planned):
    made, frame, _ = planned
    network = Network(name="images", architecture="resnet10", sequences=("FLAIR",), endpoints=("other",))
    found = inputs.fit(network, frame[frame["part"] == "train"], parameters=made.study.parameters)
    assert found.shape.clinical == found.shape.plan == ()
    batch, index = next(iter(loader(Cases(frame, found, study=made.study), batch=5)))
    assert (
        batch.images.shape == (5, 1, 12, 12, 12)
        and batch.clinical.shape == (5, 0)
        and index.tolist() == [0, 1, 2, 3, 4]
    )
    assert batch.present[:, 0].tolist() == [True, True, True, True, False], "every fifth case lacks FLAIR"
    assert batch.labels[:, 0].tolist() == frame["other"].head(5).tolist()


def test_a_single_case_is_not_left_over_in_training(planned, fitted):
    made, frame, _ = planned
    cases = Cases(frame.iloc[:33], fitted, study=made.study)
    assert [len(b) for b, _ in loader(cases, batch=8)] == [8, 8, 8, 8, 1]
    assert [len(b) for b, _ in loader(cases, batch=8, training=True)] == [8, 8, 8, 8]


def test_plan_numbers_come_from_training_rows_alone(planned):
    made, frame, _ = planned
    with pytest.raises(RadiogramError, match="is in part test"):
        inputs.fit(CLINICAL, frame, parameters=made.study.parameters)
