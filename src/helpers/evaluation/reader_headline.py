"""What prose and captions say of the reader study: sentences, each only where there is something to say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from helpers import prose
from helpers.evaluation import reader_agreement, reader_words
from helpers.evaluation.advice import Advice
from helpers.evaluation.crossed import Crossed
from helpers.evaluation.reader_tests import MEAN, multi_reader
from helpers.statistics.reader_power import detectable_difference
from helpers.statistics.readers import FEWEST_RANDOM_READERS


def numbers(
    study: Crossed, advice: Advice | None, *, scores: pd.DataFrame, tests: pd.DataFrame, agreement: pd.DataFrame,
    switches: pd.DataFrame, positive: str, covariance: str, level: float,
) -> dict[str, str]:  # fmt: skip
    """Key to sentence for the section on radiologists and for its captions; `positive` names the endpoint."""
    n, events = study.counted
    where = prose.listing([reader_words.under(c) for c in study.conditions])
    who = prose.count(len(study.readers), "radiologist")
    opening = f"{n} cases, {events} of them with {positive}, were each read by {who} {where}."
    detail = [
        *_means(scores, tests),
        *_calls(study, tests),
        *_switched(switches),
        *_agreeing(agreement),
        *_times(study, tests),
        *_power(study, covariance, level),
    ]
    return {
        "count": who,
        "cases": f"{n} cases ({events} with {positive})",
        "answer": " ".join([opening, answer(scores, tests, study)]),
        "detail": " ".join([*detail, *_against(tests)]) or "Nothing else was compared.",
        "scope": scope(len(study.readers)),
        "curves": _curves(study, advice),
        "glance": _glance(study, advice),
        "contrast": reader_words.contrast(study.contrast) if study.paired else "One condition",
    }


def scope(readers: int) -> str:
    """For whom the leading result holds."""
    if readers == 1:
        return "Inference is to this reader only."
    if readers < FEWEST_RANDOM_READERS:
        return f"Inference is to these {readers} readers only."
    return "Readers count as a random sample of readers, cases as one of cases."


def leading(tests: pd.DataFrame, metric: str = "auc") -> pd.Series | None:
    """The comparison of conditions to read first; None where the readers gave no ratings on a scale."""
    found = tests[(tests["metric"] == metric) & tests["leading"].astype(bool)]
    return found.iloc[0] if len(found) else None


def answer(scores: pd.DataFrame, tests: pd.DataFrame, study: Crossed) -> str:
    """The main result in one sentence, with its analysis."""
    row = leading(tests)
    if row is None:
        lacking = (
            "there was one condition" if not study.paired else "the ratings are not on a scale of three levels or more"
        )
        return f"The conditions are not compared by AUC, as {lacking}."
    cells = scores[(scores["metric"] == "auc") & (scores["reader"] == row["reader"])].set_index("condition")
    of = "The readers' mean AUC" if row["reader"] == MEAN else "The reader's AUC"
    told = [
        f"{prose.interval(*cells.loc[c, ['estimate', 'low', 'high']], 3)} {reader_words.under(c)}"
        for c in study.conditions
    ]
    gap = prose.difference(row["estimate"], row["low"], row["high"])
    return f"{of} was {prose.listing(told)}: a difference of {gap}, {prose.p_value(row['p'])} ({row['method']})."


def _means(scores: pd.DataFrame, tests: pd.DataFrame) -> Iterator[str]:
    """The mean AUC read in the two other ways; too few readers say nothing of readers in general."""
    if tests.loc[tests["reader"] != MEAN, "reader"].nunique() < FEWEST_RANDOM_READERS:
        return
    others = tests[(tests["reader"] == MEAN) & (tests["metric"] == "auc") & ~tests["leading"].astype(bool)]
    others = others[others["method"].str.startswith("Obuchowski")]
    told = [
        f"{prose.p_value(row.p)} for {reader_words.ANALYSES[row.method.partition(', ')[2]]}"
        for row in others.itertuples()
        if pd.notna(row.p)
    ]
    if told:
        yield f"Judged otherwise, the same difference has {prose.listing(told)}."


def _calls(study: Crossed, tests: pd.DataFrame) -> Iterator[str]:
    """Sensitivity and specificity of the mean reader, second condition minus first."""
    if study.call is None:
        yield "Readers gave no calls, so sensitivity and specificity are not told."
        return
    rows = {metric: leading(tests, metric) for metric in ("sensitivity", "specificity")}
    told = [
        f"{metric} {prose.difference(r['estimate'], r['low'], r['high'])}, {prose.p_value(r['p'])}"
        for metric, r in rows.items()
        if r is not None
    ]
    if told:
        of = "In the mean over readers" if len(study.readers) > 1 else "For this reader"
        yield f"{of}, {reader_words.contrast(study.contrast, inside=True)}: {prose.listing(told)}."


def _switched(switches: pd.DataFrame) -> Iterator[str]:
    if switches.empty:
        return
    better, worse = int(switches["wrong_to_right"].sum()), int(switches["right_to_wrong"].sum())
    bias = int(switches["automation_bias"].sum())
    yield f"Of all calls, {better} changed from wrong to right and {worse} from right to wrong, {bias} of these where the model was wrong."


def _agreeing(agreement: pd.DataFrame) -> Iterator[str]:
    """Kappa of calls over all readers, or of the only pair."""
    calls = agreement[agreement["statistic"].isin([reader_agreement.COHEN, reader_agreement.FLEISS])]
    calls = calls[calls["statistic"] == reader_agreement.FLEISS] if (calls["reader_b"] == "").any() else calls
    told = [
        f"{prose.interval(row.estimate, row.low, row.high)} {reader_words.under(row.condition)}"
        for row in calls.itertuples()
    ]
    if told:
        yield f"Readers agreed in their calls beyond chance with a kappa of {prose.listing(told)}."


def _times(study: Crossed, tests: pd.DataFrame) -> Iterator[str]:
    rows = tests[tests["metric"] == "seconds"]
    told = [
        f"{prose.reader_name(row.reader)} by {prose.interval(row.estimate, row.low, row.high, 1)} seconds a case"
        for row in rows.itertuples()
    ]
    if told:
        yield f"Reading time changed for {prose.listing(told)}."


def _against(tests: pd.DataFrame) -> Iterator[str]:
    """The model against the readers' mean, and whether it is inferior by more than the margin."""
    rows = tests[tests["contrast"].astype(str).str.startswith("model - ") & (tests["reader"] == MEAN)]
    for row in rows.itertuples():
        verdict = row.method.partition("; ")[2]
        gap = prose.difference(row.estimate, row.low, row.high)
        second = row.contrast.partition(" - ")[2]
        yield f"The model's AUC minus that of the mean reader {reader_words.under(second)} was {gap} ({verdict})."


