"""Real published tables as whole studies, from one study file: every table of radMLBench, and one external to another."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import run
from helpers import study as studies

QUICK = [
    "integrity.permutations=1",
    "integrity.splits=3",
    "validation.bootstraps=0",
    "validation.repeats=0",
    "statistics.bootstrap=100",
    "modeling.folds=3",
]


def reported(monkeypatch, tmp_path, *overrides: str) -> tuple[str, studies.Study]:
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path))
    settings = [*QUICK, *overrides]
    page = run.report("radmlbench", overrides=settings, say=lambda line: None)
    return page.read_text(), studies.load("radmlbench", overrides=settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, filled", [("Arita2018", 0), ("Head-Neck-Radiomics-HN1", 0), ("Hosny2018A", 2), ("Hosny2018B", 1)]
)
def test_a_published_table_becomes_a_report(name, filled, shared_data, monkeypatch, tmp_path):
    path = shared_data / "radmlbench" / f"{name}.gz"
    page, study = reported(monkeypatch, tmp_path, f"cohort.features={path}")
    assert "Would it hold?" in page and "Elsewhere" not in page
    predicted = study.tables.read("predictions")
    assert set(predicted["part"]) == {"train", "test"}
    assert len(study.tables.read("cases")) == len(pd.read_csv(path, compression="gzip")) - filled
    assert ("the average of its column" in page) == (filled > 0)


@pytest.mark.slow
def test_hosny_a_is_trained_and_b_is_external(shared_data, monkeypatch, tmp_path):
    folder = shared_data / "radmlbench"
    tables = [f"cohort.features={folder / 'Hosny2018A.gz'}", f"cohort.external.Maastro={folder / 'Hosny2018B.gz'}"]
    page, study = reported(monkeypatch, tmp_path, *tables, "cohort.test_fraction=0")
    assert "Elsewhere" in page and "Maastro (206 patients, 60 with the endpoint)" in page
    predicted = study.tables.read("predictions")
    frozen = predicted[(predicted["part"] == "external:Maastro") & (predicted["kind"] == "frozen")]
    assert len(frozen) == 206 and (predicted["part"] == "train").any()
    assert set(study.tables.read("external_tests")["part"]) == {"external:Maastro"}
