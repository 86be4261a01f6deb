"""From a case's images and masks to its features, each measured once and kept by content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from helpers import tables
from helpers.errors import CaseError, RadiogramError
from helpers.imaging import deep, labels, plan, sequence
from helpers.imaging.feature_rows import FeatureRows
from helpers.imaging.radiomics import choice, measure
from helpers.parameters import Parameters
from helpers.prose import listing
from helpers.study import Study

MAIN = "reader1"
COPIES = 3  # of the feature table that pandas and parquet hold at once


@dataclass(frozen=True)
class ImageRow:
    """One row of the table `images`; `perturbation` > 0 is that perturbed copy of the mask, `brain` its brain mask or "".

    `control` says which voxels of the scan are shuffled before it is measured: inside or outside the mask, or "".
    """

    case: str
    sequence: str
    reader: str
    image: str
    mask: str
    perturbation: int = 0
    brain: str = ""
    control: str = ""


@dataclass(frozen=True)
class CaseResult:
    """What became of one case: (reader, features) pairs, rows of the table `geometry`, and notes."""

    case: str
    features: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    geometry: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def case_features(
    rows: list[ImageRow], *, parameters: Parameters, store: Path, controls: Iterable[str] = ()
) -> CaseResult:
    """Features of one case for every reader who outlined every sequence; taken from the store where it has them.

    `controls` are measured in the mask of reader1, and stand among the readers under their names.
    A bad mask of reader1, or a bad image, raises CaseError with the reason; a bad mask of another reader
    leaves that reader out of the case, with a note.
    """
    case = rows[0].case
    rows = [*rows, *_perturbed(rows, parameters), *_controlled(rows, controls)]
    wanted = parameters.cohort.sequences or tuple(dict.fromkeys(row.sequence for row in rows))
    scans = scan_files(rows)
    measured: dict[tuple[str, str], sequence.Measurement] = {}
    failed: dict[str, str] = {}
    for name in wanted:
        of_sequence = [row for row in rows if row.sequence == name]
        if not any(row.reader == MAIN for row in of_sequence):
            remedy = "complete its row, or leave the case out"
            raise CaseError(f"Case {case} has no {name} image with a mask of {MAIN}: {remedy}.")
        results = sequence.measure_all(of_sequence, parameters=parameters, store=store, scans=scans)
        for row, result in zip(of_sequence, results, strict=True):
            if isinstance(result, sequence.Measurement):
                measured[row.reader, name] = result
            elif row.reader == MAIN:
                raise CaseError(_sentence(row, result)) from result
            else:
                failed.setdefault(row.reader, _sentence(row, result))
    return _collect(case, rows, wanted, measured, failed)


def features(
    study: Study, images: pd.DataFrame, *, mapper: Callable[[Callable, Iterable], Iterator]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The tables features, geometry and exclusions of all cases in `images`, ordered by case and reader.

    `mapper(function, items)` yields outcomes with .item, .value and .error in the order of the items. Columns
    follow the sequences of the study; within one, radiomics come before deep features.
    Raises RadiogramError before the first case for parameters that contradict each other, for weights that
    cannot be had, and for a table that memory cannot hold.
    """
    parameters = study.parameters
    preflight(parameters, cases=images["case"].nunique(), readers=_reader_count(images, parameters))
    items = [_rows(frame) for _, frame in images.sort_values("case", kind="stable").groupby("case", sort=True)]
    found, geometry, excluded = FeatureRows(), [], []
    for outcome in mapper(partial(case_features, parameters=parameters, store=study.store), items):
        if outcome.error is not None:
            excluded.append({"case": outcome.item[0].case, "stage": "extraction", "reason": outcome.error})
            continue
        geometry.extend(outcome.value.geometry)
        for reader, values in outcome.value.features:
            found.add(outcome.value.case, reader, values)
    return found.frame(), _table("geometry", geometry), _table("exclusions", excluded)


def feature_count(parameters: Parameters) -> int:
    """Columns of the feature table for the sequences of a study."""
    sequences = parameters.cohort.sequences
    count = sum(len(_radiomics_names(name, parameters)) for name in sequences)
    if parameters.deep.enabled:
        count += len(sequences) * deep.feature_count(
            parameters.deep.backbone, parameters.deep.pooling, parameters.deep.layer
        )
    return count


def _radiomics_names(sequence: str, parameters: Parameters) -> list[str]:
    settings = choice.of_sequence(sequence, parameters)
    return measure.names(settings, physical=choice.physical(sequence, parameters))


