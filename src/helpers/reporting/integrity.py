"""What may be claimed: rules over the run's own tables, each with its limit and the place of its evidence."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from helpers import prose
from helpers.evaluation import plausibility
from helpers.reporting import gate, gate_words
from helpers.reporting.check import Check, anchor, verdict
from helpers.reporting.evidence import leads
from helpers.study import Study

FIRST = 7  # rules that the first screen always names


def checks(study: Study) -> list[Check]:
    """Every rule of the gate, in a fixed order; the first seven are those of the first screen."""
    return [
        _patients_apart(study),
        _nothing_fitted_on_test(study),
        _out_of_fold(study),
        _threshold(study),
        _grids(study),
        _below_bayes(study),
        _plausible(study),
        *gate.checks(study),
    ]


def _patients_apart(study: Study) -> Check:
    cases = study.tables.read("cases")
    parts = cases.groupby("patient")["part"].nunique()
    shared = int((parts > 1).sum())
    seen = f"{prose.count(len(parts), 'patient')}, {shared or 'none'} in more than one part"
    return Check("No patient is in two parts", verdict(shared == 0), seen, "sec-participants", "no patient")


def _nothing_fitted_on_test(study: Study) -> Check:
    claim, section = "Nothing was fitted on a test patient", _of_fits(study)
    if study.entry == "readings":
        return Check(claim, "not applicable", "the study has no model", section)
    if study.entry == "scores":
        return Check(claim, "not applicable", "the scores were computed elsewhere", section)
    cases, fits = study.tables.read("cases"), study.tables.read("fits")
    outside = set(cases.loc[cases["part"] != "train", "patient"].astype(str))
    leaked = sum(bool(outside & _patients(text)) for text in fits["patients"])
    seen = f"{prose.count(len(fits), 'fitted object')} against {prose.count(len(outside), 'patient')} outside training"
    return Check(claim, verdict(leaked == 0 and len(fits) > 0), seen, section, "no fit")


def _of_fits(study: Study) -> str:
    """Where the report shows who was fitted on whom."""
    return "sec-integrity-fits" if "integrity" in study.parameters.report.sections else "sec-provenance"


def _patients(text: str) -> set[str]:
    return set(text.split("\n"))


def _out_of_fold(study: Study) -> Check:
    """Each out-of-fold prediction must come from a fold whose fit left the patient out."""
    claim, section = "Training patients were scored out of fold", _of_fits(study)
    if study.entry == "readings":
        return Check(claim, "not applicable", "the study has no model", section)
    if study.entry == "scores":
        return Check(claim, "not applicable", "taken at the word of whoever supplied the scores", section)
    predictions, fits = study.tables.read("predictions"), study.tables.read("fits")
    oof = predictions[predictions["kind"] == "oof"]
    seen_by_own = [_scored_by_own_fit(rows, fits, *key) for key, rows in oof.groupby(["endpoint", "model"], sort=False)]
    if not seen_by_own:
        return Check(claim, "not applicable", "no model has out-of-fold predictions", section)
    models = prose.count(len(seen_by_own), "model")
    seen = f"{models}; {sum(seen_by_own) or 'no'} patients scored by a fit that saw them"
    return Check(claim, verdict(sum(seen_by_own) == 0), seen, section, "no patient")


def _scored_by_own_fit(rows: pd.DataFrame, fits: pd.DataFrame, endpoint: str, model: str) -> int:
    own = fits[(fits["endpoint"] == endpoint) & (fits["object"] == model) & (fits["fold"] >= 0)]
    folds = [_patients(text) for text in own["patients"]]
    return sum(all(patient in fold for fold in folds) for patient in rows["patient"].astype(str))


def _threshold(study: Study) -> Check:
    claim, section = "Thresholds were frozen in training", "sec-performance"
    if study.entry == "readings":
        return Check(claim, "not applicable", "the study has no model", section)
    thresholds = study.tables.read("thresholds")
    if thresholds.empty:
        return Check(claim, "not applicable", "no training predictions, so no threshold", section)
    good = thresholds["chosen_on"].str.contains("out-of-fold").all()
    seen = (
        f"{prose.count(len(thresholds), 'threshold')}, chosen on {prose.listing(sorted(set(thresholds['chosen_on'])))}"
    )
    return Check(claim, verdict(bool(good)), seen, section, "every threshold chosen on out-of-fold predictions")


def _grids(study: Study) -> Check:
    claim, section = "Masks and scans lie on one grid", "sec-images"
    if study.entry != "images":
        return Check(claim, "not applicable", "the study does not start at images", section)
    geometry = study.tables.read("geometry")
    noted = int((geometry["note"].fillna("") != "").sum())
    tolerance = study.parameters.imaging.geometry_tolerance
    seen = f"{prose.count(len(geometry), 'mask')} measured, {noted or 'none'} with a note; mismatch beyond {tolerance:g} mm is refused"
    return Check(claim, "passed", seen, section, f"no mismatch beyond {tolerance:g} mm")


def _below_bayes(study: Study) -> Check:
    claim, section = "No model beats what the synthetic truth allows", "sec-performance"
    if not study.synthetic:
        return Check(claim, "not applicable", "the truth of real patients is not known", section)
    best = study.tables.read("truth").groupby("endpoint")["bayes_auc"].first()
    told, good = [], True
    for lead in leads(study):
        _, low, _ = lead.value("auc")
        possible = float(best[lead.endpoint.name])
        beyond = low > possible
        good &= not beyond
        # Without the AUC itself: the line stands on the first screen even where the headline is withheld.
        told.append(
            f"the interval of its AUC lies {'above' if beyond else 'not above'} the {prose.number(possible)} possible"
        )
    return Check(claim, verdict(good), "; ".join(told), section, "an interval that reaches down to what is possible")


def _plausible(study: Study) -> Check:
    """Only numbers that contradict each other fail; what merely asks for an explanation is counted and shown."""
    claim, section = "The numbers are plausible", "sec-plausibility"
    if not study.tables.exists("plausibility"):
        return Check(claim, "not applicable", "the results were not recomputed", section)
    findings = study.tables.read("plausibility")
    wrong, look = (len(plausibility.amiss(findings, verdict)) for verdict in (plausibility.WRONG, plausibility.LOOK))
    rules, tables = (prose.count(findings[column].nunique(), column) for column in ("rule", "table"))
    against = prose.count(wrong, "contradiction") if wrong else "no contradiction"
    seen = f"{rules} over {tables}, {against}, {look or 'nothing'} to look at"
    return Check(claim, verdict(wrong == 0), seen, section, "no contradiction")


def strip(found: Sequence[Check], *, sections: Sequence[str]) -> str:
    """The first screen's rules, and of the others whatever was violated, as a list linked to its evidence."""
    others = found[FIRST:]
    shown = [*found[:FIRST], *(check for check in others if check.state in ("failed", "caution"))]
    lines = [gate_words.line(check, evidence=anchor(check, sections)) for check in shown]
    return "::: {.checks}\n" + "\n".join(lines) + "\n:::\n\n" + gate_words.rest(others, sections=sections) + "\n"