def _glance(study: Crossed, advice: Advice | None) -> str:
    """What the figure of the first screen shows."""
    n, events = study.counted
    areas = f"the readers' areas under the ROC curve (AUC; sensitivity where there is none) in {n} cases with {events} events"
    if advice is None:
        return f"{areas[0].upper()}{areas[1:]}; open marks stand for the first condition, full marks for the second."
    return (
        "Can the model tell patients apart (AUC), are its risks right (calibration), would it help decide (net benefit against "
        f"treating all or none), and what do radiologists gain: {areas}."
    )


def _curves(study: Crossed, advice: Advice | None) -> str:
    """What the figure of the ROC curves shows, as far as it is there."""
    first, last = (reader_words.under(c) for c in (study.conditions[0], study.conditions[-1]))
    what = f"Each radiologist {first} (dashed) and {last} (solid)." if study.paired else f"Each radiologist {first}."
    arrows = (
        " Arrows lead from the first operating point to the second." if study.paired and study.call is not None else ""
    )
    model = (
        " The colored curve is the model's; its mark is the threshold frozen in training." if advice is not None else ""
    )
    return f"{what}{arrows}{model}"


def _power(study: Crossed, covariance: str, level: float) -> Iterator[str]:
    """What a study of this size could have shown."""
    found = multi_reader(study, "auc", covariance=covariance, level=level)
    least = detectable_difference(found, inference=found.leading, level=level) if found else float("nan")
    if math.isfinite(least):
        yield (
            f"As many readers and cases as here find a difference in mean AUC of {prose.number(least)} in 80 of 100 studies; "
            "a smaller one they may well miss."
        )
