"""Another outline of the lesion: the frozen risks, the calls that flip, and how well the risk itself agrees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.evaluation import masks_printed
from helpers.learning import mask_uncertainty
from helpers.learning.endpoint import model_endpoint
from helpers.statistics.agreement import icc
from helpers.statistics.intervals import wilson
from helpers.tables import DECLARED

MODELS = {"modeling.signatures": ["radiomics", "clinical"], "modeling.nomogram": ["radiomics", "clinical"]}


@pytest.fixture(scope="module")
def modeled(cohort, parameters):
    """Tables cases and features, parameters and the fitted models."""
    cases, features = cohort()
    settings = parameters(**MODELS)
    return cases, features, settings, model_endpoint(cases, features, endpoint="label", parameters=settings, seed=1)


def risks(modeled, **changed):
    cases, features, settings, learned = modeled
    given = {"cases": cases, "features": features} | changed
    return mask_uncertainty.risks(learned.dlrn, **given, endpoint="label", parameters=settings)


def test_the_first_mask_has_the_risk_of_the_predictions(modeled):
    found = risks(modeled)
    frozen = modeled[3].tables["predictions"].query("kind == 'frozen'")
    both = found.merge(frozen, on=["case", "model"])
    assert len(both) == len(found) == len(frozen)
    np.testing.assert_array_equal(both["reader1"], both["probability"])
    assert set(found["part"]) == {"test"}


def test_the_other_masks_have_the_risk_of_their_own_features(modeled):
    cases, features, settings, learned = modeled
    swapped = features.assign(reader=features["reader"].map({"reader1": "reader2", "reader2": "reader1"}))
    direct = risks(modeled, features=swapped)
    found = risks(modeled)
    np.testing.assert_array_equal(found["reader2"], direct["reader1"])
    clinical = found[found["model"] == "clinical"]
    np.testing.assert_array_equal(clinical["reader1"], clinical["reader2"])
    assert (found["reader1"] != found["reader2"]).any()


def test_no_training_patient_takes_part(modeled):
    cases, features, settings, learned = modeled
    train = set(cases.loc[cases["part"] == "train", "case"])
    assert not train & set(risks(modeled)["case"])
    with pytest.raises(RadiogramError, match="cannot be scored as frozen"):
        risks(modeled, cases=cases.assign(part="test"))


DRAWN = pd.DataFrame(
    {
        "case": ["a", "b", "c", "d"],
        "part": "test",
        "model": "nomogram",
        "reader1": [0.20, 0.49, 0.80, 0.50],
        "reader2": [0.30, 0.51, 0.90, 0.60],
        "reader3": [0.10, 0.52, np.nan, 0.50],
    }
)


def test_range_and_flips_are_those_counted_by_hand():
    table = mask_uncertainty.uncertainty(DRAWN, {"nomogram": 0.5})
    assert table["low"].tolist() == [0.10, 0.49, 0.80, 0.50]
    assert table["high"].tolist() == [0.30, 0.52, 0.90, 0.60]
    assert table["masks"].tolist() == [3, 3, 2, 3]
    assert table["flips"].tolist() == [0, 2, 0, 0]
    assert (table["low"] <= table["probability"]).all() and (table["probability"] <= table["high"]).all()


def test_the_share_that_flips_has_wilsons_interval_and_the_sd_is_that_within_patients():
    row = mask_uncertainty.agreement(DRAWN, {"nomogram": 0.5}, level=0.95).iloc[0]
    assert (row["n"], row["masks"], row["flipped"], row["estimate"]) == (4, 3, 1, 0.25)
    assert (row["low"], row["high"]) == pytest.approx([float(limit) for limit in wilson(1, 4, level=0.95)])
    within = [np.var(v, ddof=1) for v in ([0.2, 0.3, 0.1], [0.49, 0.51, 0.52], [0.8, 0.9], [0.5, 0.6, 0.5])]
    assert row["mask_sd"] == pytest.approx(np.sqrt(np.mean(within)))
    assert np.isnan(row["icc"])


def test_the_icc_is_that_of_the_risks_and_none_is_told_where_no_mask_matters(modeled):
    found = risks(modeled)
    table = mask_uncertainty.agreement(found, {}, level=0.95).set_index("model")
    own = found[found["model"] == "radiomics"]
    direct = icc(own[["reader1", "reader2"]].to_numpy(), form="A,1")
    assert table.loc["radiomics", ["icc", "icc_low", "icc_high"]].tolist() == pytest.approx(
        [direct.estimate, direct.low, direct.high]
    )
    assert np.isnan(table.loc["clinical", "icc"])
    assert table.loc["clinical", "mask_sd"] == 0


def test_without_a_threshold_no_flip_is_claimed():
    table = mask_uncertainty.uncertainty(DRAWN, {})
    row = mask_uncertainty.agreement(DRAWN, {}, level=0.95).iloc[0]
    assert table["flips"].isna().all()
    assert np.isnan(row["estimate"]) and np.isnan(row["flipped"])


def test_a_single_mask_or_no_patient_outside_training_ends_with_one_sentence(modeled):
    cases, features, *_ = modeled
    with pytest.raises(RadiogramError, match="No patient outside the training part was outlined twice"):
        risks(modeled, features=features[features["reader"] == "reader1"])
    with pytest.raises(RadiogramError, match="take the notebook 08_masks and the section masks out"):
        risks(modeled, cases=cases.assign(part="train"))


def test_a_case_of_one_mask_is_left_out_and_not_counted(modeled):
    cases, features, *_ = modeled
    test = cases.loc[cases["part"] == "test", "case"].iloc[0]
    fewer = features[(features["case"] != test) | (features["reader"] == "reader1")]
    assert test not in set(risks(modeled, features=fewer)["case"])
    gap = features.copy()
    values = [c for c in features if c not in ("case", "reader")]
    gap.loc[(gap["case"] == test) & (gap["reader"] == "reader2"), values] = np.nan
    assert test not in set(risks(modeled, features=gap)["case"])


def test_models_that_are_not_those_of_the_predictions_are_refused(modeled):
    found = risks(modeled)
    frozen = modeled[3].tables["predictions"]
    with pytest.raises(RadiogramError, match="not those of table predictions"):
        mask_uncertainty._require_frozen(found, frozen.assign(probability=frozen["probability"] + 1e-3))


def test_the_reader_is_told_the_share_first_and_then_how_the_risk_agrees(modeled):
    found = risks(modeled)
    cuts = dict.fromkeys(("radiomics", "clinical", "nomogram"), 0.5)
    spread = mask_uncertainty.uncertainty(found, cuts).assign(endpoint="label")
    agreed = mask_uncertainty.agreement(found, cuts, level=0.95).assign(endpoint="label")
    assert set(spread) == set(DECLARED["mask_uncertainty"].names)
    assert set(agreed) == set(DECLARED["mask_agreement"].names)
    answer = masks_printed.numbers(spread, agreed, lead="nomogram")["answer"]
    assert answer.startswith("By the nomogram, another outline changes the call of ")
    assert "95 % CI" in answer and "ICC(A,1)" in answer
    printed = masks_printed.agreement(agreed)
    assert printed.iloc[:, 0].tolist() == ["**Test**", "Nomogram", "Radiomics signature", "Clinical model"]
