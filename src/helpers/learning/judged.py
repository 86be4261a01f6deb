"""What the repetitions of internal validation say: measures with their optimism, spread of predictions and of features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.learning.fitted import FloatArray
from helpers.learning.measures import MEASURES, measures, no_information
from helpers.learning.resampling import Refit
from helpers.statistics.validation import classification_instability, instability, optimism_corrected, point632plus
from helpers.tables import DECLARED, empty

NONE = float("nan")
# In-sample slopes for which Harrell's correction of the calibration slope has a meaning: it takes them to be about 1.
IN_SAMPLE_SLOPES = (0.5, 2.0)
Probabilities = Mapping[str, FloatArray]
# model, method, metric, apparent, optimism, estimate, low, high, replicates
Row = tuple[str, str, str, float, float, float, float, float, int]


def of_endpoint(table: str, frame: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """The rows with their endpoint, or the table without rows."""
    return frame.assign(endpoint=endpoint)[list(DECLARED[table].names)] if len(frame) else empty(table)


def judge(
    truth: np.ndarray,
    apparent: Probabilities,
    repeats: Sequence[Probabilities],
    refits: Sequence[Refit],
    *,
    level: float,
) -> pd.DataFrame:
    """Table `validation` but for the endpoint, of every model and measure, for truth (n,) of the training rows.

    `repeats` are out-of-fold probabilities, the first of which is the cross-validation that the models come from. The
    limits of "repeated cross-validation" are the smallest and largest repeat: no confidence interval.
    """
    rows: list[Row] = []
    for model, probability in apparent.items():
        own = measures(truth, probability)
        by_repeat = [measures(truth, each[model]) for each in repeats]
        judged = [_judged(truth, refit, model) for refit in refits]
        useless = no_information(truth, probability)
        for metric in MEASURES:
            rows += [(model, "apparent", metric, own[metric], NONE, own[metric], NONE, NONE, 1)]
            rows += _cross_validated(model, metric, own[metric], [found[metric] for found in by_repeat])
            rows += _corrected(model, metric, own[metric], judged, level)
            rows += _out_of_bag(model, metric, own[metric], judged, useless.get(metric))
    return pd.DataFrame(rows, columns=[name for name in DECLARED["validation"].names if name != "endpoint"])


def _judged(truth: np.ndarray, refit: Refit, model: str) -> dict[str, dict[str, float]]:
    """Measures of one refitted model on its sample, on all training rows, and out of the bag."""
    outside = refit.outside.get(model, np.empty(0))
    return {
        "sample": measures(refit.sample_truth, refit.sample[model]),
        "original": measures(truth, refit.original[model]),
        "outside": measures(refit.outside_truth, outside),
    }


def _cross_validated(model: str, metric: str, apparent: float, values: Sequence[float]) -> Iterator[Row]:
    yield (model, "cross-validation", metric, apparent, NONE, values[0], NONE, NONE, 1)
    if len(values) > 1:
        spread = (float(np.mean(values)), min(values), max(values)) if np.isfinite(values).all() else (NONE,) * 3
        yield (model, "repeated cross-validation", metric, apparent, NONE, *spread, len(values))


def _corrected(model: str, metric: str, apparent: float, judged: Sequence[Mapping], level: float) -> Iterator[Row]:
    """Harrell's correction with Noma's interval.

    A two-stage model that nearly separates the patients it was fitted on has an apparent slope far from 1, whose
    differences mean nothing: the corrected slope is then NaN, and the out-of-bag one is to be read.
    """
    if not judged:
        return
    own, original = ([each[where][metric] for each in judged] for where in ("sample", "original"))
    found = optimism_corrected(apparent, own, original, level=level)
    # Noma's shift moves the apparent values of the samples, which need not surround the corrected one.
    limits = (found.low, found.high) if found.low <= found.corrected <= found.high else (NONE, NONE)
    estimates = (found.optimism, found.corrected, *limits)
    if metric == "calibration_slope" and not _all_within(IN_SAMPLE_SLOPES, apparent, np.mean(own)):
        estimates = (NONE,) * 4
    yield (model, "bootstrap optimism", metric, apparent, *estimates, found.replicates)


def _all_within(limits: tuple[float, float], *values: float) -> bool:
    return all(limits[0] <= value <= limits[1] for value in values)


def _out_of_bag(
    model: str, metric: str, apparent: float, judged: Sequence[Mapping], useless: float | None
) -> Iterator[Row]:
    """The median over samples of a measure on the patients not drawn, and the .632 and .632+ estimates made of it.

    The samples' patients are not judged together: a sample rich in events leaves few behind, and predicts more of
    them, so that a useless model would get an AUC below one half.
    """
    outside = np.array([each["outside"][metric] for each in judged])
    known = outside[np.isfinite(outside)]
    if not known.size:
        return
    yield (model, "bootstrap out-of-bag", metric, apparent, NONE, float(np.median(known)), NONE, NONE, known.size)
    if useless is not None:
        found = point632plus(apparent, known, no_information=useless)
        yield (model, "bootstrap .632", metric, apparent, NONE, found.point632, NONE, NONE, known.size)
        yield (model, "bootstrap .632+", metric, apparent, NONE, found.point632_plus, NONE, NONE, known.size)


def instability_rows(
    case: np.ndarray, apparent: Probabilities, refits: Sequence[Refit], *, thresholds: Mapping[str, float], level: float
) -> pd.DataFrame:
    """Table `instability` but for the endpoint: every training case's risk by the model, and by the refitted models.

    The limits hold `level` of the refitted models' risks, the error is their mean absolute distance (Riley & Collins
    2023, doi 10.1002/bimj.202200302). Flips is the share of them that call the case otherwise at the model's threshold, by
    model in `thresholds`; NaN without one.
    """
    frames = []
    for model, probability in apparent.items() if refits else ():
        again = [refit.original[model] for refit in refits]
        found = instability(probability, again, level=level)
        cut = thresholds.get(model)
        flips = NONE if cut is None else classification_instability(probability, again, threshold=cut).index
        columns = {"low": found.low, "high": found.high, "error": found.mean_absolute_error, "flips": flips}
        frames.append(pd.DataFrame({"model": model, "case": case, "probability": probability, **columns}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def frequency_rows(selected: pd.DataFrame, refits: Sequence[Refit]) -> pd.DataFrame:
    """Table `selection_frequency` but for the endpoint: features ever kept, and those of the final fit, commonest first.

    `selected` is the table of that name, of one endpoint.
    """
    rows = []
    for signature in refits[0].selected if refits else ():
        counts = Counter(name for refit in refits for name in refit.selected[signature])
        final = set(selected.loc[selected["signature"] == signature, "feature"])
        for name in sorted({*counts, *final}, key=lambda name: (-counts[name], name)):
            rows.append((signature, name, counts[name] / len(refits), name in final, len(refits)))
    return pd.DataFrame(rows, columns=["signature", "feature", "frequency", "in_final", "replicates"])
