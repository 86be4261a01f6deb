"""Networks of a study: what they never saw, what is kept, what is the same, and what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logit

from helpers.cluster import map_cases
from helpers.errors import RadiogramError
from helpers.learning import folds, network_models
from helpers.learning.rows import training_rows
from helpers.learning.training import all_trainings, checkpoint, dataset, inputs, one_training
from helpers.tables import DECLARED, empty


def fit(trial):
    return network_models.fit(trial.study, trial.cases, trial.volumes, mapper=trial.mapper)


@pytest.fixture(scope="module")
def done(trial):
    """A trial and what was learned in it."""
    made = trial()
    return made, fit(made)


@pytest.fixture
def counted(monkeypatch):
    """The labels of the trainings that are really done."""
    done, real = [], one_training.train

    def train(*args, **options):
        done.append(options["label"])
        return real(*args, **options)

    monkeypatch.setattr(one_training, "train", train)
    return done


def test_every_table_has_the_columns_it_declares(done):
    _, learned = done
    assert set(learned.tables) == {"predictions", "fits", "training", "seed_scores", "architectures"}
    for name, table in learned.tables.items():
        assert list(table.columns) == list(DECLARED[name].names), name
        assert len(table), name


def test_training_rows_are_scored_out_of_fold_and_the_others_frozen(done):
    made, learned = done
    found = learned.tables["predictions"]
    assert found.groupby("part")["kind"].unique().map(list).to_dict() == {"train": ["oof"], "test": ["frozen"]}
    assert sorted(found["case"]) == sorted(made.cases["case"])
    assert found["probability"].between(0, 1).all()


def test_no_network_saw_the_patients_it_scores(done):
    made, learned = done
    fits = learned.tables["fits"]
    rows = training_rows(made.cases, empty("features"), endpoint="label")
    fold = folds.draw(rows, folds=2, seed=made.study.parameters.seed, purpose="outer")
    for k in range(2):
        seen = set(fits.loc[fits["fold"] == k, "patients"].iloc[0].split("\n"))
        assert not seen & set(rows.patient[fold == k]) and seen == set(rows.patient[fold != k])
    assert not set(fits["patients"].iloc[0].split("\n")) & set(made.cases.loc[made.cases["part"] == "test", "patient"])


def test_predictions_are_the_mean_log_odds_over_seeds_and_folds(done):
    made, learned = done
    found = learned.tables["predictions"].set_index("case")["probability"]
    kept = [checkpoint.read(made.study, model="small", fold=k, seed=s) for k in range(2) for s in range(2)]
    test = made.cases.loc[made.cases["part"] == "test", "case"].iloc[0]
    every = [each.log_odds[each.cases.index(test), 0] for each in kept]
    assert logit(found[test]) == pytest.approx(np.mean(every))
    training = made.cases.loc[made.cases["part"] == "train", "case"].iloc[0]
    own = [each.log_odds[each.cases.index(training), 0] for each in kept if training in each.cases]
    assert len(own) == 2 and logit(found[training]) == pytest.approx(np.mean(own))


def test_a_finished_training_is_not_repeated(done, counted):
    made, learned = done
    again = fit(made).tables
    assert not counted
    for name, table in learned.tables.items():
        pd.testing.assert_frame_equal(table, again[name])


def test_what_a_training_depends_on_repeats_it_and_nothing_else_does(done, trial):
    made, _ = done
    network = made.study.parameters.networks.models[0]
    item = all_trainings.Item("small", 0, 0)

    def key(study, cases=made.cases, volumes=made.volumes):
        held = all_trainings.job(study, network, cases, volumes)
        return all_trainings._key(item, held, study)

    own = key(made.study)
    older = made.cases.assign(age=made.cases["age"].where(made.cases["case"] != "P000", 99.0))
    other = made.volumes.assign(file=made.volumes["file"].where(made.volumes["case"] != "P000", "another.npz"))
    assert own not in {key(made.study, cases=older), key(made.study, volumes=other)}
    for change in ("networks__epochs=3", "networks__width=8", "volumes__margin=3", "seed=1", "modeling__folds=3"):
        name, value = change.split("=")
        assert key(trial(**{name: value}).study) != own, change
    for change in ("networks__seeds=5", "networks__hours=1", "execution__workers=1", "statistics__bootstrap=200"):
        name, value = change.split("=")
        assert key(trial(**{name: value}).study) == own, change


@pytest.mark.slow
def test_an_interrupted_study_ends_with_the_same_predictions(trial, done, monkeypatch):
    broken = trial(name="broken")
    real, steps = one_training.Learner.training_step, []

    def fails(self, *args):
        steps.append(1)
        if len(steps) == 4:
            raise OSError("the power went out")
        return real(self, *args)

    monkeypatch.setattr(one_training.Learner, "training_step", fails)
    with pytest.raises(OSError, match="power"):
        fit(broken)
    assert same_bytes(fit(broken), done[1])


@pytest.mark.slow
def test_two_runs_of_one_seed_agree_to_the_byte_and_another_seed_does_not(trial, done):
    assert same_bytes(fit(trial(name="again")), done[1])
    other = trial(name="other")
    changed = replace(other.study, parameters=other.study.parameters.model_copy(update={"seed": 7}))
    assert not same_bytes(fit(replace(other, study=changed)), done[1])


def same_bytes(a, b):
    return (
        a.tables["predictions"]["probability"].to_numpy().tobytes()
        == b.tables["predictions"]["probability"].to_numpy().tobytes()
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(trial, done, workers):
    made = trial(name=f"with{workers}", execution__workers=workers)
    made.mapper = partial(map_cases, execution=made.study.parameters.execution, label="trainings")
    assert same_bytes(fit(made), done[1])


def test_a_loaded_network_gives_what_was_recorded_and_refuses_the_patients_it_saw(done):
    made, _ = done
    kept = checkpoint.read(made.study, model="small", fold=1, seed=0)
    loaded = checkpoint.load(made.study, model="small", fold=1, seed=0)
    np.testing.assert_allclose(loaded.score(kept.cases), kept.log_odds, rtol=1e-4, atol=1e-5)
    batch = loaded.batch(kept.cases[:3])
    assert batch.images.shape == (3, 2, 12, 12, 12) and loaded.shape.endpoints == ("label",)
    seen = sorted(loaded.seen)[0]
    with pytest.raises(RadiogramError, match=f"fitted on patient {seen}: its rows cannot be scored as frozen"):
        loaded.score([seen])


def test_a_training_that_saw_the_patients_it_scores_is_refused(done):
    made, _ = done
    jobs = {"small": all_trainings.job(made.study, made.study.parameters.networks.models[0], made.cases, made.volumes)}
    trained = all_trainings.run(made.study, jobs, mapper=made.mapper)
    leaked = replace(trained[0], inputs=replace(trained[0].inputs, seen=frozenset({"P003"})))
    with pytest.raises(RadiogramError, match="fitted on patient P003"):
        network_models._model_tables(jobs["small"], [leaked, *trained[1:]])
    everyone = frozenset(made.cases.loc[made.cases["part"] == "train", "patient"])
    leaked = replace(trained[0], inputs=replace(trained[0].inputs, seen=everyone))
    with pytest.raises(ValueError, match="scored by a model fitted on them"):
        network_models._model_tables(jobs["small"], [leaked, *trained[1:]])


def test_rows_outside_training_fit_nothing(done):
    made, _ = done
    frame = checkpoint.joined(made.cases, made.volumes)
    with pytest.raises(RadiogramError, match="is in part test: the imputation of clinical variables"):
        inputs.fit(made.study.parameters.networks.models[0], frame, parameters=made.study.parameters)


def test_two_endpoints_with_gaps_are_learned_by_one_network(trial):
    models = "[{name: both, architecture: resnet10}]"
    made = trial(name="both", networks__models=models, networks__seeds=1)
    cases = made.cases.astype({"label": float, "other": float})
    cases.loc[cases["case"].isin(["P000", "P003"]), "label"] = np.nan
    cases.loc[cases["case"] == "P001", "other"] = np.nan
    found = network_models.fit(made.study, cases, made.volumes, mapper=made.mapper).tables
    counts = found["predictions"].groupby("endpoint")["case"].nunique()
    assert counts.to_dict() == {"label": 22, "other": 23}
    assert set(found["seed_scores"]["endpoint"]) == {"label", "other"}


def test_cases_without_a_volume_leave_the_folds_of_the_others_as_they_are(done):
    made, _ = done
    network = made.study.parameters.networks.models[0]
    whole = all_trainings.job(made.study, network, made.cases, made.volumes)
    fewer = all_trainings.job(made.study, network, made.cases, made.volumes.iloc[3:])
    assert whole.fold[3:].tolist() == fewer.fold.tolist()


def test_a_sequence_that_every_patient_lacks_is_said(done):
    made, _ = done
    with pytest.raises(RadiogramError, match=r"small: no training patient has the sequence FLAIR; leave it out"):
        network_models.fit(made.study, made.cases, made.volumes.assign(sequences="T1c"), mapper=made.mapper)


def test_a_sequence_that_some_patients_lack_is_noted_and_finite(done):
    _, learned = done
    assert any(note.startswith("small: FLAIR is missing in") for note in learned.notes)
    assert np.isfinite(learned.tables["predictions"]["probability"]).all()


def test_volumes_of_different_sizes_are_said(trial):
    made = trial(name="sizes")
    path = made.study.store / "volumes" / made.volumes["file"].iloc[0]
    with np.load(path) as held:
        content = {name: held[name] for name in held.files}
    content["images"] = content["images"][:, :, :, :10]
    np.savez(path, **content)
    with pytest.raises(
        RadiogramError, match=r"volume of case P000 has 12 x 12 x 10 voxels and volumes.size is 12 x 12 x 12"
    ):
        fit(made)


def test_a_batch_that_does_not_fit_names_the_parameter_to_lower(trial, monkeypatch):
    def hungry(self, *args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(one_training.Learner, "training_step", hungry)
    with pytest.raises(RadiogramError, match=r"Network small, fold 1, seed 1: .*lower networks.batch or volumes.size"):
        fit(trial(name="huge"))


def test_limits_of_a_training_are_called_by_their_names():
    item = all_trainings.Item("small", 0, 1)
    told = all_trainings._sentence(item, "gave no result within 1440 minutes (execution.case_minutes)")
    assert told == "Network small, fold 1, seed 2, has no result: gave no result within 1440 minutes (networks.hours)."
    assert "lower networks.batch" in all_trainings._sentence(item, "needed more than 8 GB (execution.case_gigabytes)")


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        ("[]", "networks.models is empty"),
        ("[{name: a, architecture: resnet10}, {name: a, architecture: vgg11}]", "has a more than once"),
        ("[{name: a, architecture: resnet10, sequences: [ADC]}]", "no ADC in cohort.sequences"),
        ("[{name: a, architecture: resnet10, endpoints: [grade]}]", "no grade in cohort.endpoints"),
    ],
)
def test_networks_that_the_study_cannot_have_are_said(trial, models, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        fit(trial(networks__models=models))


def test_a_class_that_a_fold_lacks_is_said(done):
    made, _ = done
    rare = made.cases.assign(label=(made.cases["case"] == "P000").astype(int))
    with pytest.raises(RadiogramError, match=r"Endpoint label has \d training cases with it and \d+ without"):
        network_models.fit(made.study, rare, made.volumes, mapper=made.mapper)


def test_an_unknown_training_is_said(done):
    made, _ = done
    with pytest.raises(RadiogramError, match="no training of fold 3 and seed 1"):
        checkpoint.load(made.study, model="small", fold=2, seed=0)
    with pytest.raises(RadiogramError, match="No network is called large"):
        checkpoint.named(made.study, "large")


@pytest.mark.slow
def test_a_plain_signal_is_learned(trial):
    made = trial(72, name="plain", networks__epochs=12, networks__seeds=1, networks__patience=12)
    scores = fit(made).tables["seed_scores"].set_index("part")["auc"]
    assert scores["train"] > 0.8 and scores["test"] > 0.8


@pytest.mark.slow
def test_where_there_is_nothing_nothing_is_learned(trial):
    made = trial(72, name="null", strength=0.0, networks__epochs=6, networks__seeds=1)
    scores = fit(made).tables["seed_scores"].set_index("part")["auc"]
    assert 0.25 < scores["train"] < 0.75


def test_an_encoder_that_saw_patients_to_be_predicted_is_refused(trial, monkeypatch):
    from helpers.learning.pretraining import pretrain

    made = trial(networks__models="[{name: fused, architecture: transformer, weights: pretrained}]")
    network = made.study.parameters.networks.models[0]
    jobs = {"fused": all_trainings.job(made.study, network, made.cases, made.volumes)}
    training = made.cases.loc[made.cases["part"] == "train", "patient"].tolist()
    for patients, notes in ((["elsewhere"], 0), (training, 1)):
        monkeypatch.setattr(pretrain, "about", lambda study, patients=patients: {"patients": patients})
        assert len(network_models._pretrained(jobs, made.study)) == notes
    monkeypatch.setattr(pretrain, "about", lambda study: {"patients": ["P003"]})
    with pytest.raises(RadiogramError, match="pretrained encoder was fitted on patient P003"):
        network_models._pretrained(jobs, made.study)


def test_another_process_gets_the_shelf_without_its_volumes(done):
    made, _ = done
    shelf = dataset.shelf(made.study)
    file = made.volumes["file"].iloc[0]
    assert shelf[file] is shelf[file]
    again = pickle.loads(pickle.dumps(shelf))
    assert not again._held and (again[file].images == shelf[file].images).all()
