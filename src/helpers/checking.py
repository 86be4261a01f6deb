"""`radiogram check`: everything that can be said about a study before it runs; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from helpers import prose, run
from helpers import study as studies
from helpers.cohort import clinical, enroll, inputs, labels, reading
from helpers.study import Study


def check(study_name: str, *, overrides: tuple[str, ...] = ()) -> Iterator[str]:
    """One line a finding. Raises RadiogramError for what would stop the run."""
    study = studies.load(study_name, overrides=overrides)
    yield f"Study {study.name}: {study.parameters.title}"
    yield f"Enters at {study.entry}; runs {prose.listing(study.parameters.notebooks)}"
    yield from _contest(study)
    yield from _networks(study)
    enrolled = enroll.enroll(study)
    yield from _centers(study, enrolled)
    yield from _cohort(study, enrolled)
    if enrolled.images is not None:
        yield from _images(study, enrolled)
    if study.parameters.cohort.readings:
        yield from _readings(study, enrolled)
    yield "Nothing was written."


def _contest(study: Study) -> Iterator[str]:
    """How many contenders there would be. Raises RadiogramError for names that clash."""
    if "05_contest" not in study.parameters.notebooks:
        return
    from helpers.learning.contest import running

    running.require_names(study.parameters)
    settings, folds = study.parameters.contest, study.parameters.modeling.folds
    yield (
        f"Contest: {prose.count(len(settings.inputs), 'input')} by {prose.count(len(settings.classifiers), 'classifier')}, each tuned "
        f"in {prose.count(settings.folds, 'inner fold')} of {prose.count(folds, 'outer fold')} and of all training patients"
    )


def _networks(study: Study) -> Iterator[str]:
    """What would be trained, and how often."""
    if "06_networks" not in study.parameters.notebooks:
        return
    inputs.require_weights(study)
    settings, folds = study.parameters.networks, study.parameters.modeling.folds
    each = f"{prose.count(folds, 'fold')} and {prose.count(settings.seeds, 'seed')}"
    count = len(settings.models) * folds * settings.seeds
    yield f"Networks: {prose.listing([network.name for network in settings.models])}"
    yield f"Each is trained for {each}: {prose.count(count, 'training')} of at most {prose.count(settings.epochs, 'epoch')}"


def _centers(study: Study, enrolled: enroll.Enrolled) -> Iterator[str]:
    """What would be harmonized."""
    from helpers.learning import centers

    centers.require(enrolled.cases, study.parameters)
    settings = study.parameters.harmonization
    if settings.method != "none":
        yield f"Features are harmonized by ComBat ({settings.prior}); features of a center not in training: {settings.unseen}"


def _cohort(study: Study, enrolled: enroll.Enrolled) -> Iterator[str]:
    cases, cohort = enrolled.cases, study.parameters.cohort
    for note in enrolled.repairs["note"]:
        yield f"Read differently: {note}"
    yield f"{prose.count(enrolled.screened, 'patient')} in the sheet, {len(cases)} enrolled from {cases['center'].nunique()} center(s)"
    for endpoint in cohort.endpoints:
        for part, rows in labels.known(cases, endpoint.name).groupby("part"):
            yield f"{part}: {prose.percent(int(rows[endpoint.name].sum()), len(rows))} with {endpoint.positive}"
    for told in labels.open_labels(cases, cohort.endpoints):
        yield f"Labels: {told}; these patients count for the other endpoint"
    for row in clinical.missing(cases, cohort.clinical).itertuples():
        yield f"{row.variable} is missing in {prose.percent(row.missing, row.cases)}: imputed within the training patients"
    yield from _excluded(enrolled.exclusions)


def _readings(study: Study, enrolled: enroll.Enrolled) -> Iterator[str]:
    from helpers.evaluation.crossed import crossed

    path, settings = study.parameters.cohort.readings, study.parameters.readers
    given = reading.table(reading.sheet(path).frame, settings, where=path.name)
    given = given[~given["case"].isin(enrolled.exclusions["case"])]
    endpoint = study.parameters.cohort.endpoints[0].name
    given = reading.of_known(given, enrolled.cases, endpoint)
    read = crossed(given, enrolled.cases, endpoint=endpoint, conditions=settings.conditions)
    calls = "with calls" if read.call is not None else "without calls: readers.call_at can set them"
    yield (
        f"Readings: {prose.count(len(read.cases), 'case')} by {prose.count(len(read.readers), 'reader')} in "
        f"{prose.listing(read.conditions)}, {calls}"
    )


def _images(study: Study, enrolled: enroll.Enrolled) -> Iterator[str]:
    from helpers.imaging import inspection

    mapper = run.mapper(study, label="scans checked")
    exclusions, geometry, intensities = inspection.inspect(study, enrolled.images, mapper=mapper)
    for row in geometry[geometry["note"] != ""].itertuples():
        yield f"Case {row.case}, {row.sequence}, {row.reader}: {row.note}"
    yield from _excluded(exclusions)
    enroll.check_exclusions(pd.concat([enrolled.exclusions, exclusions]), enrolled.screened, study.parameters)
    yield from _gray_levels(study, geometry, intensities)
    readers = enrolled.images.groupby("reader")["case"].nunique()
    yield f"Masks: {prose.listing([f'{n} of {reader}' for reader, n in readers.items()])}"


def _gray_levels(study: Study, geometry: pd.DataFrame, intensities: pd.DataFrame) -> Iterator[str]:
    """By sequence: range, gray levels, voxel size, and the bin width that suits: what texture rests on."""
    from helpers.evaluation import quality_printed

    for row in quality_printed.intensities(intensities, study.parameters).itertuples(index=False):
        name, spread, levels, _, _, width, warning = row
        sizes = geometry.loc[geometry["sequence"] == name.split(",")[0], "spacing"].value_counts()
        others = f" and {prose.count(len(sizes) - 1, 'other size')}" if len(sizes) > 1 else ""
        advice = "" if warning == "none" else f"; {warning}"
        yield (
            f"{name}: lesions at {spread}, {levels} gray levels, voxels of {sizes.index[0]} mm{others}; "
            f"a bin width near {width} gives {quality_printed.LEVELS} levels{advice}"
        )


def _excluded(exclusions: pd.DataFrame) -> Iterator[str]:
    for row in exclusions.itertuples():
        yield f"Would be excluded: {row.case}: {row.reason}"
    if exclusions.empty:
        yield "No exclusions."
