"""A report reaches its place only after it passed."""

from __future__ import annotations

import pytest

from helpers import prose
from helpers.errors import RadiogramError
from helpers.reporting import build


def test_a_page_that_passes_becomes_the_report(make_run, house):
    study = make_run(overrides=("report.renderer=pandoc",), sections=["summary", "participants", "provenance"])
    report = build.report(study, reports=house / "reports")
    assert report == study.folder / "report.html" and "Synthetic cohort" in report.read_text()


def test_a_refused_page_leaves_the_earlier_report_alone(make_run, house):
    study = make_run(overrides=("report.renderer=pandoc",), sections=["summary", "participants"])
    (study.folder / "report.html").write_text("earlier")
    prose.record(study.folder, cohort={**prose.numbers(study.folder)["cohort"], "endpoint": "the outcome of P0007"})
    with pytest.raises(RadiogramError, match=r"a patient identifier \(P0007\)"):
        build.report(study, reports=house / "reports")
    assert (study.folder / "report.html").read_text() == "earlier"


def test_excluded_cases_are_patients_too(make_run):
    assert {"P0000", "P9999"} <= set(build.identifiers(make_run()))
