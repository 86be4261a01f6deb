"""What a paper reported stands beside this run, unchanged, and what is ours is said to be ours."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from helpers import study as studies
from helpers.errors import RadiogramError
from helpers.reporting import methods_networks, published
from helpers.tables import DECLARED


@pytest.fixture(scope="module")
def entries(house):
    return yaml.safe_load((house / "reports" / "published.yml").read_text())


def scores(model, endpoint):
    rows = [
        (endpoint, model, "test", "frozen", metric, value, value - 0.1, value + 0.05, "m", 40, 14)
        for metric, value in (("auc", 0.9), ("sensitivity", 0.8), ("specificity", 0.85), ("accuracy", 0.83))
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["scores"].names))


def test_every_section_has_an_entry_a_file_and_a_work_in_the_bibliography(entries, house):
    bibliography = (house / "reports" / "references.bib").read_text()
    assert set(entries) == set(published.SECTIONS)
    for name, entry in entries.items():
        assert (house / "reports" / "sections" / f"{name}.qmd").is_file()
        assert f"{{{entry['work']}," in bibliography and entry["ours"]


def test_values_are_those_of_the_abstracts(entries):
    """Typed again from the abstracts: Sci Rep 2025 17133, Front Oncol 2025 1573700, pone.0351757, Clin Exp Metastasis 42:30."""
    found = {
        (name, row["model"], row["endpoint"], row["part"]): {m: row[m] for m in published.METRICS if m in row}
        for name, entry in entries.items()
        for row in entry["rows"]
    }
    assert found["ssl-fusion", "guided cross-modal attention", "progression", "test"] == {"auc": 0.753}
    assert found["cnn3d", "ResNet10", "necrosis", "test"] == {
        "auc": 0.83, "sensitivity": 0.78, "specificity": 0.94, "accuracy": 0.91,
    }  # fmt: skip
    assert found["cnn3d", "MresNet", "necrosis", "test"] == {"sensitivity": 0.56, "specificity": 0.98}
    assert found["cnn3d", "Vgg16", "necrosis", "test"]["auc"] == 0.70
    assert found["npc", "Model II by random forest on T2", "recurrence", "test"] == {"auc": 0.87}
    aucs = [found["idh-ki67", "multimodal model", e, p]["auc"] for e in ("idh", "ki67_high") for p in ("train", "test")]
    assert aucs == [0.901, 0.883, 0.939, 0.924]


def test_each_value_stands_beside_the_model_that_the_shipped_study_calls_so(entries):
    for name, entry in entries.items():
        parameters = studies.load(name).parameters
        known = {m.name for m in (*parameters.networks.models, *parameters.networks.fusions)}
        known |= {each.name for each in parameters.contest.inputs} if "05_contest" in parameters.notebooks else set()
        endpoints = {e.name for e in parameters.cohort.endpoints}
        assert {row["beside"] for row in entry["rows"]} <= known
        assert {row["endpoint"] for row in entry["rows"]} <= endpoints


def test_a_row_a_measure_with_this_runs_interval_or_that_there_is_none(entries):
    reported = entries["cnn3d"]["rows"][0]
    rows = published._rows(reported, scores("ResNet10", "necrosis"))
    assert rows[0][-3:] == ("AUC", "0.83", "0.90 (0.80 to 0.95)") and len(rows) == 4
    assert {row[-1] for row in published._rows(reported, scores("other", "necrosis"))} == {"not in this run"}


def test_a_paper_that_names_inputs_and_classifier_stands_beside_that_contender(entries):
    rows = published._rows(entries["npc"]["rows"][0], scores("Model II T2, random forest", "recurrence"))
    assert rows[0][-2:] == ("0.87", "0.90 (0.80 to 0.95)")


def test_three_digits_stay_three(entries):
    rows = published._rows(entries["ssl-fusion"]["rows"][0], scores("Guided", "progression"))
    assert rows[0][-2] == "0.753"


def test_a_section_without_an_entry_is_refused():
    with pytest.raises(RadiogramError, match="published.yml has no entry other"):
        published._entry("other")


@pytest.mark.parametrize("name", ["cnn3d", "idh-ki67", "ssl-fusion"])
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_the_methods_name_every_network_and_leave_nothing_open(name, preset):
    study = studies.load(name, overrides=f"preset={preset}")
    told = " ".join(write(study) for write in (methods_networks.volumes, methods_networks.networks))
    assert all(network.name in told for network in study.parameters.networks.models)
    assert not re.search(r"None|  |\{|of  ", told)


def test_the_positive_class_is_said_before_any_number():
    told = published._positive(studies.load("cnn3d"))
    assert told.startswith("::: {.notice}\n**Positive means radiation necrosis**, negative recurrent glioma")


def test_patients_are_counted_for_each_endpoint_where_a_label_is_unknown_in_some(monkeypatch, entries):
    study = studies.load("idh-ki67")
    endpoints = study.parameters.cohort.endpoints

    def judged(*counts):
        leads = [SimpleNamespace(n=n, events=7, endpoint=e) for n, e in zip(counts, endpoints, strict=True)]
        monkeypatch.setattr(published, "leads", lambda _: leads)
        return published._patients(study, entries["idh-ki67"])

    assert "in 29 patients (7 with IDH wild type) and 22 patients (7 with Ki-67 of 10 % or more)." in judged(29, 22)
    assert "in 29 patients (7 with IDH wild type)." in judged(29, 29)
