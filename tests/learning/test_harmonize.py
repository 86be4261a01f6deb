"""Harmonization is learned in training, never from outcomes, and says when it cannot be had."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.errors import RadiogramError
from helpers.learning import dlrn, harmonize, signatures
from helpers.learning.rows import rows_from_tables, training_rows

OPTIONS = {"endpoint": "label", "clinical": ("age", "sex")}


def of_centers(cohort, *, shift=4.0, n=120, seed=0, names="ABC"):
    """Tables of a cohort whose centers, dealt in turn, add their own shift and scale to every feature of every reader."""
    cases, features = cohort(n, seed=seed)
    cases = cases.assign(center=np.array(list(names))[np.random.default_rng(seed + 1).integers(len(names), size=n)])
    place = cases.set_index("case")["center"].loc[features["case"]].map(list(names).index).to_numpy()
    columns = features.columns[2:]
    values = features[columns].to_numpy() * (1 + 0.5 * place[:, None]) + shift * place[:, None]
    return cases, features.assign(**dict(zip(columns, values.T, strict=True)))


@pytest.fixture(scope="module")
def tables(cohort):
    return of_centers(cohort)


@pytest.fixture
def settings(parameters):
    return parameters(**{"harmonization.method": "combat"})


def spread(rows):
    """Largest distance of two centers' means, over radiomics features."""
    means = rows.features[rows.names("radiomics")].groupby(rows.center).mean()
    return float((means.max() - means.min()).max())


