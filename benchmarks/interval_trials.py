"""Trials of the 95 % intervals that the report prints, on cohorts of the sizes that studies have."""

from __future__ import annotations

from functools import partial

import numpy as np
from simulated import Frozen, TwoModels, binormal, outcomes
from trials import Outcome, Scenario, covers

from helpers.statistics import agreement, calibration, decision, discrimination, reclassification
from helpers.statistics.times import paired_times

THRESHOLDS = (0.1, 0.2, 0.3, 0.5)
CALIBRATED, OVERFITTED = Frozen(), Frozen(shift=-0.3, slope=0.7)
IMPROVED = TwoModels()


def area(rng: np.random.Generator, *, n: int, true: float) -> Outcome:
    truth = outcomes(rng, n, prevalence=0.35)
    score = binormal(rng, truth, (true,))[0]
    found = {kind: discrimination.auc(truth, score, interval=kind) for kind in ("auto", "wald", "logit")}
    return {f"AUC, {kind}": covers(a.low, a.high, true) for kind, a in found.items()}


def paired_areas(rng: np.random.Generator, *, n: int, true: tuple[float, float]) -> Outcome:
    truth = outcomes(rng, n, prevalence=0.35)
    found = discrimination.compare_paired(truth, *binormal(rng, truth, true, correlation=0.5))
    return {"paired difference in AUC": covers(found.low, found.high, true[0] - true[1])}


def unpaired_areas(rng: np.random.Generator, *, n: int, true: tuple[float, float]) -> Outcome:
    cohorts = []
    for area in true:
        truth = outcomes(rng, n, prevalence=0.35)
        cohorts += [truth, binormal(rng, truth, (area,))[0]]
    found = discrimination.compare_unpaired(*cohorts)
    return {"unpaired difference in AUC": covers(found.low, found.high, true[0] - true[1])}


def calibrated(rng: np.random.Generator, *, n: int, model: Frozen) -> Outcome:
    truth, risk = model.draw(rng, n)
    found = calibration.calibration(truth, risk, smoother="logistic")
    true = TRUTHS[model]
    intervals = {
        "calibration slope": (found.slope, model.slope),
        "calibration in the large": (found.in_the_large, true["in the large"]),
        "observed/expected": (found.observed_expected, true["observed/expected"]),
    }
    return {name: covers(i.low, i.high, value) for name, (i, value) in intervals.items()}


def benefit(rng: np.random.Generator, *, n: int, model: Frozen) -> Outcome:
    truth, risk = model.draw(rng, n)
    curve = decision.decision_curve(truth, risk, thresholds=THRESHOLDS)
    against_all = decision.compare_net_benefit(truth, risk, np.ones(n), thresholds=THRESHOLDS)
    true = TRUTHS[model]
    found: Outcome = {}
    for i, t in enumerate(THRESHOLDS):
        found[f"net benefit at {t}"] = covers(curve.low[i], curve.high[i], true[f"benefit {t}"])
        gain = true[f"benefit {t}"] - true[f"all {t}"]
        found[f"net benefit at {t}, against treating all"] = covers(against_all.low[i], against_all.high[i], gain)
    return found


def benefit_of_two(rng: np.random.Generator, *, n: int) -> Outcome:
    truth, old, new = IMPROVED.draw(rng, n)
    gain = decision.compare_net_benefit(truth, new, old, thresholds=THRESHOLDS)
    true = [IMPROVED.populations[1].net_benefit(t) - IMPROVED.populations[0].net_benefit(t) for t in THRESHOLDS]
    return {
        f"net benefit at {t}, of two models": covers(gain.low[i], gain.high[i], true[i])
        for i, t in enumerate(THRESHOLDS)
    }


def improvements(rng: np.random.Generator, *, n: int) -> Outcome:
    truth, old, new = IMPROVED.draw(rng, n)
    cuts = [IMPROVED.cut]
    wald = {
        "categorical NRI": reclassification.categorical_nri(truth, old, new, cuts=cuts),
        "continuous NRI": reclassification.continuous_nri(truth, old, new),
        "IDI": reclassification.idi(truth, old, new),
    }
    seed = int(rng.integers(2**31))
    drawn = reclassification.bootstrap_reclassification(truth, old, new, cuts=cuts, replicates=400, seed=seed)
    percentile = {"categorical NRI": drawn.categorical, "continuous NRI": drawn.continuous, "IDI": drawn.idi}
    found: Outcome = {}
    for name, value in IMPROVED.improvements.items():
        found[f"{name}, Wald"] = covers(wald[name].low, wald[name].high, value)
        found[f"{name}, percentile bootstrap"] = covers(percentile[name].low, percentile[name].high, value)
    return found


