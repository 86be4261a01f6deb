"""Negative controls: what rests on texture falls to chance without it, and what does not stays."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from helpers.errors import RadiogramError
from helpers.learning import controls
from helpers.tables import DECLARED

pytestmark = pytest.mark.slow


def tables(cohort, carrier, n=150):
    """A cohort whose signal is carried by texture or by first-order features alone, and its control within the lesion."""
    cases, features = cohort(n, signal=3.0, deep=0)
    names = [name for name in features if name.startswith("T1c")]
    renamed = {
        name: name.replace("firstorder", carrier if i % 3 == 0 else ("glcm", "firstorder")[i % 2])
        for i, name in enumerate(names)
    }
    features = features.rename(columns=renamed)
    texture = controls.texture_columns(features)
    inside = features[features["reader"] == "reader1"].drop(columns="reader").assign(control="inside")
    rng = np.random.default_rng(5)
    inside[texture] = rng.permutation(inside[texture].to_numpy())
    return cases, features, inside


@pytest.mark.parametrize(("carrier", "stays"), [("glcm", False), ("firstorder", True)])
def test_what_rests_on_texture_falls_and_what_does_not_stays(cohort, parameters, carrier, stays):
    asked = parameters(**{"modeling.signatures": "[radiomics]", "modeling.nomogram": "[radiomics, clinical]"})
    found = controls.control_table(*tables(cohort, carrier), parameters=asked).set_index(["control", "model", "kind"])
    assert found.index.is_unique and set(found.index.get_level_values("kind")) == {"oof", "frozen"}
    assert found.loc[("original", "radiomics", "oof"), "auc"] > 0.8
    assert (found.loc[("inside", "radiomics", "oof"), "auc"] > 0.8) == stays
    assert found.loc[("inside", "texture", "oof"), "auc"] < 0.65
    assert (found.loc[("original", "texture", "oof"), "auc"] > 0.8) == (not stays)


def test_the_table_is_as_declared_and_every_row_of_comparison_is_made_alike(cohort, parameters):
    cases, features, inside = tables(cohort, "glcm")
    asked = parameters(**{"modeling.signatures": "[radiomics]", "modeling.nomogram": "[]"})
    found = controls.control_table(
        cases,
        features,
        inside.iloc[3:],
        parameters=asked,
    )
    assert list(found) == list(DECLARED["controls"].names)
    assert found.groupby(["model", "part"])["n"].nunique().eq(1).all()  # the cases that have every control
    assert found.query("part == 'train'")["n"].iloc[0] == (cases["part"].iloc[3:] == "train").sum()
    again = controls.control_table(
        cases,
        features,
        inside.iloc[:2:-1],
        parameters=asked,
    )
    pd.testing.assert_frame_equal(again, found)


def test_without_controls_there_is_no_table_and_nothing_is_fitted(cohort, parameters):
    cases, features, inside = tables(cohort, "glcm")
    assert controls.control_table(cases, features, inside.iloc[:0], parameters=parameters()).empty


def test_one_class_is_refused_as_modeling_refuses_it(cohort, parameters):
    cases, features, inside = tables(cohort, "glcm")
    with pytest.raises(RadiogramError):
        controls.control_table(cases.assign(label=1), features, inside, parameters=parameters())


def test_texture_has_neither_shape_nor_first_order_nor_deep_features():
    names = ["case", "reader", "T1_original_shape_MeshVolume", "T1_original_shape2D_Area", "T1_log-1_firstorder_Mean"]
    names += ["T1_deep_3", "T1_original_glcm_Contrast", "T1_wavelet-LLH_ngtdm_Busyness"]
    assert controls.texture_columns(pd.DataFrame(columns=names)) == names[-2:]


def lesion(label, rng, shape=(14, 16, 16)):
    """A scan whose lesion has the same histogram with either label, and is coarse with one and fine with the other."""
    ball = (
        sum((np.arange(n) - n // 2).reshape([-1 if i == k else 1 for k in range(3)]) ** 2 for i, n in enumerate(shape))
        <= 25
    )
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2 if label else 0.3)[ball]
    values = 1000 + 100 * ndimage.gaussian_filter(rng.standard_normal(shape), 0.5)
    values[ball] = np.linspace(1200, 1800, ball.sum())[np.argsort(np.argsort(grain))]
    values[:, :2] = values[:, -2:] = rng.uniform(1, 5, (shape[0], 2, shape[2]))
    return values.astype(np.float32), ball.astype(np.uint8)


@pytest.mark.slow
def test_a_signal_of_texture_alone_is_gone_when_the_lesions_voxels_are_shuffled(tmp_path):
    import SimpleITK as sitk

    from helpers.cluster import map_cases
    from helpers.imaging import control_features, extract
    from helpers.study import Study, load

    rng, rows = np.random.default_rng(3), []
    for i in range(80):
        paths = [str(tmp_path / f"{i}_{kind}.nii.gz") for kind in ("image", "mask")]
        for path, array in zip(paths, lesion(i % 2, rng), strict=True):
            sitk.WriteImage(sitk.GetImageFromArray(array), path)
        rows.append((f"P{i:02d}", "T1", "reader1", *paths))
    images = pd.DataFrame(rows, columns=["case", "sequence", "reader", "image", "mask"])
    part = np.where(np.arange(80) % 8 < 6, "train", "test")
    cases = pd.DataFrame({"case": images["case"], "patient": images["case"], "part": part, "label": np.arange(80) % 2})
    (tmp_path / "texture.yaml").write_text(
        "cohort: {sequences: [T1]}\ndeep: {enabled: false}\ncontrols: {voxels: [inside, outside]}\n"
        "radiomics: {image_types: [original], classes: [shape, firstorder, glcm]}\n"
        "selection: {reproducibility: none, lasso_folds: 5, lasso_path: 30, lasso_rule: min}\n"
        "modeling: {folds: 3, signatures: [radiomics], nomogram: []}\n"
    )
    parameters = load(tmp_path / "texture.yaml").parameters
    study = Study("texture", parameters, tmp_path / "runs" / "texture")
    execution = parameters.execution.model_copy(update={"workers": 1, "isolated": False})

    def mapper(function, items):
        return map_cases(function, items, execution=execution, label="cases")

    features, _, _ = extract.features(study, images, mapper=mapper)
    shuffled = control_features.table(study, images, features["case"], mapper=mapper)
    found = controls.control_table(cases, features, shuffled, parameters=parameters)
    area = found.query("kind == 'oof'").set_index(["control", "model"])["auc"]
    assert area["original", "texture"] > 0.9 and area["original", "radiomics"] > 0.9
    assert abs(area["inside", "texture"] - 0.5) < 0.17 and abs(area["inside", "radiomics"] - 0.5) < 0.17
    assert area["outside", "texture"] == area["original", "texture"]
