"""Trials of the tests that the report prints, where the hypothesis they test is true."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import special, stats
from simulated import FloatArray, Frozen, IntArray, ReaderStudy, binormal, outcomes
from trials import Outcome, Scenario, rejects

from helpers.statistics import agreement, calibration, discrimination, readers
from helpers.statistics.logistic import logistic
from helpers.statistics.times import paired_times

CALIBRATED = Frozen()


def paired(rng: np.random.Generator, *, n: int, area: float) -> Outcome:
    truth = outcomes(rng, n, prevalence=0.35)
    scores = binormal(rng, truth, (area,) * 3, correlation=0.5)
    return {
        "paired DeLong": rejects(discrimination.compare_paired(truth, *scores[:2]).p),
        "global chi-square, three models": rejects(discrimination.compare_all(truth, scores).p),
    }


def unpaired(rng: np.random.Generator, *, n: int, area: float) -> Outcome:
    cohorts = []
    for _ in range(2):
        truth = outcomes(rng, n, prevalence=0.35)
        cohorts += [truth, binormal(rng, truth, (area,))[0]]
    return {"unpaired DeLong": rejects(discrimination.compare_unpaired(*cohorts).p)}


def new_patients(rng: np.random.Generator, *, n: int) -> Outcome:
    truth, risk = CALIBRATED.draw(rng, n)
    tests = calibration.recalibration_tests(truth, risk)
    return {
        "Hosmer-Lemeshow on new patients, g df": rejects(calibration.hosmer_lemeshow(truth, risk, fitted_here=False).p),
        "Spiegelhalter": rejects(calibration.spiegelhalter(truth, risk)[1]),
        "recalibration, joint": rejects(tests.joint_p),
        "recalibration, in the large": rejects(tests.in_the_large_p),
        "recalibration, slope": rejects(tests.slope_p),
    }


def own_patients(rng: np.random.Generator, *, n: int) -> Outcome:
    x = rng.normal(size=(n, 3))
    truth = (rng.random(n) < special.expit(-0.7 + x @ [0.8, 0.5, -0.5])).astype(int)
    design = np.column_stack([np.ones(n), x])
    fit = logistic(design, truth)
    if fit.problem:
        return {"Hosmer-Lemeshow where fitted, g - 2 df": None}
    found = calibration.hosmer_lemeshow(truth, special.expit(design @ fit.coefficients), fitted_here=True)
    return {"Hosmer-Lemeshow where fitted, g - 2 df": rejects(found.p)}


def reader_study(rng: np.random.Generator, *, study: ReaderStudy, events: int, nonevents: int, test: str) -> Outcome:
    truth = np.repeat([1, 0], [events, nonevents])
    found = readers.mrmc(truth, study.draw(rng, truth))
    return {f"Obuchowski-Rockette, {test.replace('_', ' ')}": rejects(getattr(found, test).p)}


def ridge(x: FloatArray, truth: IntArray, penalty: float) -> FloatArray:
    """Weights (p,) of a ridge regression of truth on x (n, p), through its n by n side."""
    centered = x - x.mean(axis=0)
    gram = centered @ centered.T + penalty * len(x) * np.eye(len(x))
    return centered.T @ np.linalg.solve(gram, truth - truth.mean())


def added_score(rng: np.random.Generator, *, n: int, features: int, penalty: float) -> Outcome:
    """A score without value added to a clinical predictor: out of fold in training, and frozen in new patients."""
    clinical, x = rng.normal(size=2 * n), rng.normal(size=(2 * n, features))
    truth = (rng.random(2 * n) < special.expit(-0.5 + clinical)).astype(np.int64)
    train, test = np.arange(2 * n) < n, np.arange(2 * n) >= n
    fold, score = np.empty(n, dtype=int), np.empty(n)
    order = [rng.permutation(np.flatnonzero(truth[train] == label)) for label in (1, 0)]
    fold[np.concatenate(order)] = np.arange(n) % 5
    for k in range(5):
        rest = x[train][fold != k]
        score[fold == k] = (x[train][fold == k] - rest.mean(axis=0)) @ ridge(rest, truth[train][fold != k], penalty)
    statistic = _likelihood_ratio(truth[train], clinical[train], score)
    frozen = _likelihood_ratio(truth[test], clinical[test], x[test] @ ridge(x[train], truth[train], penalty))
    return {
        "likelihood ratio of an added out-of-fold score, in training": rejects(float(stats.chi2.sf(statistic, 1))),
        "likelihood ratio of an added out-of-fold score, statistic halved": rejects(
            float(stats.chi2.sf(statistic / 2, 1))
        ),
        "likelihood ratio of an added frozen score, in new patients": rejects(float(stats.chi2.sf(frozen, 1))),
    }


def _likelihood_ratio(truth: IntArray, clinical: FloatArray, score: FloatArray) -> float:
    plain = np.column_stack([np.ones(truth.size), clinical])
    added = np.column_stack([plain, score / score.std()])
    return 2 * (logistic(added, truth).log_likelihood - logistic(plain, truth).log_likelihood)


def times(rng: np.random.Generator, *, n: int) -> Outcome:
    case, noise = rng.normal(size=(n, 1)), rng.normal(size=(n, 2))
    seconds = np.exp(3.5 + 0.4 * case + 0.4 * noise)
    return {"Wilcoxon signed-rank on reading times": rejects(paired_times(*seconds.T).p)}


def no_agreement(rng: np.random.Generator, *, n: int, share: tuple[float, ...]) -> Outcome:
    chance = np.outer(share, share)
    found = agreement.kappa_of_table(rng.multinomial(n, chance.ravel()).reshape(chance.shape))
    p = float(2 * special.ndtr(-abs(found.z)))
    return {f"Cohen's kappa of {len(share)} categories": rejects(p)}


def _reader_scenarios() -> list[Scenario]:
    designs = (
        ("fixed_readers", ReaderStudy(1)),
        ("fixed_readers", ReaderStudy(2)),
        ("fixed_readers", ReaderStudy(5)),
        ("random_readers", ReaderStudy(2, modality_reader=0.0055)),
        ("random_readers", ReaderStudy(4, modality_reader=0.0055)),
        ("random_readers", ReaderStudy(5, modality_reader=0.0055)),
        ("random_readers", ReaderStudy(5, reader=0.03, modality_reader=0.03)),
        ("fixed_cases", ReaderStudy(5, modality_reader=0.0055, modality_case=0.0, error=0.5)),
    )
    return [
        Scenario(
            f"{study.readers} readers, {events} + {nonevents} cases, {test}, {study.modality_reader:g}",
            partial(reader_study, study=study, events=events, nonevents=nonevents, test=test),
        )
        for test, study in designs
        for events, nonevents in ((25, 35), (50, 70))
    ]


def scenarios() -> list[Scenario]:
    listed = [
        Scenario(f"n = {n}, AUC {area:g}", partial(paired, n=n, area=area))
        for n in (60, 100, 200, 500)
        for area in (0.7, 0.8, 0.9)
    ]
    listed += [
        Scenario(f"two subgroups of {n}, AUC {area:g}", partial(unpaired, n=n, area=area))
        for n in (30, 60, 200)
        for area in (0.7, 0.85)
    ]
    listed += [Scenario(f"n = {n}, calibrated model", partial(new_patients, n=n)) for n in (60, 100, 200, 500)]
    listed += [Scenario(f"n = {n}, three predictors", partial(own_patients, n=n)) for n in (100, 200, 500)]
    listed += _reader_scenarios()
    listed += [
        Scenario(f"n = {n}, {p} noise features, penalty {c:g}", partial(added_score, n=n, features=p, penalty=c), 0.5)
        for n in (100, 200)
        for p, c in ((20, 0.1), (200, 1.0))
    ]
    listed += [Scenario(f"n = {n}", partial(times, n=n)) for n in (30, 60)]
    listed += [
        Scenario(f"n = {n}, shares {share}", partial(no_agreement, n=n, share=share))
        for n in (60, 200)
        for share in ((0.4, 0.6), (0.3, 0.3, 0.4))
    ]
    return listed
