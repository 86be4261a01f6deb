from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.errors import RadiogramError
from helpers.learning.pretraining import probe as probing
from helpers.learning.pretraining.probe import PRETRAINED, RANDOM, VOLUME, Verdict, verdicts

pytestmark = pytest.mark.slow

N = 60
TRUTH = np.arange(N) % 2
LESIONS = np.ones((N, 4, 4, 4))


class Knows(nn.Module):
    """Stands for an encoder: says the mean of an image, or noise."""

    width, patch = 3, 4

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def tokens(self, volume):
        noise = torch.randn(len(volume), 1, self.width, generator=torch.Generator().manual_seed(len(volume)))
        return self.share * volume.mean(dim=(1, 2, 3, 4))[:, None, None] + noise


def images():
    signal = np.repeat(TRUTH[:, None, None, None, None] * 4.0, 2, axis=1)
    return np.broadcast_to(signal, (N, 2, 4, 4, 4)).copy()


def cases(**columns):
    return pd.DataFrame({"patient": [f"p{i}" for i in range(N)], "y": TRUTH, **columns})


def table(known, *, labels=24, frame=None, repeats=8, seed=1):
    return probing.probe(
        images(), LESIONS, np.full(N, 20.0), cases() if frame is None else frame, endpoints=["y"],
        pretrained=known, untrained=lambda: Knows(0.0), labels=labels, seed=seed, repeats=repeats,
    )  # fmt: skip


def test_an_encoder_that_knows_is_told_from_one_that_does_not():
    found = table(Knows(1.0))
    means = found.groupby("encoder")["auc"].mean()
    assert means[PRETRAINED] > 0.95
    assert abs(means[RANDOM] - 0.5) < 0.15
    assert means[VOLUME] == 0.5
    assert verdicts(found, cases=cases())[0].helped


def test_an_encoder_as_good_as_random_has_not_helped():
    found = table(Knows(0.0))
    assert not verdicts(found, cases=cases())[0].helped


def test_labels_are_counted_in_patients_whose_share_of_each_class_is_kept():
    found = table(Knows(1.0), repeats=3)
    assert found["labels"].eq(24).all()
    frame = cases()
    chosen = probing._draw(frame, "y", labels=24, seed=3)
    assert frame.loc[chosen, "y"].sum() == 12


def test_no_patient_is_both_labeled_and_judged():
    twice = cases()
    twice["patient"] = [f"p{i // 2 if i < 20 else i}" for i in range(N)]
    for seed in range(5):
        chosen = probing._draw(twice, "y", labels=30, seed=seed)
        assert not set(twice.loc[chosen, "patient"]) & set(twice.loc[~chosen, "patient"])


def test_a_missing_label_is_neither_given_nor_judged():
    frame = cases()
    frame["y"] = frame["y"].astype(float).where(frame.index >= 10)
    assert not probing._draw(frame, "y", labels=24, seed=1)[:10].any()
    assert table(Knows(1.0), frame=frame, repeats=2)["auc"].notna().all()


def test_a_missing_sequence_is_the_mean_of_the_others():
    given = images()
    given[3, 1] = np.nan
    found = probing.embeddings(Knows(1.0), given, LESIONS)
    assert found.shape == (N, 6)
    expected = np.delete(found, 3, axis=0)[:, 3:].mean(axis=0)
    np.testing.assert_allclose(found[3, 3:], expected)


def test_patches_count_by_their_share_of_the_lesion_and_alike_without_one():
    lesions = np.zeros((2, 4, 4, 8))
    lesions[0, :2, :, 4:] = 1.0
    lesions[0, 0, 0, :4] = 1.0
    np.testing.assert_allclose(probing.shares(lesions, 4).numpy(), [[4 / 36, 32 / 36], [0.5, 0.5]], rtol=1e-6)


def test_the_interval_is_wider_than_that_of_independent_repeats():
    rows = [
        ("y", name, 20, r, 0.6 + 0.1 * (name == PRETRAINED) * (r % 2))
        for r in range(10)
        for name in (PRETRAINED, RANDOM)
    ]
    found = verdicts(pd.DataFrame(rows, columns=["endpoint", "encoder", "labels", "repeat", "auc"]), cases=cases())[0]
    gap = np.array([0.1 * (r % 2) for r in range(10)])
    naive = 2.262 * gap.std(ddof=1) / np.sqrt(10)
    assert found.difference == pytest.approx(0.05)
    assert (found.high - found.low) / 2 == pytest.approx(naive * np.sqrt(1 + 10 * 40 / 20), rel=1e-3)


def test_too_few_patients_of_a_class_are_said():
    with pytest.raises(RadiogramError, match="too few for the linear probe"):
        table(Knows(1.0), frame=cases().assign(y=[1] * 6 + [0] * (N - 6)))


def test_a_difference_that_may_be_none_is_no_help():
    assert not Verdict("y", 20, 0.7, 0.6, 0.1, -0.01, 0.21).helped
    assert Verdict("y", 20, 0.7, 0.6, 0.1, 0.01, 0.19).helped
