"""Feature tables of any make as a study's source, and external cohorts from files of their own."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from helpers import study as studies
from helpers.cohort import enroll, feature_sheet, inputs, summary
from helpers.errors import RadiogramError

STUDY = """
title: A table
notebooks: [01_cohort]
cohort:
  source: features
  endpoints: [{name: Target, positive: dead, negative: alive}]
"""


def table(n: int = 60, *, seed: int = 1, features: int = 14) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, features)), columns=[f"f{i}" for i in range(features)])
    return frame.assign(ID=np.arange(1, n + 1), Target=np.arange(n) % 2)


@pytest.fixture
def opened(write_study, tmp_path):
    """A study of the table written to a file, with overrides."""

    def make(frame: pd.DataFrame, *overrides: str, name: str = "own.csv") -> studies.Study:
        path = tmp_path / name
        frame.to_csv(path, index=False)
        return studies.load(write_study(STUDY), overrides=[f"cohort.features={path}", *overrides])

    return make


@pytest.fixture
def beside(tmp_path):
    """An override that names a table as the external cohort B."""

    def make(frame: pd.DataFrame) -> str:
        frame.to_csv(tmp_path / "b.csv", index=False)
        return f"cohort.external.B={tmp_path / 'b.csv'}"

    return make


def test_a_published_table_needs_neither_patient_nor_center(opened):
    found = enroll.enroll(opened(table()))
    assert found.cases["patient"].isin([str(i) for i in range(1, 61)]).all()
    assert set(found.cases["center"]) == {"one center"}
    assert list(found.features.columns) == ["case", "reader", *[f"f{i}" for i in range(14)]]


def test_identifiers_keep_their_zeros(opened):
    frame = table().assign(ID=[f"{i:03d}" for i in range(60)])
    assert "007" in set(enroll.enroll(opened(frame)).cases["patient"])


def test_a_row_without_a_name_is_a_patient_of_its_own(opened):
    frame = table().assign(ID=lambda t: t["ID"].map(str).where(t["ID"] != 7))
    found = enroll.enroll(opened(frame))
    assert "row00007" in set(found.cases["patient"]) and len(found.cases) == 60


def test_rows_without_names_are_patients_and_it_is_said(opened):
    found = enroll.enroll(opened(table().drop(columns="ID")))
    assert len(found.cases) == 60
    assert found.repairs["note"].str.contains("names no patients").any()


def test_the_column_of_the_outcome_may_differ_in_capitals_but_must_be_there(opened):
    assert enroll.enroll(opened(table().rename(columns={"Target": "TARGET"}))).cases["Target"].sum() == 30
    with pytest.raises(RadiogramError, match=r"own\.csv has no column Target among its 16 .*cohort\.endpoints"):
        enroll.enroll(opened(table().rename(columns={"Target": "died"})))


def test_another_word_for_the_outcome_is_named_with_its_patient(opened):
    with pytest.raises(RadiogramError, match="endpoint Target of patient 1 is lost; it must be 1"):
        enroll.enroll(opened(table().assign(Target=["lost", "dead"] * 30)))


def test_words_and_the_outcome_again_are_no_features(opened):
    frame = table().assign(scanner=["A", "B", "C"] * 20, status=lambda t: t["Target"].map({1: "x", 0: "y"}))
    found = enroll.enroll(opened(frame))
    assert {"scanner", "status"}.isdisjoint(found.features.columns)
    assert found.repairs["note"].str.contains("status left out: Target again").any()


def test_gzip_is_read_whatever_the_name(opened, tmp_path):
    study = opened(table(), name="own.dat")
    path = tmp_path / "own.dat"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(enroll.enroll(study).cases) == 60


def test_a_sheet_that_names_its_patients_is_taken_as_written(opened):
    frame = table().rename(columns={"ID": "patient"}).assign(word="x")
    with pytest.raises(RadiogramError, match="feature column word holds words"):
        enroll.enroll(opened(frame))


def test_one_scan_under_two_names_is_counted_once(opened):
    frame = pd.concat([table(), table().iloc[[4]].assign(ID=99)], ignore_index=True)
    found = enroll.enroll(opened(frame))
    assert "99" not in set(found.cases["case"]) and len(found.cases) == 60
    assert found.exclusions["reason"].tolist() == ["the same scan under two names: every feature is that of patient 5"]
    assert summary.public(found.exclusions)["reason"].tolist() == ["the same scan under two names"]


def test_patients_whose_features_were_filled_in_are_left_out(opened):
    frame = table()
    measured = [name for name in frame if name not in ("ID", "Target")]
    frame.loc[[3, 8], measured] = frame.drop(index=[3, 8])[measured].mean().to_numpy()
    found = enroll.enroll(opened(frame))
    assert set(found.exclusions["case"]) == {"4", "9"} and len(found.cases) == len(frame) - 2
    assert set(summary.public(found.exclusions)["reason"]) == {
        "not measured, as nearly every feature is the average of its column, filled in"
    }


def test_a_missing_value_that_was_filled_in_leaves_nobody_out(opened):
    frame = table()
    measured = [name for name in frame if name not in ("ID", "Target")]
    some = measured[: len(measured) // 2]
    frame.loc[3, some] = frame.drop(index=3)[some].mean().to_numpy()
    assert enroll.enroll(opened(frame)).exclusions.empty


def test_few_features_tell_nobody_apart():
    frame = pd.DataFrame({"patient": ["a", "b"], "grade": [1.0, 1.0]})
    assert not list(feature_sheet.twins(frame))


def test_an_external_table_joins_as_a_part_of_its_own(opened, beside):
    found = enroll.enroll(opened(table(), beside(table(40, seed=2).assign(ID=[f"B{i}" for i in range(40)]))))
    outside = found.cases[found.cases["part"] == "external:B"]
    assert len(outside) == 40 and set(outside["center"]) == {"B"}
    assert len(found.features) == 100
    assert set(found.cases["part"]) == {"train", "test", "external:B"}


def test_all_of_the_own_table_can_be_trained_on(opened, beside):
    study = opened(table(), beside(table(40, seed=2)), "cohort.test_fraction=0")
    assert enroll.enroll(study).cases["part"].value_counts().to_dict() == {"train": 60, "external:B": 40}


def test_the_split_of_the_own_table_does_not_depend_on_the_external_one(opened, beside):
    alone = enroll.enroll(opened(table())).cases.set_index("case")["part"]
    joined = enroll.enroll(opened(table(), beside(table(40, seed=2)))).cases.set_index("case")["part"]
    assert joined.loc[alone.index].equals(alone)


def test_row_numbers_that_collide_are_other_patients_and_it_is_said(opened, beside):
    found = enroll.enroll(opened(table(), beside(table(40, seed=2))))
    assert {"B:1", "1"} <= set(found.cases["patient"])
    assert found.repairs["note"].str.contains("patients are numbered").any()


def test_a_name_in_both_files_is_one_patient_in_two_parts_and_refused(opened, beside):
    named, other = (t.assign(ID=[f"LUNG-{i}" for i in range(len(t))]) for t in (table(), table(40, seed=2)))
    with pytest.raises(RadiogramError, match=r"Patient LUNG-0 is in b\.csv and in own\.csv"):
        enroll.enroll(opened(named, beside(other)))


def test_a_scan_of_the_own_table_in_the_external_one_is_left_out_there(opened, beside):
    other = pd.concat([table(40, seed=2), table().iloc[[3]]], ignore_index=True)
    found = enroll.enroll(opened(table(), beside(other.assign(ID=[f"B{i}" for i in range(41)]))))
    assert found.exclusions["case"].tolist() == ["B40"]


def test_a_feature_that_the_external_table_lacks_is_named(opened, beside):
    with pytest.raises(RadiogramError, match=r"b\.csv lacks 2 features of the 14 of own\.csv, the first f3"):
        enroll.enroll(opened(table(), beside(table(40, seed=2).drop(columns=["f3", "f9"]))))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (None, "has no column sex, which the models of own.csv may read"),
        ([None], "has no value of sex in any patient"),
        ([1, 2], "has numbers in sex .*but own.csv has words .*code both alike"),
        (["male", "female"], "sex is male in 20 patients, a value that own.csv never has"),
    ],
)
def test_a_clinical_variable_coded_otherwise_is_named(opened, beside, column, sentence):
    other = table(40, seed=2)
    other = other if column is None else other.assign(sex=(column * 40)[:40])
    study = opened(table().assign(sex=["M", "F"] * 30), beside(other), "cohort.clinical=[sex]")
    with pytest.raises(RadiogramError, match=sentence):
        enroll.enroll(study)


def test_an_external_cohort_of_one_sex_is_allowed(opened, beside):
    study = opened(
        table().assign(sex=["M", "F", "F"] * 20), beside(table(40, seed=2).assign(sex="F")), "cohort.clinical=[sex]"
    )
    assert len(enroll.enroll(study).cases) == 100


def test_another_coding_of_the_endpoint_is_named_with_its_file(opened, beside):
    with pytest.raises(RadiogramError, match=r"b\.csv: endpoint Target of patient 1 is 2; it must be 1 \(dead\)"):
        enroll.enroll(opened(table(), beside(table(40, seed=2).assign(Target=[2, 1] * 20))))


def test_an_external_table_without_events_is_refused(opened, beside):
    with pytest.raises(RadiogramError, match="part external:B has no patient with dead"):
        enroll.enroll(opened(table(), beside(table(40, seed=2).assign(Target=0))))


def test_a_missing_external_file_is_named(opened, tmp_path):
    with pytest.raises(RadiogramError, match=r"No file .*gone\.csv: check cohort\.external"):
        enroll.enroll(opened(table(), f"cohort.external.B={tmp_path / 'gone.csv'}"))


def test_a_changed_external_file_is_a_changed_input(opened, beside):
    before = inputs.fingerprint(opened(table(), beside(table(40, seed=2))))
    after = inputs.fingerprint(opened(table(), beside(table(40, seed=3))))
    assert before["external cohort B"] != after["external cohort B"]


def test_an_external_manifest_brings_its_own_scans(write_study, tmp_path):
    for folder, prefix in (("own", "A"), ("other", "B")):
        (tmp_path / folder).mkdir()
        rows = [
            f"{prefix}{i},{i % 2},img/{i}.nii.gz,img/m{i}.nii.gz,{'x' if folder == 'own' else 'y'}" for i in range(30)
        ]
        (tmp_path / folder / "m.csv").write_text("patient,label,T1,mask,center\n" + "\n".join(rows))
    text = "title: A\nnotebooks: [01_cohort]\ncohort: {source: manifest, sequences: [T1]}"
    own, other = (tmp_path / folder / "m.csv" for folder in ("own", "other"))
    study = studies.load(write_study(text), overrides=[f"cohort.manifest={own}", f"cohort.external.Leeds={other}"])
    found = enroll.enroll(study)
    images = found.images.set_index("case")["image"]
    assert images["B3"] == str(tmp_path / "other" / "img" / "3.nii.gz")
    assert images["A3"] == str(tmp_path / "own" / "img" / "3.nii.gz")
    assert set(found.cases.loc[found.cases["part"] == "external:Leeds", "center"]) == {"y"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, filled", [("Arita2018", 0), ("Head-Neck-Radiomics-HN1", 0), ("Hosny2018A", 2), ("Hosny2018B", 1)]
)
def test_every_table_of_radmlbench_enters_as_it_was_published(name, filled, shared_data, house):
    path = shared_data / "radmlbench" / f"{name}.gz"
    found = enroll.enroll(studies.load("radmlbench", overrides=[f"cohort.features={path}"]))
    published = pd.read_csv(path, compression="gzip")
    assert len(found.cases) == len(published) - filled
    assert 0 <= published["Target"].sum() - found.cases["Target"].sum() <= filled
    assert found.features.shape[1] - 2 == published.shape[1] - 2
    assert len(found.exclusions) == filled and found.exclusions["reason"].str.startswith("not measured").all()


@pytest.mark.slow
def test_hosny_b_is_external_to_hosny_a(shared_data):
    folder = shared_data / "radmlbench"
    overrides = [f"cohort.features={folder / 'Hosny2018A.gz'}", f"cohort.external.Maastro={folder / 'Hosny2018B.gz'}"]
    found = enroll.enroll(studies.load("radmlbench", overrides=overrides))
    assert (found.cases["part"] == "external:Maastro").sum() == 206
