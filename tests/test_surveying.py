"""`radiogram tables`: a folder of tables unattended, and the common recipe shown for what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from helpers import study
from helpers.cli import main
from helpers.learning import common_recipe, tabular
from helpers.learning.permutation import permuted
from helpers.statistics.crossvalidated import cross_validated_auc

FAST = [
    "--set",
    "selection.lasso_folds=4",
    "--set",
    "selection.lasso_path=15",
    "--set",
    "modeling.folds=3",
    "--repeats",
    2,
]
HERE = ["--set", "execution.isolated=false"]


def noise(n=60, p=8, *, seed=1, signal=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, p))
    truth = (signal * values[:, 0] + rng.normal(size=n) > 0).astype(int)
    return pd.DataFrame(values, columns=[f"f{j}" for j in range(p)]).assign(Target=truth)


@pytest.fixture
def survey(tmp_path):
    def survey(*arguments, out="out"):
        given = ["tables", tmp_path / "in", "--out", tmp_path / out, *FAST, *arguments]
        return CliRunner().invoke(main, list(map(str, given)))

    (tmp_path / "in").mkdir()
    survey.folder, survey.out = tmp_path / "in", tmp_path / "out"
    return survey


def bytes_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.csv") if p.name != "seconds.csv"}


def test_a_folder_of_good_and_bad_tables_runs_to_the_end(survey):
    good = noise(signal=2)
    holes = good.mask(np.random.default_rng(2).random(good.shape) < 0.2).assign(Target=good["Target"])
    good.to_csv(survey.folder / "good.csv", index=False)
    holes.to_csv(survey.folder / "holes.csv", index=False)
    good.assign(Target=1).to_csv(survey.folder / "one-class.csv", index=False)
    (survey.folder / "broken.gz").write_bytes(b"\x1f\x8b nothing")
    (survey.folder / "README.txt").write_text("not a table")
    done = survey(*HERE)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(survey.out / "tables.csv").set_index("table")
    assert rows["used"].to_dict() == {"broken": False, "good": True, "holes": True, "one-class": False}
    assert rows.loc["one-class", "reason"] == "Target is 1 throughout: nothing can be learned"
    assert rows.loc["good", "low"] < rows.loc["good", "auc"] < rows.loc["good", "high"]
    assert "imputed within folds" in rows.loc["holes", "notes"]
    assert "Not tables: README.txt" in done.output and "not used: Target is 1 throughout" in done.output
    assert len(pd.read_csv(survey.out / "predictions" / "good.csv")) == 60


def test_the_printed_area_is_that_of_the_predictions_written(survey):
    noise(signal=2).to_csv(survey.folder / "good.csv", index=False)
    survey(*HERE)
    kept = pd.read_csv(survey.out / "predictions" / "good.csv")
    scores, folds = kept.filter(like="score_").T, kept.filter(like="fold_").T
    found = pd.read_csv(survey.out / "tables.csv").loc[0, "auc"]
    assert cross_validated_auc(kept["truth"], scores, folds).estimate == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda f: f.rmdir(), "No folder"),
        (lambda f: (f / "a.txt").touch(), "holds no table"),
        (lambda f: (f / "a.csv").touch(), "No table of"),
    ],
)
def test_without_a_table_that_can_be_used_it_is_one_sentence_and_status_2(survey, make, sentence):
    make(survey.folder)
    done = survey(*HERE)
    assert done.exit_code == 2 and f"radiogram: {sentence}" in done.output.replace(str(survey.folder) + " ", "")


def test_an_error_of_our_own_costs_one_table_and_is_told(survey, monkeypatch):
    noise(signal=2).to_csv(survey.folder / "good.csv", index=False)
    noise(signal=2, p=9).to_csv(survey.folder / "odd.csv", index=False)
    whole = tabular.out_of_fold

    def failing(rows, **options):
        return 1 / 0 if rows.features.shape[1] == 9 else whole(rows, **options)

    monkeypatch.setattr(tabular, "out_of_fold", failing)
    done = survey(*HERE)
    assert done.exit_code == 0 and "unexpected ZeroDivisionError, worth reporting" in done.output


@pytest.mark.slow
def test_files_are_the_same_to_the_byte_for_any_number_of_workers(survey, tmp_path):
    for number in range(3):
        noise(seed=number, signal=number).to_csv(survey.folder / f"t{number}.csv", index=False)
    for workers in (1, 2):
        assert survey("--permutations", 2, "--workers", workers, out=f"out{workers}").exit_code == 0
    assert bytes_of(tmp_path / "out1") == bytes_of(tmp_path / "out2")
    assert len(bytes_of(tmp_path / "out1")) == 5


def test_permuted_outcomes_keep_patients_whole_and_counts_as_they_were():
    truth = np.repeat(np.arange(30) % 3 == 0, 2).astype(int)
    patient = np.repeat(np.arange(30), 2)
    for number in range(1, 5):
        dealt = permuted(truth, patient, 1, number)
        assert (dealt[::2] == dealt[1::2]).all() and dealt.sum() == truth.sum() and (dealt != truth).any()


def areas_on_noise(*, tables, n=60, p=150):
    """Cross-validated area of the whole pipeline and of the common recipe on tables of noise with more features than rows."""
    settings = ["selection.reproducibility=none", "selection.lasso_folds=5", "selection.lasso_path=20"]
    parameters = study.load("params/_defaults.yaml", overrides=[*settings, "selection.lasso_rule=min"]).parameters
    found = []
    for seed in range(tables):
        table = noise(n, p, seed=seed)
        truth, features = table.pop("Target").to_numpy(), table
        rows = tabular.bare_rows(truth, np.arange(n).astype(str), features, endpoint="Target")
        honest = tabular.out_of_fold(rows, parameters=parameters, seed=seed)
        wrong = common_recipe.out_of_fold(rows, parameters=parameters, seeds=[seed])[0]
        assert (honest.fold == wrong.fold).all()
        found.append([cross_validated_auc(truth, each.score, each.fold).estimate for each in (honest, wrong)])
    return np.array(found)


@pytest.mark.slow
def test_on_noise_the_common_recipe_shows_an_area_far_above_chance(monkeypatch, house):
    monkeypatch.chdir(house)
    honest, wrong = areas_on_noise(tables=6).mean(axis=0)
    assert abs(honest - 0.5) < 0.1 and wrong > 0.7


@pytest.mark.slow
def test_on_forty_tables_of_noise_the_whole_pipeline_averages_to_chance(monkeypatch, house):
    monkeypatch.chdir(house)
    honest, wrong = areas_on_noise(tables=40).mean(axis=0)
    assert honest == pytest.approx(0.5, abs=0.025) and wrong > 0.7


@pytest.mark.slow
def test_a_real_table_nobody_tuned_on_gives_an_area_and_permuted_none(shared_data, tmp_path):
    table = shared_data / "radmlbench" / "Head-Neck-Radiomics-HN1.gz"
    done = CliRunner().invoke(main, ["tables", str(table), "--out", str(tmp_path), "--permutations", "10"])
    assert done.exit_code == 0, done.output
    row = pd.read_csv(tmp_path / "tables.csv").iloc[0]
    assert (row["n"], row["events"], row["features_used"]) == (137, 61, 105)
    assert row["low"] > 0.5 and abs(row["permuted_mean"] - 0.5) < 0.04
    assert row["common_permuted_mean"] > row["permuted_mean"] + 0.03