def kappas(rng: np.random.Generator, *, n: int, table: np.ndarray, weights: str | None) -> Outcome:
    drawn = rng.multinomial(n, table.ravel()).reshape(table.shape)
    found = agreement.kappa_of_table(drawn, weights=weights)
    true = agreement.kappa_of_table(table * 1e6, weights=weights).estimate
    return {f"Cohen's kappa, weights {weights}": covers(found.low, found.high, true)}


def many_raters(rng: np.random.Generator, *, n: int, prevalence: float, shared: float) -> Outcome:
    """Three raters who copy a common call with probability sqrt(shared), so that kappa is `shared`."""
    common = rng.random((n, 1)) < prevalence
    own = rng.random((n, 3)) < prevalence
    call = np.where(rng.random((n, 3)) < np.sqrt(shared), common, own)
    found = agreement.fleiss_kappa(np.column_stack([call.sum(axis=1), (~call).sum(axis=1)]))
    return {"Fleiss' kappa of three raters": covers(found.low, found.high, shared)}


def correlations(rng: np.random.Generator, *, n: int, target: float, rater: float, noise: float) -> Outcome:
    ratings = np.sqrt(target) * rng.normal(size=(n, 1)) + np.sqrt(rater) * rng.normal(size=(1, 2))
    ratings = ratings + np.sqrt(noise) * rng.normal(size=(n, 2))
    true = {"A,1": target / (target + rater + noise), "C,1": target / (target + noise)}
    found = {form: agreement.icc(ratings, form=form) for form in true}
    return {f"ICC({form})": covers(float(i.low), float(i.high), true[form]) for form, i in found.items()}


def truths(model: Frozen) -> dict[str, float]:
    """The population's values, integrated once."""
    population = model.population
    values = {"in the large": population.in_the_large, "observed/expected": population.observed_expected}
    for t in THRESHOLDS:
        values |= {f"benefit {t}": population.net_benefit(t), f"all {t}": population.treat_all(t)}
    return values


TRUTHS = {model: truths(model) for model in (CALIBRATED, OVERFITTED)}
AGREED = np.array([[0.30, 0.08, 0.02], [0.07, 0.25, 0.06], [0.02, 0.05, 0.15]])


def shift_of_times(rng: np.random.Generator, *, n: int) -> Outcome:
    case, noise = rng.normal(size=(n, 1)), rng.normal(size=(n, 2))
    first, second = (40 + 8 * case + 6 * noise).T
    found = paired_times(first, second - 5)
    return {"Hodges-Lehmann shift of reading times": covers(found.low, found.high, 5.0)}


def scenarios() -> list[Scenario]:
    listed = [
        Scenario(f"n = {n}, AUC {true:g}", partial(area, n=n, true=true))
        for n in (60, 100, 200, 500)
        for true in (0.65, 0.75, 0.85, 0.95)
    ]
    pairs = ((0.75, 0.75), (0.85, 0.75))
    listed += [
        Scenario(f"n = {n}, AUC {a:g} and {b:g}", partial(trial, n=n, true=(a, b)))
        for n in (60, 100, 200, 500)
        for a, b in pairs
        for trial in (paired_areas,)
    ]
    listed += [
        Scenario(f"two cohorts of {n}, AUC {a:g} and {b:g}", partial(unpaired_areas, n=n, true=(a, b)))
        for n in (60, 200)
        for a, b in pairs
    ]
    for name, model in (("calibrated", CALIBRATED), ("overfitted", OVERFITTED)):
        for n in (60, 100, 200, 500):
            listed.append(Scenario(f"n = {n}, {name} model", partial(calibrated, n=n, model=model)))
            listed.append(Scenario(f"n = {n}, {name}", partial(benefit, n=n, model=model)))
    listed += [Scenario(f"n = {n}, a predictor more", partial(benefit_of_two, n=n)) for n in (60, 100, 200, 500)]
    listed += [Scenario(f"n = {n}, one predictor more", partial(improvements, n=n), 0.5) for n in (100, 200, 500)]
    for weights in (None, "linear", "quadratic"):
        listed += [
            Scenario(f"n = {n}, {weights}", partial(kappas, n=n, table=AGREED, weights=weights)) for n in (60, 100, 200)
        ]
    listed += [
        Scenario(f"n = {n}, kappa {k:g}", partial(many_raters, n=n, prevalence=0.4, shared=k))
        for n in (60, 200)
        for k in (0.4, 0.7)
    ]
    listed += [Scenario(f"n = {n}, times", partial(shift_of_times, n=n)) for n in (30, 60)]
    for n in (30, 60):
        for target, rater, noise in ((0.80, 0.0, 0.20), (0.75, 0.05, 0.20), (0.90, 0.02, 0.08)):
            label = f"n = {n}, variances {target:g}, {rater:g}, {noise:g}"
            listed.append(Scenario(label, partial(correlations, n=n, target=target, rater=rater, noise=noise)))
    return listed
