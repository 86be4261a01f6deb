"""The built-in audit: in each run some cases are measured again by PyRadiomics, and compared feature by feature."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from helpers import prose, tables
from helpers.errors import CaseError
from helpers.imaging import extract, sequence
from helpers.imaging.extract import ImageRow
from helpers.imaging.radiomics import parity
from helpers.parameters import Parameters
from helpers.study import Study


def chosen(cases: Iterable[str], *, seed: int, fraction: float) -> list[str]:
    """The cases to audit: that share of them, at least one, the same for the same seed; none for a share of 0."""
    ordered = sorted(set(cases), key=lambda case: hashlib.sha256(f"{seed} {case}".encode()).digest())
    count = max(1, round(fraction * len(ordered))) if fraction else 0
    return sorted(ordered[:count])


def table(study: Study, images: pd.DataFrame, features: pd.DataFrame, *, mapper: Callable) -> pd.DataFrame:
    """The table `audit`: chosen cases of `features`, every sequence, in the outlines of reader1.

    What PyRadiomics computed is kept in the store, so a second run computes nothing; `mapper` as for
    extract.features. Without radiomics, and with PyRadiomics as the engine, there is nothing to audit.
    """
    parameters = study.parameters
    if not audited(parameters) or features.empty:
        return tables.empty("audit")
    cases = chosen(features["case"], seed=parameters.seed, fraction=parameters.radiomics.audit_fraction)
    sequences = parameters.cohort.sequences or tuple(images["sequence"].unique())
    main = images[(images["reader"] == extract.MAIN) & images["case"].isin(cases)]
    rows = [row for row in extract.image_rows(main) if row.sequence in sequences]
    rows.sort(key=lambda row: (row.case, sequences.index(row.sequence)))
    scans = {case: extract.scan_files(extract.image_rows(own)) for case, own in images.groupby("case")}
    function = partial(_compared, parameters=parameters, store=study.store)
    found = [
        outcome.value if outcome.error is None else _failed(outcome.item[0], outcome.error)
        for outcome in mapper(function, [(row, scans[row.case]) for row in rows])
    ]
    return pd.DataFrame.from_records(found) if found else tables.empty("audit")


def audited(parameters: Parameters) -> bool:
    """Whether a study's features are audited at all."""
    radiomics = parameters.radiomics
    return radiomics.enabled and radiomics.engine == "fast" and radiomics.audit_fraction > 0


def numbers(audit: pd.DataFrame, parameters: Parameters) -> dict[str, str]:
    """What prose says of the audit: cases, masks, features, the worst difference and its feature, and a sentence."""
    if not audited(parameters) or audit.empty:
        return {"sentence": _unaudited(parameters)}
    done = audit[audit["note"] == ""]
    worst = done.loc[done["worst_relative_difference"].idxmax()] if len(done) else None
    found = {
        "cases": prose.count(audit["case"].nunique(), "case"),
        "masks": prose.count(len(audit), "mask"),
        "features": f"{int(audit['features'].sum()):,}",
        "beyond": f"{int(audit['beyond'].sum()):,}",
        "worst": f"{worst['worst_relative_difference']:.1g}" if worst is not None else "",
        "worst_feature": f"{worst['sequence']}_{worst['worst_feature']}" if worst is not None else "",
    }
    return {**found, "sentence": _sentence(found, remarks(audit))}


def remarks(audit: pd.DataFrame) -> list[str]:
    """What is not well, in counts: the page names no case, the table `audit` does. Empty when all is well."""
    found, unequal, unmeasured = [], int((audit["beyond"] > 0).sum()), int((audit["note"] != "").sum())
    if unequal:
        found.append(
            f"{prose.count(int(audit['beyond'].sum()), 'feature')} of {prose.count(unequal, 'mask')} lay more than "
            f"{parity.TOLERANCE:g} (relative) from PyRadiomics' value: set radiomics.engine=pyradiomics, and report "
            "it. The table audit names the cases."
        )
    if unmeasured:
        found.append(f"{prose.count(unmeasured, 'mask')} could not be audited; the table audit says why.")
    return found


def _unaudited(parameters: Parameters) -> str:
    if not parameters.radiomics.enabled:
        return ""
    if parameters.radiomics.engine == "pyradiomics":
        return "Features were computed by PyRadiomics itself."
    return "No case was recomputed with PyRadiomics."


def _sentence(found: dict[str, str], bad: Sequence[str]) -> str:
    said = (
        f"In {found['cases']} ({found['masks']}, {found['features']} features) PyRadiomics computed the features again; "
        f"the largest relative difference was {found['worst']} (`{found['worst_feature']}`)."
    )
    if not found["worst"]:
        said = f"PyRadiomics could not measure {found['cases']} chosen for the audit."
    return f"{said} **{' '.join(bad)}**" if bad else said


def _compared(item: tuple[ImageRow, dict[str, str]], *, parameters: Parameters, store: Path) -> dict[str, Any]:
    """Both engines' features of one mask, as they stand in the store or are put there."""
    row, scans = item
    radiomics, deep = parameters.radiomics, parameters.deep.model_copy(update={"enabled": False})
    found = []
    for engine in ("fast", "pyradiomics"):
        own = radiomics.model_copy(update={"engine": engine})
        changed = parameters.model_copy(update={"radiomics": own, "deep": deep})
        (one,) = sequence.measure_all([row], parameters=changed, store=store, scans=scans)
        if isinstance(one, CaseError):
            raise one
        found.append(one.features)
    compared = parity.compare(*found)
    return _row(row, compared.features, compared.worst, compared.worst_feature, compared.beyond, "")


def _failed(row: ImageRow, reason: str) -> dict[str, Any]:
    return _row(row, 0, math.nan, "", 0, reason)


def _row(row: ImageRow, *values: Any) -> dict[str, Any]:
    columns = tables.DECLARED["audit"].names
    return dict(zip(columns, (row.case, row.sequence, row.reader, *values), strict=True))
