"""Networks and trainings as the report prints them."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import study as studies
from helpers.evaluation import networks_printed, order
from helpers.tables import DECLARED


@pytest.fixture
def training():
    rows = [
        ("A", fold, seed, epoch, part, 0.7 - 0.1 * epoch, 0.6, 2.0, epoch == 2)
        for fold in range(2)
        for seed in range(3)
        for epoch in (1, 2)
        for part in ("train", "inner")
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["training"].names))


@pytest.fixture
def seed_scores():
    rows = [
        ("y", "A", part, kind, seed, 0.7 + 0.05 * seed)
        for part, kind in (("train", "oof"), ("test", "frozen"))
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["seed_scores"].names))


def test_trainings_epochs_and_seconds_are_counted_once_a_training(training, seed_scores):
    row = networks_printed.trainings(training, seed_scores).iloc[0]
    assert row["Trainings"] == "6" and row["Epochs kept"] == "2 (2 to 2)" and row["Seconds a training"] == "4"
    assert row["Test: AUC over seeds, mean (range)"] == "0.75 (0.70 to 0.80)"


def test_numbers_name_the_network_that_luck_moved_most(training, seed_scores):
    settings = studies.load("cnn3d").parameters.networks
    told = networks_printed.numbers(training, seed_scores, settings, ["Note."])
    assert told["trainings"] == "6 trainings" and told["seeds"] == "3 seeds" and told["notes"] == "Note."
    assert "at most 0.10 (A, training part)" in told["spread"]


def test_a_row_of_architectures_says_what_the_weights_started_from():
    row = ("A", "resnet10", "MedicalNet's", "T1", 14_000_000, 13_000_000, "file.pth", "ab" * 32, "MIT")
    printed = networks_printed.architectures(pd.DataFrame([row], columns=list(DECLARED["architectures"].names)))
    assert printed.iloc[0].to_list() == [
        "A", "T1", "file.pth, SHA-256 abababababab, license MIT", "14,000,000", "13,000,000",
    ]  # fmt: skip


def test_networks_of_one_definition_share_an_item():
    table = pd.DataFrame({"model": ["A", "B", "C"], "definition": ["Ours.", "MedicalNet's", "Ours."]})
    assert networks_printed.definitions(table) == "- **A and C**: Ours.\n- **B**: MedicalNet's."


def test_tables_without_rows_say_so():
    from helpers.tables import empty

    assert networks_printed.architectures(empty("architectures")).iloc[0, 0] == "None"
    nothing = pd.DataFrame(columns=["endpoint", "model", "term", "coefficient", "low", "high"])
    assert networks_printed.equations(nothing).iloc[0, 0] == "None"


def test_a_fusion_leads_then_the_nomogram_then_the_first_written():
    table = pd.DataFrame({"model": ["radiomics", "nomogram", "ResNet10", "fusion", "Age alone"]})
    assert order.models(table) == ["fusion", "nomogram", "radiomics", "ResNet10", "Age alone"]
    assert order.lead(table[table["model"].isin(["ResNet10", "Age alone"])]) == "ResNet10"


def test_two_endpoints_of_a_table_are_printed_apart_and_one_as_before():
    from helpers.evaluation import performance_printed

    rows = [(e, "A", "youden", 0.4, 0.3, 0.5, "out-of-fold") for e in ("idh", "ki67_high")]
    table = pd.DataFrame(rows, columns=list(DECLARED["thresholds"].names))
    printed = performance_printed.thresholds(table)
    assert printed["Endpoint"].to_list() == ["IDH", "Ki-67 high"] and len(printed) == 2
    assert "Endpoint" not in performance_printed.thresholds(table.iloc[:1])
