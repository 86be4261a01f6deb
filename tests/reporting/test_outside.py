"""Sections on external cohorts and missing values: there where there is something to show, and in the methods then only."""

from __future__ import annotations

import re

from helpers import prose
from helpers import study as studies
from helpers.reporting import methods_outside, stage


def test_a_section_whose_notebook_found_nothing_is_left_out(make_run, house):
    study = make_run(sections=["summary", "validation", "methods"])
    held = prose.numbers(study.folder)["validation"]
    prose.record(study.folder, validation=held | {"absent": "Nothing was validated."})
    page = stage.stage(study, reports=house / "reports")
    assert re.findall(r"include sections/(\w+)", (page / "report.qmd").read_text()) == ["summary", "methods"]


def test_the_methods_tell_of_what_ran_and_found_something(write_study):
    path = write_study("title: A\nnotebooks: [01_cohort, 08_external, 08_missing]\n")
    study = studies.load(path, overrides=["imputation.imputations=7"])
    assert methods_outside.paragraphs(study) == {}
    prose.record(
        study.folder, external={"answer": "x"}, missing={"answer": "y", "absent": "No clinical value is missing."}
    )
    assert list(methods_outside.paragraphs(study)) == ["External cohorts"]
    prose.record(study.folder, missing={"answer": "y"})
    told = methods_outside.paragraphs(study)
    assert "as frozen in training" in told["External cohorts"] and "at 5 %" in told["External cohorts"]
    assert "imputed 7 times" in told["Missing values"] and "do not" not in told["External cohorts"]


def test_every_source_the_paragraphs_name_is_in_the_references(write_study, house):
    study = studies.load(write_study("title: A\nnotebooks: [01_cohort]\n"))
    text = methods_outside.external(study) + methods_outside.missing(study)
    known = set(re.findall(r"@\w+\{([\w-]+),", (house / "reports" / "references.bib").read_text()))
    assert set(re.findall(r"@(\w+)", text)) <= known
