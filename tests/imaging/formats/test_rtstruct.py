"""Contours become the voxels whose centers they enclose, or are refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from pydicom import dcmread
from scipy import ndimage
from skimage.measure import find_contours

from helpers.errors import CaseError
from helpers.imaging import read
from helpers.imaging.formats import polygon

SHAPE = (7, 24, 20)


def at(image: sitk.Image, points, *, z=None) -> np.ndarray:
    """Points in continuous indices (x, y) of slice z, or (x, y, z), as millimeters."""
    points = np.asarray(points, float)
    if z is not None:
        points = np.column_stack([points, np.full(len(points), float(z))])
    return np.array([image.TransformContinuousIndexToPhysicalPoint(p.tolist()) for p in points])


def outlines(mask: np.ndarray, image: sitk.Image) -> list[np.ndarray]:
    """Contours (x, y) of a mask slice by slice, halfway between voxels."""
    drawn = []
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        padded = np.pad(mask[z].astype(float), 1)
        drawn += [at(image, c[:-1, ::-1] - 1, z=z) for c in find_contours(padded, 0.5)]
    return drawn


def square(low: float, high: float) -> list[tuple[float, float]]:
    return [(low, low), (high, low), (high, high), (low, high)]


def voxels(lesion: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(lesion).astype(bool)


@pytest.fixture
def scanned(tmp_path, dicom):
    """An oblique series: its folder, its files in order, and the image as read."""
    folder = tmp_path / "scan"
    volume = dicom.image(dicom.counts(SHAPE), direction=dicom.oblique(), spacing=(0.9, 1.3, 3.0))
    files = dicom.series(folder, volume)
    return folder, files, read.image(folder)


@pytest.fixture
def drawn(tmp_path, scanned, dicom):
    """drawn(contours) -> the mask and note that a structure GTV of them gives."""
    folder, _, image = scanned

    def _drawn(contours, **options):
        path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": contours}, **options)
        lesion, note = read.mask_on(path, image, folder, label=1)
        return voxels(lesion), note

    return _drawn


def test_the_contours_of_a_mask_give_the_mask_back(scanned, drawn):
    image = scanned[2]
    lesion = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal(SHAPE), 1.5) > 0.03
    found, note = drawn(outlines(lesion, image))
    assert np.array_equal(found, lesion)
    assert note == ""


def test_a_hole_is_a_contour_within_a_contour_and_an_island_another(scanned, drawn):
    contours = [at(scanned[2], square(*edges), z=3) for edges in ((1.5, 16.5), (4.5, 13.5), (7.5, 10.5))]
    expected = np.zeros(SHAPE, bool)
    expected[3, 2:17, 2:17] = True
    expected[3, 5:14, 5:14] = False
    expected[3, 8:11, 8:11] = True
    assert np.array_equal(drawn(contours)[0], expected)


def test_a_keyhole_closes(scanned, drawn):
    outer, inner = square(1.5, 16.5), square(4.5, 13.5)
    keyhole = [*outer, outer[0], *inner[::-1][3:], *inner[::-1][:3], inner[0], outer[0]]
    both = drawn([at(scanned[2], outer, z=2), at(scanned[2], inner, z=2)])[0]
    assert np.array_equal(drawn([at(scanned[2], keyhole, z=2)])[0], both)


def test_several_contours_of_a_slice_are_taken_together(scanned, drawn):
    found, _ = drawn([at(scanned[2], square(1.5, 4.5), z=1), at(scanned[2], square(8.5, 10.5), z=1)])
    assert found.sum() == 9 + 4


def test_a_contour_that_stands_twice_does_not_cancel_itself(scanned, drawn):
    found, note = drawn([at(scanned[2], square(1.5, 4.5), z=1)] * 2)
    assert found.sum() == 9
    assert note == "1 contours of GTV stand twice and were taken once"


def test_a_contour_beside_its_slice_is_taken_for_the_nearest(scanned, drawn):
    found, note = drawn([at(scanned[2], square(1.5, 4.5), z=z) for z in (1.3, 2.3, 3.3)])
    assert np.array_equal(np.flatnonzero(found.any(axis=(1, 2))), [1, 2, 3])
    assert note == "contours lie up to 0.3 slices beside the slices they were taken for"


def test_of_denser_contours_the_nearest_plane_counts(scanned, drawn):
    image = scanned[2]
    contours = [at(image, square(1.5, 3.5 + 2 * n), z=2 + n / 4) for n in range(5)]
    found, _ = drawn(contours)
    assert found[2].sum() == 4 and found[3].sum() == 100


def test_contours_sparser_than_the_slices_are_refused(scanned, drawn):
    with pytest.raises(CaseError, match=r"structure GTV of .*rs\.dcm is drawn every 2 slices of the image"):
        drawn([at(scanned[2], square(1.5, 4.5), z=z) for z in (0, 2, 4, 6)])


def test_skipped_slices_are_noted(scanned, drawn):
    assert drawn([at(scanned[2], square(1.5, 4.5), z=z) for z in (0, 1, 4)])[1] == "contours skip slices in 1 place"


@pytest.mark.parametrize("axis", [0, 1])
def test_contours_drawn_on_other_planes_of_the_grid_are_filled_there(scanned, drawn, axis):
    lesion = np.zeros(SHAPE, bool)
    lesion[1:5, 4:12, 4:12] = True
    contours = []
    for index in range(4, 12):
        flat = [(3.5, 0.5), (11.5, 0.5), (11.5, 4.5), (3.5, 4.5)]
        points = [(index, u, v) if axis == 0 else (u, index, v) for u, v in flat]
        contours.append(at(scanned[2], points))
    assert np.array_equal(drawn(contours)[0], lesion)


def test_oblique_contours_are_refused(scanned, drawn):
    points = [(2, 2, 1), (10, 2, 3), (10, 10, 5), (2, 10, 3)]
    with pytest.raises(CaseError, match="planes oblique to the image's slices"):
        drawn([at(scanned[2], points)])


def test_points_and_lines_are_passed_over(tmp_path, scanned, drawn, dicom):
    image, one = scanned[2], [1.0, 2.0, 3.0]
    with pytest.raises(CaseError, match="GTV of .* holds points or lines only"):
        drawn([at(image, square(1.5, 4.5), z=1)], kind="POINT")
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": [at(image, square(1.5, 4.5), z=1)]})
    content = dcmread(path)
    content.ROIContourSequence[0].ContourSequence.extend(
        dicom.items({"ContourGeometricType": "POINT", "NumberOfContourPoints": 1, "ContourData": one})
    )
    content.save_as(path)
    found, note = read.mask_on(path, image, scanned[0], label=1)
    assert voxels(found).sum() == 9
    assert note == "1 parts of GTV that are no closed contours were passed over"


@pytest.mark.parametrize("missing", [None, []])
def test_an_empty_structure_is_refused(tmp_path, scanned, dicom, missing):
    contours = [at(scanned[2], square(1.5, 4.5), z=1)]
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"FU_1_CE": missing, "GTV": contours})
    with pytest.raises(CaseError, match=r"structure FU_1_CE of .*rs\.dcm is listed but has no contours"):
        read.mask_on(f"{path}#FU_1_CE", scanned[2], scanned[0], label=1)


def test_a_structure_is_chosen_by_name_or_the_names_are_listed(tmp_path, scanned, dicom):
    folder, _, image = scanned
    sizes = {"GTV_FLAIR": 3, "PTV": 5, "Brain-PTV": 7, "CTV_20 mm": 9}
    path = dicom.rtstruct(tmp_path / "rs.dcm", {n: [at(image, square(0.5, 0.5 + s), z=1)] for n, s in sizes.items()})
    for selector, size in (("GTV_FLAIR", 9), ("ptv", 25), ("gtv*", 9), ("ctv_20 mm", 81), ("GTV_FLAIR,PTV", 25)):
        assert voxels(read.mask_on(f"{path}#{selector}", image, folder, label=1)[0]).sum() == size
    named = r"Its structures are GTV_FLAIR, PTV, Brain-PTV, CTV_20 mm\."
    with pytest.raises(CaseError, match=rf"holds no structure GTV: choose one by its name\. {named}"):
        read.mask_on(f"{path}#GTV", image, folder, label=1)
    with pytest.raises(CaseError, match=rf"several structures \*PTV \(PTV, Brain-PTV\).*{named}"):
        read.mask_on(f"{path}#*PTV", image, folder, label=1)
    with pytest.raises(CaseError, match=rf"holds 4 structures: choose one as in .*rs\.dcm#GTV_FLAIR\. {named}"):
        read.mask_on(path, image, folder, label=1)


def test_the_structure_of_another_series_is_refused(tmp_path, scanned, dicom):
    folder, _, image = scanned
    contours = {"GTV": [at(image, square(1.5, 4.5), z=1)]}
    path = dicom.rtstruct(tmp_path / "rs.dcm", contours, series=f"{dicom.SERIES}7")
    said = (
        r"structure GTV of .* does not reference the image's series \.\.\.11111111, but \.\.\.11111117: name the image"
    )
    with pytest.raises(CaseError, match=said):
        read.mask_on(path, image, folder, label=1)
    found, note = read.mask_on(path, image, folder, label=1, reference="frame")
    assert voxels(found).sum() == 9 and note == "drawn on another series in the same frame of reference"


def test_a_structure_that_names_the_image_files_belongs_to_it(tmp_path, scanned, dicom):
    folder, files, image = scanned
    uids = [dcmread(f).SOPInstanceUID for f in files]
    contours = {"GTV": [at(image, square(1.5, 4.5), z=1)]}
    path = dicom.rtstruct(tmp_path / "rs.dcm", contours, series=None, files=uids)
    assert read.mask_on(path, image, folder, label=1)[1] == ""


def test_a_structure_in_another_frame_of_reference_is_refused(tmp_path, scanned, dicom):
    folder, _, image = scanned
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": [at(image, square(1, 5), z=1)]}, frame=f"{dicom.FRAME}.9")
    for rule in ("series", "frame"):
        with pytest.raises(CaseError, match=r"GTV of .* lies in another frame of reference than the image"):
            read.mask_on(path, image, folder, label=1, reference=rule)


def test_a_structure_outside_the_image_is_refused(scanned, drawn):
    with pytest.raises(CaseError, match="lies outside the image in 1 of 2 contours"):
        drawn([at(scanned[2], square(1.5, 4.5), z=z) for z in (6, 7)])


def test_a_structure_between_voxels_is_refused(scanned, drawn):
    with pytest.raises(CaseError, match="encloses no voxel's center"):
        drawn([at(scanned[2], square(1.2, 1.8), z=1)])


def test_contours_need_an_image(tmp_path, dicom):
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": None})
    with pytest.raises(CaseError, match="set of contours, which need the image they were drawn on"):
        read.mask(path, label=1)
    with pytest.raises(CaseError, match=r"rs\.dcm is a set of structures: name the image"):
        read.image(path)


def test_of_several_files_in_a_folder_the_one_drawn_on_the_image_is_taken(tmp_path, scanned, dicom):
    folder, _, image = scanned
    for n, series in enumerate((f"{dicom.SERIES}7", dicom.SERIES)):
        contours = {"GTV": [at(image, square(0.5, 2.5 + n), z=1)]}
        dicom.rtstruct(tmp_path / "plan" / f"rs{n}.dcm", contours, series=series)
    found, _ = read.mask_on(f"{tmp_path / 'plan'}#GTV", image, folder, label=1)
    assert voxels(found).sum() == 9
    source = read.source(f"{tmp_path / 'plan'}#gtv", what="mask", image=folder)
    assert (source.format, source.structure, source.files[0].name) == ("DICOM RTSTRUCT", "GTV", "rs1.dcm")
    with pytest.raises(CaseError, match=r"holds 2 segmentations \(rs0\.dcm, rs1\.dcm\): name one of the files"):
        read.mask(tmp_path / "plan", label=1)


def test_an_image_without_identifiers_is_noted(tmp_path, scanned, dicom):
    _, _, image = scanned
    sitk.WriteImage(image, str(tmp_path / "scan.nii.gz"))
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": [at(image, square(1.5, 4.5), z=1)]})
    converted = read.image(tmp_path / "scan.nii.gz")
    found, note = read.mask_on(path, converted, tmp_path / "scan.nii.gz", label=1)
    assert voxels(found).sum() == 9 and "no DICOM identifiers" in note


def test_a_tilted_series_carries_its_contours(tmp_path, dicom):
    drift = 3.0 * np.tan(np.radians(20))
    volume = dicom.image(dicom.counts(SHAPE), spacing=(1, 1, 3), origin=(0, 0, 0))
    dicom.series(tmp_path / "ct", volume, each=lambda c, k: setattr(c, "ImagePositionPatient", [0, k * drift, 3 * k]))
    image = read.image(tmp_path / "ct")
    contours = [np.array([[x, y + k * drift, 3 * k] for x, y in square(3.5, 9.5)]) for k in range(7)]
    path = dicom.rtstruct(tmp_path / "rs.dcm", {"GTV": contours})
    found = voxels(read.mask_on(path, image, tmp_path / "ct", label=1)[0])
    assert found.sum() == 7 * 36


def test_a_circle_is_right_within_one_voxel_of_its_contour():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    center, radius = np.array([40.3, 38.7]), 25.2
    inside = polygon.fill([center + radius * np.column_stack([np.cos(angles), np.sin(angles)])], (80, 82))
    y, x = np.indices(inside.shape)
    distance = np.hypot(x - center[0], y - center[1])
    assert inside[distance < radius - 1].all() and not inside[distance > radius + 1].any()
    assert inside.sum() == pytest.approx(np.pi * radius**2, rel=5e-3)


@st.composite
def stars(draw):
    """Star-shaped polygons whose corners lie on no row or column of pixel centers."""
    count = draw(st.integers(3, 12))
    radii = np.array(draw(st.lists(st.floats(2, 18), min_size=count, max_size=count)))
    angles = np.sort(np.array(draw(st.lists(st.floats(0, 6.28), min_size=count, max_size=count, unique=True))))
    return np.array([19.513, 20.487]) + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


@settings(max_examples=60, deadline=None)
@given(stars())
def test_filling_agrees_with_matplotlib_and_with_the_area_of_the_polygon(corners):
    inside = polygon.fill([corners], (42, 40))
    y, x = np.indices(inside.shape)
    centers = np.column_stack([x.ravel(), y.ravel()])
    edges = np.roll(corners, -1, axis=0) - corners
    share = ((centers[:, None] - corners) * edges).sum(-1) / np.maximum((edges**2).sum(-1), 1e-300)
    feet = corners + np.clip(share, 0, 1)[..., None] * edges
    clear = np.linalg.norm(centers[:, None] - feet, axis=-1).min(axis=1) > 1e-4
    assert np.array_equal(inside.ravel()[clear], Outline(corners).contains_points(centers)[clear])
    area = _area(corners)
    assert abs(inside.sum() - area) <= np.linalg.norm(edges, axis=1).sum() + 1


def _area(corners: np.ndarray) -> float:
    """Of a polygon, by the shoelace formula."""
    x, y = corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(3, 30), min_size=1, max_size=5, unique=True))
def test_contours_that_share_an_edge_share_no_pixel(cuts):
    bounds = sorted({0.5, 34.5, *cuts})
    parts = [
        polygon.fill([np.array([(a, 0.5), (b, 0.5), (b, 20.5), (a, 20.5)])], (24, 40))
        for a, b in zip(bounds, bounds[1:], strict=False)
    ]
    assert np.sum(parts, axis=0).max() == 1 and np.sum(parts) == 34 * 20
