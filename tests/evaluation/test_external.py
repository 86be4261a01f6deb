"""External cohorts: as frozen and as updated are told apart, and a study without them says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from helpers.evaluation import external, external_printed
from helpers.evaluation.performance import scores
from helpers.figures import external as drawings
from helpers.study import load


def predictions(parts: dict[str, tuple[int, float]], *, model: str = "radiomics") -> pd.DataFrame:
    """Parts by name with patients and the slope by which the model's log odds are right there."""
    rows = []
    for seed, (part, (n, slope)) in enumerate(parts.items()):
        rng = np.random.default_rng(seed)
        given = rng.normal(0, 1.3, n)
        truth = (rng.random(n) < expit(slope * given)).astype(int)
        names = [f"{part}{i}" for i in range(n)]
        frame = {"case": names, "patient": names, "endpoint": "Target", "model": model, "part": part}
        kind = "oof" if part == "train" else "frozen"
        rows.append(pd.DataFrame(frame | {"kind": kind, "truth": truth, "probability": expit(given)}))
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def found():
    table = predictions({"train": (150, 1.0), "external:Leeds": (250, 0.3), "external:York": (200, 1.0)})
    return table, external.tables(table, replicates=100, seed=1)


def told(table, tables):
    statistics = load("demo").parameters.statistics.model_copy(update={"bootstrap": 100})
    scored = scores(table, thresholds={}, statistics=statistics, seed=1)
    update, tests = tables["external_update"], tables["external_tests"]
    return scored, external_printed.numbers(scored, update, tests, lead="radiomics", level=0.95)


def test_every_external_part_is_judged_in_every_version_and_training_is_not(found):
    _, tables = found
    update = tables["external_update"]
    assert set(update["part"]) == {"external:Leeds", "external:York"}
    assert list(dict.fromkeys(update["version"])) == list(external.VERSIONS.values())


def test_the_frozen_rows_are_those_of_the_scores(found):
    table, tables = found
    scored, _ = told(table, tables)
    update = tables["external_update"]
    frozen = update[update["version"] == "as frozen"].set_index(["part", "metric"])["estimate"]
    own = scored[scored["kind"] == "frozen"].set_index(["part", "metric"])["estimate"]
    for metric in ("calibration_slope", "calibration_in_the_large", "ici", "brier"):
        assert np.isclose(frozen["external:Leeds", metric], own["external:Leeds", metric])


def test_too_extreme_risks_are_mended_by_the_slope_and_right_ones_left_alone(found):
    _, tables = found
    suggested = tables["external_tests"].set_index("part")["suggested"]
    assert suggested["external:Leeds"] == "intercept and slope updated"
    assert suggested["external:York"] == "as frozen"
    slope = tables["external_update"].query("metric == 'calibration_slope' and part == 'external:Leeds'")
    slope = slope.set_index("version")["estimate"]
    assert slope["as frozen"] < 0.6 < 0.8 < slope["intercept and slope updated"]


def test_the_sentence_keeps_the_frozen_model_and_the_updated_one_apart(found):
    _, numbers = told(*found)
    assert "as frozen" in numbers["answer"] and "another model" in numbers["answer"]
    assert "absent" not in numbers and numbers["level"] == "5"


def test_without_an_external_cohort_the_section_has_no_matter():
    table = predictions({"train": (60, 1.0), "test": (60, 1.0)})
    tables = external.tables(table, replicates=100, seed=1)
    assert all(frame.empty for frame in tables.values())
    assert told(table, tables)[1]["absent"]


def test_scores_that_are_no_probabilities_have_no_update():
    table = predictions({"external:Leeds": (80, 1.0)}).assign(probability=lambda t: 5 * t["probability"])
    tables = external.tables(table, replicates=100, seed=1)
    assert tables["external_update"].empty
    assert "no probabilities" in told(table, tables)[1]["answer"]


def test_one_risk_for_everyone_has_neither_slope_nor_curve_and_it_is_said():
    table = predictions({"external:Leeds": (80, 1.0)}).assign(probability=0.4)
    tables = external.tables(table, replicates=100, seed=1)
    assert not set(tables["external_update"]["metric"]) & {"calibration_slope", "ici"}
    assert tables["external_calibration"].empty
    assert "the same risk there" in told(table, tables)[1]["answer"]


def test_the_same_seed_gives_the_same_tables(found):
    table, tables = found
    again = external.tables(table.iloc[::-1].iloc[::-1], replicates=100, seed=1)
    assert again["external_update"].equals(tables["external_update"])


def test_a_model_beside_it_changes_nothing(found):
    table, tables = found
    other = predictions({"external:Leeds": (250, 2.0)}, model="deep")
    both = external.tables(pd.concat([other, table]), replicates=100, seed=1)["external_update"]
    assert both[both["model"] == "radiomics"].reset_index(drop=True).equals(tables["external_update"])


def test_the_tables_are_printed_one_row_a_version_and_one_a_test(found):
    table, tables = found
    printed = external_printed.updates(tables["external_update"])
    assert len(printed) == 6 and printed.iloc[0, 0] == "External (Leeds)"
    assert len(external_printed.tests(tables["external_tests"], tables["external_update"])) == 2
    scored, _ = told(table, tables)
    assert external_printed.discrimination(scored).shape == (1, 4)


def test_the_figure_says_which_panels_are_the_model_that_was_sent(found):
    _, tables = found
    figure = drawings.updates(tables["external_calibration"], tables["external_update"], model="radiomics")
    words = [t.get_text() for ax in figure.axes for t in ax.texts]
    assert words.count("the model that was sent there") == 2 and words.count("another model: learned there") == 4
    assert "slope" in drawings.alt_updates(tables["external_update"], model="radiomics")
