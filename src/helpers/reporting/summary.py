"""The first screen: the answer in words, four short findings, and what the study cannot show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from helpers import prose
from helpers.cohort import enroll
from helpers.cohort.reading import NOT_STATED
from helpers.evaluation import reader_words
from helpers.evaluation.reader_headline import leading
from helpers.evaluation.reader_tests import MEAN
from helpers.reporting import gate_words, reader_summary
from helpers.reporting.check import Check, withheld
from helpers.reporting.evidence import Lead, leads, of_lead
from helpers.study import Study

WITHHELD = (
    "What failed, and where its evidence is, stands below and on the page on integrity. The executed notebooks in the run's folder "
    "hold all results, for whoever looks for the fault."
)
WIDE = 0.2  # an interval of the AUC wider than this does not tell a useful model from a poor one


def banner(study: Study, checks: Sequence[Check]) -> list[str]:
    """What a reader must know before the title, a Markdown sentence or two each."""
    notes = []
    if study.synthetic:
        notes.append(
            "**Synthetic cohort.** The patients, scans and radiologists of this report were drawn by a computer model. "
            "It shows what the method does, and nothing about patients."
        )
    if study.random_weights:
        notes.append(
            "**Random weights.** The network that computed the deep features was never trained. "
            "Whatever the deep signature reaches is what random filters reach."
        )
    if withheld(checks):
        notes.append(
            "**Headline withheld.** A rule of the integrity gate failed, so the report shows no result of a model. "
            "The rule is named in the summary."
        )
    return notes


def who(study: Study, run: Mapping[str, Any]) -> str:
    """One line: patients, events, centers, endpoint, date of the run, version."""
    cases, endpoints = enroll.included(study), study.parameters.cohort.endpoints
    events = prose.listing([_events(cases[e.name], e.positive) for e in endpoints])
    finished = datetime.fromisoformat(run["finished"])
    parts = [
        f"{prose.count(len(cases), 'case' if study.entry == 'readings' else 'patient')}, {events}",
        f"center {NOT_STATED}"
        if set(cases["center"]) == {NOT_STATED}
        else prose.count(cases["center"].nunique(), "center"),
        f"run of {finished.day} {finished:%B %Y}",
        f"Radiogram {run['versions']['radiogram']}",
    ]
    return " · ".join(parts)


def _events(labels: pd.Series, positive: str) -> str:
    """With the endpoint, and of how many where it is not known of all."""
    of = f" of {int(labels.notna().sum())} known" if labels.isna().any() else ""
    return f"{int(labels.sum())}{of} with {positive}"


def first_screen(study: Study, checks: Sequence[Check]) -> str:
    """Answer and findings as Markdown; with few events, what they cannot show stands before the answer."""
    if withheld(checks):
        return f"::: {{.answer}}\nThe headline result is withheld. {gate_words.reason(checks)}\n:::\n\n{WITHHELD}\n"
    blocks = [limits(study)] if _few(study) else []
    if study.entry == "readings":
        read = reader_summary.lead(study)
        told, found = reader_summary.answer(read), reader_summary.panels(read)
    else:
        lead = leads(study)
        told, found = "\n\n".join(answer(each) for each in lead), panels(study, lead[0])
    blocks += [f"::: {{.answer}}\n{told}\n:::", found]
    return "\n\n".join(blocks) + "\n"


def closing(study: Study, checks: Sequence[Check] = ()) -> str:
    """What the study does not show, unless it already led the summary, or there is no result to limit."""
    return "\n" if withheld(checks) or _few(study) else limits(study) + "\n"


def glance(checks: Sequence[Check]) -> str:
    """What follows the reference to the figure of the summary."""
    if withheld(checks):
        return "is withheld with it, and so is every figure, table and number further down that shows how well a model does."
    return "holds the findings in small; each is taken up again below."


def _few(study: Study) -> bool:
    """Whether the answer is imprecise for want of events, so that its limits stand before it."""
    if study.entry == "readings":
        return reader_summary.lead(study).few
    return any(lead.few for lead in leads(study))


def answer(lead: Lead) -> str:
    """How well the leading model ranks patients, in words before symbols."""
    estimate, low, high = lead.value("auc")
    times = f"{100 * estimate:.0f} times in 100"
    symbols = f"AUC {prose.number(estimate)}, 95 % CI {prose.number(low)} to {prose.number(high)}"
    if not (math.isfinite(low) and math.isfinite(high)):
        symbols = f"AUC {prose.number(estimate)}, interval {prose.NOT_ESTIMABLE}"
    endpoint = lead.endpoint
    return (
        f"Among {lead.who}, the {lead.name} ranked a patient with {endpoint.positive} above one with "
        f"{endpoint.negative} {times} ({symbols})."
    )


def panels(study: Study, lead: Lead) -> str:
    """Four questions, one sentence each, as Markdown definition blocks."""
    told = {
        "Can it tell them apart?": _apart(lead),
        "Are its risks right?": _calibrated(lead),
        "Would it help decide?": _useful(study, lead),
        "With a radiologist?": _with_radiologist(study, lead),
    }
    blocks = [f"::: {{.finding}}\n**{question}** {sentence}\n:::" for question, sentence in told.items()]
    return ":::: {.findings}\n" + "\n\n".join(blocks) + "\n::::"


def _apart(lead: Lead) -> str:
    _, low, _ = lead.value("auc")
    doubt = " The interval includes 0.50, so chance cannot be ruled out." if low <= 0.5 else ""
    return f"AUC {lead.told('auc')} in {prose.count(lead.n, 'patient')}; 0.50 is chance, 1.00 is perfect.{doubt}"


def _calibrated(lead: Lead) -> str:
    if not lead.has("calibration_slope"):
        return "Not judged: the scores are not probabilities."
    _, low, high = lead.value("calibration_slope")
    reading = "no clear sign that its risks are too extreme or too cautious"
    if high < 1:
        reading = "its risks are too extreme"
    elif low > 1:
        reading = "its risks are too cautious"
    elif not (math.isfinite(low) and math.isfinite(high)):
        reading = "too little data to tell whether its risks are too extreme"
    return f"Calibration slope {lead.told('calibration_slope')}: {reading}."


def _useful(study: Study, lead: Lead) -> str:
    curve = of_lead(study.tables.read("decision"), lead)
    if curve.empty:
        return "Not judged: the scores are not probabilities."
    low, high = study.parameters.statistics.decision_range
    better = curve["net_benefit"] > curve["treat_all"].clip(lower=0)
    spans = _spans(curve["threshold"].to_numpy(), better.to_numpy())
    if not spans:
        return (
            f"At no risk threshold from {100 * low:.0f} to {100 * high:.0f} % is it better than treating all or none."
        )
    told = prose.listing(
        [f"{100 * a:.0f} to {100 * b:.0f} %" if b > a else f"{100 * a:.0f} %" for a, b in sorted(spans[:3])]
    )
    more = " and in some narrower ranges" if len(spans) > 3 else ""
    return f"At risk thresholds of {told}{more}, acting on it gives more net benefit than treating all or none."


def _spans(thresholds: np.ndarray, better: np.ndarray) -> list[tuple[float, float]]:
    """First and last threshold of each unbroken run in which the model is better, widest first."""
    runs = pd.Series(better).ne(pd.Series(better).shift()).cumsum().to_numpy()
    spans = [(thresholds[runs == run][0], thresholds[runs == run][-1]) for run in np.unique(runs[better])]
    return sorted(spans, key=lambda span: (span[0] - span[1], span[0]))


def _with_radiologist(study: Study, lead: Lead) -> str:
    if not study.tables.exists("reader_comparisons") or "readers" not in study.parameters.report.sections:
        return "Not studied."
    table = study.tables.read("reader_comparisons")
    row = leading(table[table["endpoint"] == lead.endpoint.name])
    if row is None:
        return "Studied, but without an area under the curve of the readers: see the section on radiologists."
    whose = "readers' mean AUC" if row["reader"] == MEAN else "reader's AUC"
    moved = "changed" if row["low"] <= 0 <= row["high"] else "rose" if row["estimate"] > 0 else "fell"
    size = abs(row["estimate"]) if moved == "fell" else row["estimate"]
    limits = (-row["high"], -row["low"]) if moved == "fell" else (row["low"], row["high"])
    second, _, first = row["contrast"].partition(" - ")
    when = "With the model at hand" if (first, second) == ("unaided", "aided") else f"Read {reader_words.under(second)}"
    return f"{when} the {whose} {moved} by {prose.interval(size, *limits)}."


def limits(study: Study) -> str:
    """A notice of what these data cannot show, made from them."""
    sentences = _limit_sentences(study)
    return "::: {.notice .limits}\n**What this does not show.** " + " ".join(sentences) + "\n:::"


def _limit_sentences(study: Study) -> list[str]:
    cases, parameters = enroll.included(study), study.parameters
    sentences = ["Nothing about patients: the cohort is synthetic."] if study.synthetic else []
    if study.entry == "readings":
        return sentences + reader_summary.limits(study, reader_summary.lead(study))
    for lead in leads(study):
        sentences += _imprecision(lead, several=len(parameters.cohort.endpoints) > 1)
    if not any(part.startswith("external") for part in cases["part"]):
        sentences.append(_without_external(cases))
    if parameters.selection.reproducibility == "perturbation" and study.entry == "images":
        sentences.append(
            "No second reader drew the lesions: agreement was judged on computer-perturbed masks, which differ less "
            "than readers do."
        )
    if parameters.selection.reproducibility == "none" and study.entry in ("images", "features"):
        sentences.append("Whether the features survive another reader's segmentation was not tested.")
    if study.entry == "scores":
        sentences.append("How the scores came about was not seen: leakage before this table cannot be ruled out.")
    return sentences


def _imprecision(lead: Lead, *, several: bool) -> list[str]:
    sentences = []
    about = f" ({lead.endpoint.positive})" if several else ""
    if lead.few:
        smaller, word = min((lead.events, lead.endpoint.positive), (lead.n - lead.events, lead.endpoint.negative))
        sentences.append(
            f"The result rests on {prose.count(lead.n, 'patient')}, {smaller} of them with {word}; fewer than "
            "100 of either kind give an imprecise answer."
        )
    if lead.kind == "oof":
        sentences.append(f"No separate test part was judged{about}.")
    _, low, high = lead.value("auc")
    if math.isfinite(high - low) and high - low > WIDE:
        sentences.append(
            f"An AUC{about} anywhere from {prose.number(low)} to {prose.number(high)} is compatible with the data."
        )
    return sentences


def _without_external(cases: pd.DataFrame) -> str:
    centers = cases["center"].nunique()
    if set(cases["center"]) == {NOT_STATED}:
        return (
            "Which hospitals the patients come from is not stated, so how the result carries over to others is unknown."
        )
    if centers == 1:
        return "All patients come from one center and none from elsewhere, so how the model carries over to other hospitals is unknown."
    apart = not set(cases.loc[cases["part"] != "train", "center"]) & set(cases.loc[cases["part"] == "train", "center"])
    where = "centers that gave no training patient" if apart else f"the same {centers} centers as the training patients"
    return f"The patients judged come from {where}; no external cohort was judged, so how the model carries over is unknown."
