"""The page's folder: templates beside executed notebooks, captions filled, and all prose that is made from tables."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from helpers import prose
from helpers.errors import RadiogramError
from helpers.reporting import findings, gate_words, integrity, notebook, provenance, summary, withholding, within
from helpers.reporting import methods as methods_text
from helpers.reporting.check import Check, withheld
from helpers.study import Study

EMBEDDED = re.compile(r"embed notebooks/([\w-]+)\.ipynb")
SECTIONS_MARK = "<!-- sections -->"
# Notebooks whose figures and tables deep features have no part in.
BEFORE_FEATURES = ("01_cohort", "02_extraction", "03_participants")
# Names that Quarto or Pandoc read themselves; a recorded number of that name would change the page.
RESERVED = {
    "title", "subtitle", "author", "date", "abstract", "lang", "css", "template", "format", "filters", "engine", "execute",
    "bibliography", "toc", "crossref", "number-sections", "question", "who", "banner", "renderer", "study", "glance",
}  # fmt: skip


def stage(study: Study, *, reports: Path) -> Path:
    """Build `page/` afresh in the run's folder, ready to render; returns it.

    reports: the folder of templates (`_study.qmd`, `sections/`, `filters/`, `theme/`). Raises RadiogramError for a
    missing notebook or section, an unknown number in a caption, and a run without `run.json`.
    """
    page = study.folder / "page"
    shutil.rmtree(page, ignore_errors=True)
    page.mkdir(parents=True)
    numbers, checks = prose.numbers(study.folder), integrity.checks(study)
    _refuse_reserved(numbers)
    if withheld(checks):
        numbers = withholding.numbers(numbers)
    for name in ("sections", "filters", "theme"):
        shutil.copytree(reports / name, page / name)
    for name in ("_quarto.yml", "references.bib"):
        shutil.copy2(reports / name, page / name)
    (page / "report.qmd").write_text(_template(study, reports), encoding="utf-8")
    (page / "numbers.yml").write_text(_dump(numbers), encoding="utf-8")
    _write_notebooks(study, page / "notebooks", numbers, hiding=bool(withheld(checks)))
    _write_generated(study, page / "generated", checks)
    return page


def require_notebooks(study: Study, *, reports: Path) -> None:
    """Raises RadiogramError when a section shows a notebook that the study does not run: better now than after the run."""
    for section in study.parameters.report.sections:
        for name in sorted(set(EMBEDDED.findall(_section(section, reports).read_text(encoding="utf-8")))):
            if name not in study.parameters.notebooks:
                raise RadiogramError(
                    f"report.sections lists {section}, which shows notebook {name}: add {name} to notebooks, or take {section} out of "
                    "report.sections."
                )


def _section(name: str, reports: Path) -> Path:
    path = reports / "sections" / f"{name}.qmd"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.qmd")))
        raise RadiogramError(f"report.sections names {name}, but reports/sections has only {known}.")
    return path


def announcements(study: Study, name: str) -> tuple[str, ...]:
    """What every caption of a notebook must add."""
    said = ("Synthetic cohort.",) if study.synthetic else ()
    touched = study.random_weights and name not in BEFORE_FEATURES
    return (*said, "Deep features from random weights.") if touched else said


def _template(study: Study, reports: Path) -> str:
    """The study's own template, or the common one, with its sections in place."""
    own = reports / f"{study.name}.qmd"
    text = (own if own.is_file() else reports / "_study.qmd").read_text(encoding="utf-8")
    sections = study.parameters.report.sections
    for section in sections:
        _section(section, reports)
    told = prose.numbers(study.folder)
    sections = [name for name in sections if not _without_matter(told.get(name))]
    includes = "\n\n".join(f"{{{{< include sections/{section}.qmd >}}}}" for section in sections)
    return text.replace(SECTIONS_MARK, includes)


def _without_matter(told: Any) -> bool:
    """Whether a section's notebook recorded that it has nothing to show, under `absent`: the section is left out."""
    return isinstance(told, Mapping) and bool(told.get("absent"))


def _write_notebooks(study: Study, folder: Path, numbers: Mapping[str, Any], *, hiding: bool) -> None:
    folder.mkdir()
    for name in study.parameters.notebooks:
        executed = notebook.read(study.folder / "notebooks" / f"{name}.ipynb")
        staged = notebook.staged(executed, name=name, numbers=numbers, announcements=announcements(study, name))
        staged = withholding.cells(staged, name=name) if hiding else staged
        (folder / f"{name}.ipynb").write_text(json.dumps(staged, indent=1, ensure_ascii=False), encoding="utf-8")


def _write_generated(study: Study, folder: Path, checks: Sequence[Check]) -> None:
    """Markdown that sections include, and the metadata of the page."""
    folder.mkdir()
    run = _run_record(study)
    sections = study.parameters.report.sections
    texts = {
        "summary": summary.first_screen(study, checks),
        "limits": summary.closing(study, checks),
        "integrity": integrity.strip(checks, sections=sections),
        "gate": gate_words.page(checks, sections=sections),
        "methods": methods_text.methods(study, versions=run["versions"]),
        "provenance": provenance.provenance(run),
    }
    found = {name: write(study) + "\n" for name, write in findings.WRITERS.items() if name in sections}
    found["strata"] = within.section(study) + "\n"
    texts |= withholding.prose(found) if withheld(checks) else found
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    page = {
        "title": study.parameters.title,
        "question": study.parameters.question,
        "who": summary.who(study, run),
        "banner": summary.banner(study, checks),
        "glance": summary.glance(checks),
        "study": study.name,
    }
    (folder / "page.yml").write_text(_dump(page), encoding="utf-8")


def _run_record(study: Study) -> dict[str, Any]:
    path = study.folder / "run.json"
    if not path.is_file():
        raise RadiogramError(f"The run of {study.name} has no run.json: run `radiogram report {study.name}` first.")
    return json.loads(path.read_text(encoding="utf-8"))


def _refuse_reserved(numbers: Mapping[str, Any]) -> None:
    taken = sorted(RESERVED & set(numbers))
    if taken:
        raise RadiogramError(
            f"numbers.yml records {taken[0]}, a name the page uses itself: record it under another one."
        )


def _dump(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=True, width=10_000)
