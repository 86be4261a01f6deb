"""The phantom's radiologists."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from helpers.cohort import phantom
from helpers.parameters import Parameters
from helpers.study import house


def parameters(**options) -> Parameters:
    values = yaml.safe_load((house() / "params" / "_defaults.yaml").read_text(encoding="utf-8"))
    values["phantom"] |= {"patients": 2500} | options
    return Parameters.model_validate(values)


def read(*, advice=None, some=slice(None), **options):
    """Draw, and let the radiologists read with `advice` (the truth's own probability unless given)."""
    chosen = parameters(**options)
    drawn = phantom.draw(chosen)
    model = drawn.truth[["case", "probability"]].copy()
    if advice is not None:
        model["probability"] = advice
    readings = phantom.read_cases(drawn.cases.iloc[some], drawn.truth, model, chosen, seed=3)
    return readings.merge(drawn.cases[["case", "label"]], on="case")


def aucs(readings):
    return readings.groupby(["condition", "reader"])[["label", "rating"]].apply(
        lambda rows: roc_auc_score(rows["label"], rows["rating"])
    )


@pytest.fixture(scope="module")
def usual():
    return read()


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.65, 0.75, 0.85])
def test_unaided_readers_have_the_auc_asked_for(target):
    assert aucs(read(reader_auc=target))["unaided"].mean() == pytest.approx(target, abs=0.02)


def test_good_advice_helps_every_reader(usual):
    found = aucs(usual)
    assert (found["aided"] > found["unaided"] + 0.03).all()
    assert (found["aided"] < 0.9).all()


@pytest.mark.slow
def test_more_trust_in_good_advice_helps_more():
    found = [aucs(read(reader_trust=trust))["aided"].mean() for trust in (0.2, 0.5, 0.9)]
    assert found == sorted(found)


def test_bad_advice_harms_those_who_trust_it():
    chance = np.random.default_rng(0).random(2500)
    found = aucs(read(advice=chance, reader_trust=0.8))
    assert found["aided"].mean() < found["unaided"].mean() - 0.05


@pytest.mark.slow
def test_without_trust_aided_is_a_second_look():
    found = read(reader_trust=0)
    assert aucs(found)["aided"].mean() == pytest.approx(aucs(found)["unaided"].mean(), abs=0.02)
    wide = found.pivot(index=["case", "reader"], columns="condition", values="rating")
    assert wide.corr().iloc[0, 1] > 0.9
    assert read(reader_trust=0, advice=0.99)["rating"].equals(found["rating"])


def test_in_a_null_cohort_radiologists_guess():
    found = aucs(read(signal=0))
    assert found.to_numpy() == pytest.approx(0.5, abs=0.035)


def test_readers_share_the_difficulty_of_a_case(usual):
    """Within a class their ratings agree more than those of independent readers."""
    unaided = usual[(usual["condition"] == "unaided") & (usual["label"] == 1)]
    wide = unaided.pivot(index="case", columns="reader", values="rating")
    assert 0.25 < wide.corr().iloc[0, 1] < 0.8


def test_calls_follow_ratings_and_both_are_on_their_scales(usual):
    assert usual["rating"].between(0, 100).all()
    assert usual["rating"].nunique() > 10
    assert (usual["call"] == (usual["rating"] >= 50)).all()
    assert usual["call"].dtype == np.int8


def test_readers_are_individuals(usual):
    unaided = usual[usual["condition"] == "unaided"].pivot(index="case", columns="reader", values="call")
    assert 0.15 < cohen_kappa_score(unaided["reader1"], unaided["reader2"]) < 0.7


def test_seconds_are_positive_skewed_and_change_with_aid(usual):
    seconds = usual.groupby(["reader", "condition"])["seconds"].median().unstack()
    assert usual["seconds"].gt(0).all()
    assert usual["seconds"].mean() > usual["seconds"].median()
    assert (seconds["aided"] / seconds["unaided"]).between(0.5, 1.7).all()
    assert not np.allclose(seconds["aided"], seconds["unaided"])


def test_a_case_is_read_the_same_whatever_else_is_read(usual):
    few = read(some=slice(10, 20))
    same = usual[usual["case"].isin(few["case"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.sort_values(list(few)), same.sort_values(list(same)), check_like=True)


def test_the_readers_that_are_asked_for_read():
    found = read(readers=4, patients=30)
    assert sorted(found["reader"].unique()) == ["reader1", "reader2", "reader3", "reader4"]
    assert len(found) == 30 * 4 * 2


def test_the_nomogram_advises_where_there_are_several_models():
    chosen = parameters(patients=40)
    drawn = phantom.draw(chosen)
    nomogram = drawn.truth[["case", "endpoint", "probability"]].assign(model="nomogram")
    rest = nomogram.assign(model="clinical", probability=0.5)
    both, alone = (
        phantom.read_cases(drawn.cases, drawn.truth, table, chosen, seed=3)
        for table in (pd.concat([rest, nomogram]), nomogram)
    )
    pd.testing.assert_frame_equal(both, alone)


def test_a_case_without_a_prediction_is_refused():
    chosen = parameters(patients=40)
    drawn = phantom.draw(chosen)
    with pytest.raises(ValueError, match="no prediction for case phantom-040"):
        phantom.read_cases(drawn.cases, drawn.truth, drawn.truth.iloc[:-1], chosen, seed=3)
