"""The rendered scans and masks: the same bytes from the same seed, and the latents to be seen in them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from scipy.stats import skew, spearmanr

from helpers.cohort import phantom
from helpers.cohort.phantom import images
from helpers.cohort.phantom.chance import stream
from helpers.cohort.phantom.lesion import appearance
from helpers.errors import RadiogramError
from helpers.parameters import Parameters
from helpers.study import house

pytestmark = pytest.mark.slow

# The head of the defaults on a grid half as fine.
COARSE = {"shape": [24, 40, 36], "spacing": [5.0, 4.4, 4.4]}
ALL = ["T1", "T1c", "T2", "FLAIR", "ADC", "CBF", "DOSE"]


def parameters(*, sequences=("T1c", "FLAIR"), seed: int = 7, cohort=None, **options) -> Parameters:
    values = yaml.safe_load((house() / "params" / "_defaults.yaml").read_text(encoding="utf-8"))
    values["seed"] = seed
    values["cohort"] |= {"source": "phantom", "sequences": list(sequences), **(cohort or {})}
    values["phantom"] |= COARSE | {"patients": 20} | options
    return Parameters.model_validate(values)


def in_turn(function, items):
    return (SimpleNamespace(item=item, value=function(item), error=None) for item in items)


def backwards(function, items):
    return reversed([SimpleNamespace(item=i, value=function(i), error=None) for i in reversed(list(items))])


def render(folder, mapper=in_turn, **options):
    chosen = parameters(**options)
    return phantom.write_images(phantom.draw(chosen), chosen, folder, mapper=mapper)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(path))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return render(tmp_path_factory.mktemp("scans"), sequences=ALL)


def test_every_case_sequence_and_reader_has_a_row_and_files(written):
    assert len(written) == 20 * len(ALL) * 2
    assert list(written.columns) == ["case", "sequence", "reader", "image", "mask"]
    assert list(written["case"].unique()) == [f"phantom-{i:03d}" for i in range(1, 21)]
    assert list(written["sequence"].unique()) == ALL


def test_the_same_seed_writes_the_same_bytes_whatever_the_order(tmp_path):
    render(tmp_path / "a", sequences=["T1c", "CBF"])
    render(tmp_path / "b", mapper=backwards, sequences=["CBF", "T1c"])
    first = contents(tmp_path / "a")
    assert len(first) == 20 * 4
    assert first == contents(tmp_path / "b")


def test_another_seed_writes_other_files_beside(tmp_path):
    render(tmp_path)
    render(tmp_path, seed=8)
    files = contents(tmp_path)
    assert len(files) == len(set(files.values())) == 2 * 20 * 4


def test_files_that_are_there_are_kept_and_missing_ones_written_again(tmp_path):
    rows = render(tmp_path)
    before = contents(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.gz")}
    lost = next(path for path in stamps if "phantom-005" in str(path))
    lost.unlink()
    assert render(tmp_path).equals(rows)
    assert contents(tmp_path) == before
    changed = {path for path in stamps if path.stat().st_mtime_ns != stamps[path]}
    assert changed and all("phantom-005" in str(path) for path in changed)


def test_labels_and_signal_leave_the_scans_as_they_are(tmp_path):
    render(tmp_path / "a")
    render(tmp_path / "b", signal=0, prevalence=0.2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_files_lie_on_one_grid_in_ras(written):
    rows = written[written["case"] == "phantom-003"]
    for path in {*rows["image"], *rows["mask"]}:
        image = sitk.ReadImage(path)
        assert image.GetSize() == (36, 40, 24)
        assert image.GetSpacing() == pytest.approx((4.4, 4.4, 5.0))
        assert sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(image.GetDirection()) == "RAS"
        assert np.isfinite(sitk.GetArrayFromImage(image)).all()
    assert sitk.ReadImage(rows["image"].iloc[0]).GetOrigin()[2] == pytest.approx(-57.5)


def test_two_readers_outline_the_same_lesion_differently(written):
    overlap, larger = [], []
    for _, rows in written[written["sequence"] == "T1c"].groupby("case"):
        one, two = (array(path) for path in rows.sort_values("reader")["mask"])
        assert set(np.unique(one)) == set(np.unique(two)) == {0, 1}
        overlap.append(2 * (one & two).sum() / (one.sum() + two.sum()))
        larger.append(two.sum() > one.sum())
    assert min(overlap) > 0.7 and max(overlap) < 0.985
    assert 0.82 < np.median(overlap) < 0.95
    assert 0.6 < np.mean(larger) < 1.0


def test_reader_1s_volume_is_near_the_true_one(written):
    truth = phantom.draw(parameters(sequences=ALL)).truth.set_index("case")["volume_ml"]
    measured = written[written["reader"] == "reader1"].drop_duplicates("case").set_index("case")["mask"]
    volumes = measured.map(lambda path: array(path).sum() * 4.4 * 4.4 * 5 / 1000)
    assert (volumes / truth).between(0.75, 1.4).all()


def mean_signals(written, sequence):
    """Over all cases: mean in the mask, in a shell of 9 mm around it, and in the rest of the brain (signal of CBF)."""
    values = []
    for _, rows in written.groupby("case"):
        first = rows[rows["reader"] == "reader1"].set_index("sequence")
        image, brain = array(first.loc[sequence, "image"]).astype(float), array(first.loc["CBF", "image"]) > 0
        mask = sitk.ReadImage(first.loc[sequence, "mask"])
        near = sitk.GetArrayFromImage(sitk.BinaryDilate(mask, [2, 2, 2])) > 0
        inside = sitk.GetArrayFromImage(mask) > 0
        values.append([image[inside].mean(), image[near & ~inside & brain].mean(), image[~near & brain].mean()])
    return np.mean(values, axis=0)


def test_the_lesion_enhances_is_surrounded_by_edema_and_lies_in_the_irradiated_field(written):
    inside, around, elsewhere = mean_signals(written, "T1c")
    assert inside > 1.3 * elsewhere
    inside, around, elsewhere = mean_signals(written, "FLAIR")
    assert around > 1.2 * elsewhere
    inside, around, elsewhere = mean_signals(written, "DOSE")
    assert inside > 45 and elsewhere < 25
    inside, around, elsewhere = mean_signals(written, "ADC")
    assert 900 < inside < 1600 and 600 < elsewhere < 1300


def test_dose_and_target_are_rendered_where_they_are_named_and_change_nothing_else(tmp_path, written):
    rows = render(tmp_path, sequences=["T1c"], cohort={"dose": "DOSE", "target": "TARGET"}, patients=20)
    assert list(rows.columns) == ["case", "sequence", "reader", "image", "mask", "dose", "target"]
    one, other = rows.iloc[0], written[(written["case"] == rows["case"][0])].set_index(["sequence", "reader"])
    for sequence, path in (("DOSE", one["dose"]), ("T1c", one["image"])):
        assert Path(path).read_bytes() == Path(other.loc[(sequence, "reader1"), "image"]).read_bytes()
    for _, row in rows.drop_duplicates("case").iterrows():
        dose, target, lesion = (array(row[column]) for column in ("dose", "target", "mask"))
        assert set(np.unique(target)) == {0, 1} and target.dtype == np.uint8
        assert np.mean(dose[target > 0] >= 0.95 * 60) > 0.8 and dose[target == 0].mean() < 30
        assert target.sum() > lesion.sum() and np.mean(target[lesion > 0]) > 0.5


def test_what_is_more_visible_follows_the_latents_more_closely_with_the_same_chance(tmp_path):
    links = []
    for visibility in (1.0, 3.0):
        chosen = parameters(patients=60, visibility=visibility)
        subjects = images.subjects(phantom.draw(chosen))
        looks = [appearance(s, stream(7, s.case, "lesion"), visibility=visibility) for s in subjects]
        links.append(spearmanr([x.amplitude for x in looks], [s.heterogeneity for s in subjects]).statistic)
    assert links[0] < 0.92 < 0.95 < links[1]
    subject = subjects[0]
    rng = stream(7, subject.case, "lesion")
    chance = rng.standard_normal(2)[1]  # of the amplitude, the second of what is shown
    amplitude = 0.19 * np.exp(0.4 * (3 * 0.85 * subject.heterogeneity + np.sqrt(1 - 0.85**2) * chance))
    assert looks[0].amplitude == pytest.approx(amplitude)


def test_plainer_lesions_are_other_files(tmp_path):
    render(tmp_path, sequences=["T1c"])
    render(tmp_path, sequences=["T1c"], visibility=3)
    files = contents(tmp_path)
    assert len(files) == 2 * 20 * 3 and len({v for k, v in files.items() if "T1c" in k}) == 2 * 20


def test_air_is_dark_and_physical_maps_are_blank_outside_the_brain(written):
    for sequence in ALL:
        image = array(written[written["sequence"] == sequence]["image"].iloc[0])
        corner = image[:, :3, :3].mean()
        assert corner == 0 if sequence in ("ADC", "CBF", "DOSE") else corner < 0.12 * np.percentile(image, 99)


def test_scans_of_two_centers_differ_in_gain(written):
    centers = phantom.draw(parameters(sequences=ALL)).cases.set_index("case")["center"]
    rows = written[(written["sequence"] == "T1c") & (written["reader"] == "reader1")]
    level = rows.set_index("case")["image"].map(lambda path: np.percentile(array(path), 80))
    by_center = level.groupby(centers)
    assert by_center.mean().max() / by_center.mean().min() > 1.1
    assert (by_center.std() / by_center.mean()).max() < 0.2


def test_heterogeneity_can_be_measured_in_the_lesion_but_not_perfectly(tmp_path):
    chosen = parameters(patients=60, sequences=["T1c"])
    drawn = phantom.draw(chosen)
    rows = phantom.write_images(drawn, chosen, tmp_path, mapper=in_turn).query("reader == 'reader1'")
    measured = [skew(array(image)[array(mask) > 0]) for image, mask in zip(rows["image"], rows["mask"], strict=True)]
    link = spearmanr(measured, drawn.truth["heterogeneity"]).statistic
    assert 0.5 < link < 0.95


def test_a_case_that_could_not_be_rendered_stops_with_its_name(tmp_path):
    def failing(function, items):
        return (SimpleNamespace(item=item, value=None, error="its worker process died") for item in items)

    with pytest.raises(RadiogramError, match="phantom-001 could not be made: its worker process died"):
        render(tmp_path, mapper=failing)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sequences": ["T1c", "T1w"]}, "cohort.sequences names T1w.*T1, T1c, T2, FLAIR, ADC, CBF, DOSE"),
        ({"sequences": []}, "cohort.sequences is empty"),
        ({"shape": [8, 40, 36]}, r"phantom.shape is \[8, 40, 36\]"),
        ({"cohort": {"dose": "RTDOSE"}}, "cohort.dose is RTDOSE, which the phantom does not have: it has DOSE"),
        ({"cohort": {"target": "PTV"}}, "cohort.target is PTV, which the phantom does not have: it has TARGET"),
    ],
)
def test_what_cannot_be_rendered_is_said_in_a_sentence(tmp_path, options, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        render(tmp_path, **options)


def test_the_lesion_is_grown_to_its_volume():
    chosen = parameters()
    for subject in images.subjects(phantom.draw(chosen)):
        _, lesion = images.anatomy(subject, chosen)
        assert (lesion.inside > 0).sum() * 4.4 * 4.4 * 5 / 1000 == pytest.approx(subject.volume_ml, abs=0.2)


def test_a_larger_field_of_view_holds_the_same_head_in_more_air():
    shares = []
    for shape in (COARSE["shape"], [31, 55, 55]):
        chosen = parameters(shape=shape)
        subject = images.subjects(phantom.draw(chosen))[0]
        body, _ = images.anatomy(subject, chosen)
        shares.append(body.brain.sum() * 4.4 * 4.4 * 5 / 1000)
    assert 700 < shares[0] < 1500
    assert shares[1] == pytest.approx(shares[0], rel=0.15)


def test_a_smaller_field_of_view_holds_a_smaller_head_and_lesion():
    chosen = parameters(shape=[24, 40, 36], spacing=[2.5, 2.2, 2.2])
    subjects = images.subjects(phantom.draw(chosen))
    assert max(subject.volume_ml for subject in subjects) <= 50 / 8
    body, lesion = images.anatomy(subjects[0], chosen)
    assert body.scale == pytest.approx(0.5, abs=0.01)
    assert (lesion.inside > 0).sum() > 70


def test_a_full_disk_is_said_and_leaves_no_half_file(tmp_path, monkeypatch):
    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RadiogramError, match="disk is full"):
        render(tmp_path)
    assert not contents(tmp_path)
