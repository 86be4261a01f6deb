"""The experiment of the guide: a useful one helps, a useless one does no harm, and one seed gives the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.learning import guidance
from helpers.learning.guidance import ELSEWHERE, GUIDES, NONE, SIGNAL, Design

SMALL = Design(trained=40, inner=16, judged=40, epochs=2)


@pytest.fixture(scope="module")
def whole():
    return guidance.experiment(seed=1)


def made(differences: dict[str, list[float]]) -> pd.DataFrame:
    rows = [("none", k, 0.6, 0.0, 0.1) for k in range(5)]
    rows += [(guide, k, 0.6 + d, 0.1, 0.1) for guide, own in differences.items() for k, d in enumerate(own)]
    return pd.DataFrame(rows, columns=["guide", "seed", "auc", "beta", "attention"])


@pytest.mark.slow
def test_guided_attention_beats_unguided_where_the_guide_tells_where_to_look(whole):
    helped = guidance.tests(whole).set_index("guide").loc[SIGNAL]
    assert helped["estimate"] > 0.1 and helped["low"] > 0 and helped["p"] < 0.01
    means = whole.groupby("guide")[["auc", "attention", "beta"]].mean()
    assert means.loc[SIGNAL, "auc"] > 0.9
    assert means.loc[SIGNAL, "attention"] > 3 * means.loc[NONE, "attention"]


@pytest.mark.slow
def test_a_useless_guide_does_no_harm_beyond_noise(whole):
    harm = guidance.tests(whole).set_index("guide").loc[ELSEWHERE]
    noise = whole.loc[whole["guide"] == NONE, "auc"].std()
    assert harm["high"] > 0 and harm["estimate"] > -noise
    betas = whole.groupby("guide")["beta"].mean()
    assert betas[NONE] == 0 and betas[ELSEWHERE] < betas[SIGNAL]  # it is not followed


def test_two_runs_of_one_seed_agree_to_the_byte_and_the_guides_share_their_cases():
    first, again = (guidance.experiment(seed=3, seeds=1, design=SMALL) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert first["guide"].tolist() == list(GUIDES)
    other = guidance.experiment(seed=4, seeds=1, design=SMALL)
    assert not np.array_equal(first["auc"], other["auc"])


def test_only_the_telling_region_tells_the_label():
    cohort = guidance.draw(2000, np.random.default_rng(0), design=replace(SMALL, contrast=8.0))
    labels, images = cohort.batch.labels[:, 0].numpy(), cohort.batch.images[:, 0]
    for region, tells in ((cohort.telling, True), (cohort.elsewhere, False)):
        brightness = (images * region).sum(dim=(1, 2, 3)).numpy()
        area = stats.mannwhitneyu(brightness[labels == 1], brightness[labels == 0]).statistic
        area /= (labels == 1).sum() * (labels == 0).sum()
        assert (area > 0.99) if tells else (abs(area - 0.5) < 0.05)
    assert not (cohort.telling * cohort.elsewhere).any()


def test_the_paired_test_is_students():
    differences = [0.2, 0.3, 0.25, 0.1, 0.4]
    found = guidance.tests(made({SIGNAL: differences, ELSEWHERE: [0.01, -0.02, 0.0, 0.03, -0.01]})).set_index("guide")
    expected = stats.ttest_1samp(differences, 0)
    assert found.loc[SIGNAL, "p"] == pytest.approx(expected.pvalue)
    assert tuple(found.loc[SIGNAL, ["low", "high"]]) == pytest.approx(tuple(expected.confidence_interval()))


def test_the_answer_follows_the_numbers():
    good = guidance.numbers(made({SIGNAL: [0.3, 0.31, 0.29, 0.3, 0.32], ELSEWHERE: [0.01, -0.01, 0.0, 0.02, -0.01]}))
    assert "The guide guides" in good["answer"] and "no harm beyond noise" in good["answer"]
    assert good["auc_none"] == "0.60" and good["difference_signal"].startswith("0.30 (")
    bad = guidance.numbers(made({SIGNAL: [0.1, -0.1, 0.05, -0.02, 0.0], ELSEWHERE: [-0.1, -0.11, -0.12, -0.1, -0.09]}))
    assert "was not shown to guide" in bad["answer"] and "did harm" in bad["answer"]


def test_equal_differences_have_no_test():
    found = guidance.tests(made({SIGNAL: [0.5] * 5, ELSEWHERE: [0.0] * 5})).set_index("guide")
    assert np.isnan(found.loc[ELSEWHERE, "p"])