def test_centers_move_together_and_repeats_move_with_them(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    names = rows.names("radiomics")
    moved = harmonize.fit(rows, names, parameters=settings).apparent(rows)
    before, after = (r.features[names].groupby(rows.center).mean() for r in (rows, moved))
    assert (before.max() - before.min()).min() > 3 and (after.max() - after.min()).max() < 1
    distance = [np.abs(r.features[names[:4]] - r.repeats[0][names[:4]]).to_numpy().mean() for r in (rows, moved)]
    assert max(distance) < 0.3
    assert (moved.features[rows.names("deep")] == rows.features[rows.names("deep")]).all().all()


def test_it_is_fitted_on_training_rows_only(tables, settings):
    everyone = rows_from_tables(*tables, **OPTIONS)
    with pytest.raises(RadiogramError, match="is in part test: the harmonization is fitted on training rows only"):
        harmonize.fit(everyone, everyone.names("radiomics"), parameters=settings)


def test_it_refuses_to_call_the_patients_it_saw_new(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    fitted = harmonize.fit(rows, rows.names("radiomics"), parameters=settings)
    with pytest.raises(RadiogramError, match="harmonization was fitted on patient"):
        fitted.transform(rows)


def test_it_cannot_see_the_labels(tables, settings):
    from dataclasses import replace

    rows = training_rows(*tables, **OPTIONS)
    turned = replace(rows, truth=1 - rows.truth)
    one, other = (harmonize.fit(r, r.names("radiomics"), parameters=settings).combat for r in (rows, turned))
    assert (one.shift == other.shift).all() and (one.scale == other.scale).all() and (one.mean == other.mean).all()


def test_the_endpoint_cannot_be_preserved(tables, parameters):
    asked = parameters(**{"harmonization.method": "combat", "harmonization.preserve": "[label]"})
    with pytest.raises(
        RadiogramError, match="names the endpoint label: harmonization may not know what is to be predicted"
    ):
        harmonize.require(training_rows(*tables, **OPTIONS), parameters=asked)


def test_test_rows_change_nothing_that_was_learned(tables, settings):
    cases, features = tables
    outside = features["case"].isin(cases.loc[cases["part"] == "test", "case"])
    other = features.copy()
    other.loc[outside, other.columns[2:]] *= 7
    fitted = [signatures.fit("radiomics", training_rows(cases, f, **OPTIONS), parameters=settings, seed=1)
              for f in (features, other)]  # fmt: skip
    assert fitted[0].to_json() == fitted[1].to_json()


def test_a_new_row_moves_alike_whoever_moves_with_it(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    new = rows_from_tables(*tables, **OPTIONS)
    new = new.take(new.part == "test")
    fitted = signatures.fit("radiomics", rows, parameters=settings, seed=1)
    alone = [fitted.score(new.take(np.array([i])))[0] for i in range(len(new))]
    assert alone == fitted.score(new).tolist()


def test_the_exported_numbers_score_as_the_signature_does(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    fitted = signatures.fit("radiomics", rows, parameters=settings, seed=1)
    told = fitted.to_json()
    chosen, moves = told["coefficients"], told["harmonization"]
    values = rows.features[[c["feature"] for c in chosen]].to_numpy()
    score = np.full(len(rows), told["intercept"])
    for i, center in enumerate(rows.center):
        own = {k: np.array(v) for k, v in moves["centers"][center].items()}
        mean, sd = np.array(moves["mean"]), np.array(moves["sd"])
        free = ((values[i] - mean) / sd - own["shift"]) / own["scale"] * sd + mean
        score[i] += sum(c["coefficient"] * (x - c["mean"]) / c["sd"] for c, x in zip(chosen, free, strict=True))
    np.testing.assert_allclose(score, fitted.apparent(rows), rtol=1e-9)


def test_without_harmonization_nothing_changes(tables, parameters):
    rows = training_rows(*tables, **OPTIONS)
    fitted = signatures.fit("radiomics", rows, parameters=parameters(), seed=1)
    assert fitted.harmonizer is None and "harmonization" not in fitted.to_json()


def test_a_planted_center_shift_no_longer_hides_the_signal(cohort, parameters):
    cases, features = of_centers(cohort, shift=6.0, n=180, seed=4)
    areas = {}
    for method in ("none", "combat"):
        asked = parameters(**{"harmonization.method": method})
        rows = training_rows(cases, features, **OPTIONS)
        new = rows_from_tables(cases, features, **OPTIONS)
        new = new.take(new.part == "test")
        score = signatures.fit("radiomics", rows, parameters=asked, seed=1).score(new)
        areas[method] = np.mean(score[new.truth == 1][:, None] > score[new.truth == 0][None, :])
    assert areas["combat"] > 0.75 and areas["combat"] > areas["none"]


def unseen_rows(tables, center="D"):
    cases, features = tables
    cases = cases.assign(center=cases["center"].where(cases["part"] == "train", center))
    new = rows_from_tables(cases, features, **OPTIONS)
    return training_rows(cases, features, **OPTIONS), new.take(new.part == "test")


def test_an_unseen_center_is_refused_with_the_choices(tables, settings):
    rows, new = unseen_rows(tables)
    fitted = harmonize.fit(rows, rows.names("radiomics"), parameters=settings)
    sentence = (
        r"Center D was not among the centers .*\(A, B, C\).*harmonization.unseen=none .* or location .*method=none"
    )
    with pytest.raises(RadiogramError, match=sentence):
        fitted.transform(new)
    with pytest.raises(RadiogramError, match=sentence):
        harmonize.require_centers(rows.center, parameters=settings, new=new.center)


def test_an_unseen_center_is_left_as_it_is_when_the_user_says_so(tables, parameters):
    rows, new = unseen_rows(tables)
    asked = parameters(**{"harmonization.method": "combat", "harmonization.unseen": "none"})
    names = rows.names("radiomics")
    moved = harmonize.fit(rows, names, parameters=asked).transform(new)
    assert (moved.features[names] == new.features[names]).all().all()


def test_the_mean_of_an_unseen_center_is_taken_out_without_its_labels(tables, parameters):
    from dataclasses import replace

    rows, new = unseen_rows(tables)
    asked = parameters(**{"harmonization.method": "combat", "harmonization.unseen": "location"})
    names = rows.names("radiomics")
    fitted = harmonize.fit(rows, names, parameters=asked)
    moved, turned = fitted.transform(new), fitted.transform(replace(new, truth=1 - new.truth))
    np.testing.assert_allclose(moved.features[names].mean(), fitted.combat.mean, atol=1e-8)
    assert (moved.features[names] == turned.features[names]).all().all()
    with pytest.raises(RadiogramError, match="Center D was not in training and has 2 cases here, fewer than the 5"):
        fitted.transform(new.take(np.array([0, 1])))


def test_a_training_center_that_a_fold_missed_is_scored_as_it_is(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    names = rows.names("radiomics")
    fitted = harmonize.fit(rows.take(rows.center != "C"), names, parameters=settings)
    held = rows.take(rows.center == "C")
    assert (fitted.transform(held).features[names] == held.features[names]).all().all()


def test_a_center_of_one_row_is_left_as_it_is_in_a_fold(tables, settings):
    rows = training_rows(*tables, **OPTIONS)
    one = np.flatnonzero(rows.center == "C")[0]
    few = rows.take(np.append(np.flatnonzero(rows.center != "C"), one))
    names = rows.names("radiomics")
    moved = harmonize.fit(few, names, parameters=settings).apparent(few)
    assert (moved.features[names].iloc[-1] == few.features[names].iloc[-1]).all()
    assert spread(few.take(few.center != "C")) > 3 * spread(moved.take(few.center != "C"))


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            lambda c: c.assign(center="A"),
            "all training cases are from A: with one center there is nothing to harmonize",
        ),
        (
            lambda c: c.assign(center=c["center"].where(c["case"] != "P000", "Z")),
            "Center Z has 1 training cases, fewer than",
        ),
    ],
)
def test_centers_that_cannot_be_compared_end_the_run_before_it_starts(tables, settings, change, sentence):
    cases, features = tables
    with pytest.raises(RadiogramError, match=sentence):
        dlrn.require_fittable(training_rows(change(cases), features, **OPTIONS), parameters=settings)


def test_an_unknown_reference_is_named_with_the_known_centers(tables, parameters):
    asked = parameters(**{"harmonization.method": "combat", "harmonization.reference": "Z"})
    with pytest.raises(RadiogramError, match="reference is Z; the training centers are A, B, C"):
        harmonize.require(training_rows(*tables, **OPTIONS), parameters=asked)


def test_a_variable_that_the_center_tells_cannot_be_preserved(tables, parameters):
    cases, features = tables
    asked = parameters(**{"harmonization.method": "combat", "harmonization.preserve": "[sex]"})
    cases = cases.assign(sex=np.where(cases["center"] == "A", "female", "male"))
    with pytest.raises(RadiogramError, match="preserve: sex=.* is told by the center"):
        harmonize.require(training_rows(cases, features, **OPTIONS), parameters=asked)


def test_preserved_variables_are_held_for_new_patients_too(tables, parameters):
    asked = parameters(**{"harmonization.method": "combat", "harmonization.preserve": "[age, sex]"})
    rows, everyone = training_rows(*tables, **OPTIONS), rows_from_tables(*tables, **OPTIONS)
    new = everyone.take(everyone.part == "test")
    names = rows.names("radiomics")
    fitted = harmonize.fit(rows, names, parameters=asked)
    assert fitted.combat.coefficients.shape == (2, len(names))
    assert spread(fitted.transform(new)) < spread(new) / 2


@pytest.mark.slow
def test_the_whole_model_is_fitted_harmonized_in_every_fold(tables, parameters):
    from helpers.learning.endpoint import model_endpoint

    asked = parameters(**{"harmonization.method": "combat", "harmonization.prior": "nonparametric"})
    found = model_endpoint(*tables, endpoint="label", parameters=asked, seed=2)
    assert set(found.tables["predictions"]["kind"]) == {"oof", "apparent", "frozen"}
    assert all("harmonization" in s for s in found.to_json()["signatures"] if s["signature"] != "clinical")
