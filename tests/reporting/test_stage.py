"""The page's folder holds what the study asks for, and nothing of the machine or the patients."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml

from helpers import prose
from helpers.errors import RadiogramError
from helpers.reporting import notebook, stage


@pytest.fixture
def stage_run(make_run, house):
    def stage_it(reports=house / "reports", **options):
        study = make_run(**options)
        return stage.stage(study, reports=reports)

    return stage_it


def caption(page, name, label):
    cells = notebook.labelled(json.loads((page / "notebooks" / f"{name}.ipynb").read_text()))
    return notebook.options(cells[label]).get("fig-cap")


def test_sections_are_included_in_the_order_of_the_parameters(stage_run):
    page = stage_run(sections=["summary", "performance", "methods"])
    assert re.findall(r"include sections/(\w+)", (page / "report.qmd").read_text()) == [
        "summary",
        "performance",
        "methods",
    ]


def test_an_unknown_section_is_refused_with_those_there_are(stage_run):
    with pytest.raises(RadiogramError, match="report.sections names apendix, but .* has only .*methods"):
        stage_run(sections=["summary", "apendix"])


def test_a_study_may_bring_its_own_template(stage_run, house, tmp_path):
    reports = tmp_path / "reports"
    shutil.copytree(house / "reports", reports)
    (reports / "trial.qmd").write_text("Own words.\n\n<!-- sections -->\n")
    text = (stage_run(reports=reports) / "report.qmd").read_text()
    assert text.startswith("Own words.") and "sections/summary.qmd" in text


def test_captions_announce_a_synthetic_cohort_everywhere_and_random_weights_where_they_matter(stage_run):
    page = stage_run()
    assert caption(page, "06_statistics", "fig-roc").endswith("Synthetic cohort. Deep features from random weights.")
    assert caption(page, "03_participants", "fig-flow").endswith("Synthetic cohort.")
    assert caption(page, "02_extraction", "fig-segmentation").endswith("Synthetic cohort.")


def test_trained_weights_are_not_announced(stage_run):
    page = stage_run(overrides=("deep.enabled=false",))
    assert caption(page, "06_statistics", "fig-roc").endswith("Synthetic cohort.")
    assert "Random weights" not in (page / "generated" / "page.yml").read_text()


def test_metadata_carries_title_banner_and_who(page):
    held = yaml.safe_load((page / "generated" / "page.yml").read_text())
    assert held["title"] == "Progression or pseudoprogression after radiotherapy"
    assert held["banner"][0].startswith("**Synthetic cohort.**") and held["banner"][1].startswith("**Random weights.**")
    assert held["who"] == "60 patients, 24 with true progression · 4 centers · run of 5 March 2026 · Radiogram 0.1.0"


def test_a_number_that_would_change_the_page_itself_is_refused(make_run, house):
    study = make_run()
    prose.record(study.folder, title="Oops")
    with pytest.raises(RadiogramError, match="numbers.yml records title"):
        stage.stage(study, reports=house / "reports")


def test_a_run_without_provenance_is_refused(make_run, house):
    study = make_run()
    (study.folder / "run.json").unlink()
    with pytest.raises(RadiogramError, match="has no run.json"):
        stage.stage(study, reports=house / "reports")


def test_staging_begins_afresh(make_run, house):
    study = make_run()
    leftover = study.folder / "page" / "leftover.html"
    leftover.parent.mkdir()
    leftover.write_text("old")
    assert not (stage.stage(study, reports=house / "reports") / "leftover.html").exists()


def test_every_reference_of_a_section_is_to_a_figure_or_table_it_embeds_itself(house):
    for path in (house / "reports" / "sections").glob("*.qmd"):
        text = path.read_text()
        assert set(re.findall(r"@((?:fig|tbl)-[\w-]+)", text)) == set(re.findall(r"ipynb#(\S+)", text)), path.name


def test_a_section_embeds_from_one_notebook_only(house):
    for path in (house / "reports" / "sections").glob("*.qmd"):
        assert len(set(re.findall(r"embed notebooks/(\S+)\.ipynb", path.read_text()))) <= 1, path.name


def test_sections_type_no_number(house):
    for path in (house / "reports" / "sections").glob("*.qmd"):
        text = re.sub(r"\{\{<.*?>\}\}|\{#.*?\}|\[@.*?\]", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\d", text), path.name


def test_every_work_cited_is_in_the_bibliography_and_every_entry_has_an_address(house):
    entries = (house / "reports" / "references.bib").read_text().split("\n@")
    known = {re.search(r"\{(\w+),", entry)[1] for entry in entries}
    assert all(re.search(r"\b(doi|url) += ", entry) for entry in entries)
    sources = [*(house / "reports").rglob("*.qmd"), *(house / "src/helpers/reporting").glob("methods*.py")]
    cited = {key for path in sources for key in re.findall(r"@([a-z]+\d{4})", path.read_text())}
    assert cited and cited <= known


def test_a_section_without_its_notebook_is_refused_before_anything_runs(make_run, house):
    study = make_run(
        overrides=("notebooks=[01_cohort, 03_participants, 06_statistics]",), sections=["summary", "validation"]
    )
    with pytest.raises(RadiogramError, match="validation, which shows notebook 08_validation: add 08_validation"):
        stage.require_notebooks(study, reports=house / "reports")
