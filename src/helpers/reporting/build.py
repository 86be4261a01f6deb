"""The report of a run: staged, rendered, inspected, and only then put in its place."""

from __future__ import annotations

import os
from pathlib import Path

from helpers.reporting import inspect, integrity, render, stage, workbook
from helpers.study import Study, house


def report(study: Study, *, reports: Path) -> Path:
    """Build runs/<study>/report.html from the executed notebooks, and results.xlsx beside it; returns the page's path.

    A page that fails its inspection stays in the run's page folder and never replaces the report.
    Raises RadiogramError for what is wrong with it.
    """
    settings = study.parameters.report
    page = stage.stage(study, reports=reports)
    candidate, target = page / "candidate.html", study.folder / "report.html"
    render.render(page, renderer=settings.renderer, out=candidate)
    findings = inspect.inspect(
        candidate, patients=identifiers(study), maximum_megabytes=settings.maximum_megabytes, paths=folders(study)
    )
    inspect.refuse(findings)
    workbook.write(study, checks=integrity.checks(study))
    os.replace(candidate, target)
    return target


def identifiers(study: Study) -> list[str]:
    """Every patient and case of the run, those excluded too."""
    cases, exclusions = study.tables.read("cases"), study.tables.read("exclusions")
    return sorted(
        {str(name) for column in (cases["patient"], cases["case"], exclusions["case"]) for name in column.dropna()}
    )


def folders(study: Study) -> list[Path]:
    """Folders of this machine that a page has no business to name."""
    return [Path.home(), house(), study.folder, study.folder.resolve()]
