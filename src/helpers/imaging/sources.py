"""Which file, series and structure every image and mask of a study was read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from helpers import tables
from helpers.imaging import extract, read
from helpers.imaging.extract import ImageRow


def table(
    images: pd.DataFrame, *, mapper: Callable[[Callable, Iterable], Iterator], cases: Iterable[str] | None = None
) -> pd.DataFrame:
    """The table `sources`: each image once a sequence (without a reader), each mask once a reader.

    `cases` are those that were measured, None for all; `mapper` as for extract.features. A file that cannot be read
    has its case excluded by extraction, with the reason, and is left out here.
    """
    kept = images if cases is None else images[images["case"].isin(set(cases))]
    items = [extract.image_rows(frame) for _, frame in kept.groupby("case", sort=True)]
    found = [row for outcome in mapper(of_case, items) if outcome.error is None for row in outcome.value]
    return pd.DataFrame.from_records(found) if found else tables.empty("sources")


def of_case(rows: list[ImageRow]) -> list[dict[str, Any]]:
    """What the images and masks of one case are. Raises CaseError where a path means nothing, or more than one thing."""
    found = {}
    for row in rows:
        found.setdefault((row.sequence, "", "image"), read.source(row.image))
        if row.mask:
            found[row.sequence, row.reader, "mask"] = read.source(row.mask, what="mask", image=row.image)
    return [
        {
            "case": rows[0].case,
            "sequence": sequence,
            "reader": reader,
            "kind": kind,
            "format": source.format,
            "series_uid": source.series_uid,
            "structure": source.structure,
            "sha256": source.sha256,
        }
        for (sequence, reader, kind), source in found.items()
    ]