def preflight(parameters: Parameters, *, cases: int, readers: int) -> None:
    """Refuse, before the first case, what cannot work. Raises RadiogramError."""
    choice.check(parameters)
    plan.preflight(parameters)
    labels.preflight(parameters.imaging.mask_label, parameters.cohort.sequences)
    _check_bins(parameters)
    if parameters.deep.enabled:
        deep.weights_record(parameters.deep)
    rows, columns = cases * readers, feature_count(parameters)
    needed, free = rows * columns * 8 * COPIES, psutil.virtual_memory().available
    if needed > free:
        raise RadiogramError(
            f"{columns:,} features of {rows:,} masks need about {needed / 1e9:,.1f} GB of memory, and "
            f"{free / 1e9:,.1f} GB are free: shorten radiomics.image_types, radiomics.log_sigma or "
            "radiomics.classes, or set deep.enabled=false."
        )


def _check_bins(parameters: Parameters) -> None:
    """The study's own bins count where a sequence has no settings file."""
    radiomics = parameters.radiomics
    own = [name for name in parameters.cohort.sequences if choice.file_of(name, parameters) is None]
    if (own or not radiomics.settings) and (radiomics.bin_count is None) == (radiomics.bin_width is None):
        raise RadiogramError(
            "Give either radiomics.bin_count or radiomics.bin_width, and null for the other: "
            "add --set radiomics.bin_count=null to use the width."
        )
    counts = {"radiomics.bin_count": radiomics.bin_count}
    for name in parameters.cohort.sequences:
        path = choice.file_of(name, parameters)
        if path is not None:
            counts[f"{path.name}: binCount"] = choice.of_sequence(name, parameters).bin_count
    for where, count in counts.items():
        if count and count > radiomics.maximum_levels:
            raise RadiogramError(
                f"{where} {count:,} is more than radiomics.maximum_levels ({radiomics.maximum_levels}): "
                "16 to 64 are usual."
            )


def image_rows(frame: pd.DataFrame) -> list[ImageRow]:
    """Rows of the table `images`, in its order; its column `brain_mask` need not be there."""
    columns = ["case", "sequence", "reader", "image", "mask"]
    named = frame.assign(brain=frame.get("brain_mask", ""))[[*columns, "brain"]].fillna("")
    return [ImageRow(*map(str, row[:5]), brain=str(row[5])) for row in named.itertuples(index=False)]


def scan_files(rows: Iterable[ImageRow]) -> dict[str, str]:
    """The image file of each sequence of one case; that of reader1 where readers were given different ones."""
    found: dict[str, str] = {}
    for row in rows:
        if row.reader == MAIN or row.sequence not in found:
            found[row.sequence] = row.image
    return found


def _rows(frame: pd.DataFrame) -> list[ImageRow]:
    """One case's rows, readers in order within the order of the table."""
    return image_rows(frame.sort_values("reader", kind="stable"))


def _reader_count(images: pd.DataFrame, parameters: Parameters) -> int:
    perturbed = parameters.imaging.perturbations if parameters.selection.reproducibility == "perturbation" else 0
    return images["reader"].nunique() + perturbed


def _perturbed(rows: list[ImageRow], parameters: Parameters) -> list[ImageRow]:
    if parameters.selection.reproducibility != "perturbation":
        return []
    main = [row for row in rows if row.reader == MAIN]
    return [
        replace(row, reader=f"perturbed{k}", perturbation=k)
        for k in range(1, parameters.imaging.perturbations + 1)
        for row in main
    ]


def _controlled(rows: list[ImageRow], controls: Iterable[str]) -> list[ImageRow]:
    main = [row for row in rows if row.reader == MAIN]
    return [replace(row, reader=control, control=control) for control in controls for row in main]


def _collect(
    case: str,
    rows: list[ImageRow],
    wanted: tuple[str, ...],
    measured: dict[tuple[str, str], sequence.Measurement],
    failed: dict[str, str],
) -> CaseResult:
    """Readers who measured every sequence; what happened to the others is noted with reader1."""
    result = CaseResult(case)
    for reader in dict.fromkeys(row.reader for row in rows):
        lacking = [name for name in wanted if (reader, name) not in measured]
        if lacking:
            reason = failed.get(reader, f"it has no mask of {listing(lacking)}.")
            result.notes.append(f"{reader} left out: {reason}")
            continue
        found = {f"{name}_{key}": value for name in wanted for key, value in measured[reader, name].features.items()}
        result.features.append((reader, found))
        result.geometry.extend(
            {"case": case, "sequence": name, "reader": reader, **measured[reader, name].geometry} for name in wanted
        )
    _annotate(result)
    return result


def _annotate(result: CaseResult) -> None:
    """What was left out stands with reader1's first sequence; what was repaired is also the case's note."""
    repaired = [f"{row['sequence']}, {row['reader']}: {row['note']}" for row in result.geometry if row["note"]]
    first = result.geometry[0]
    first["note"] = "; ".join(note for note in (first["note"], *result.notes) if note)
    result.notes.extend(repaired)


def _sentence(row: ImageRow, error: CaseError) -> str:
    return f"Case {row.case}, {row.sequence}, {row.reader}: {error}"


def _table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_records(rows) if rows else tables.empty(name)
